"""Whole samples of the world: frames, sound and truth; and the truth as JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from pydantic import TypeAdapter

from openreels.core.arrays import Pixels, Waveform
from openreels.core.seeding import derive_seed
from openreels.core.shapes import ASPECT_RATIOS, SAMPLES_PER_TOKEN, ClipShape
from openreels.stage.captions import Tier, caption
from openreels.stage.events import spoken
from openreels.stage.heard import render_sound, scene_chords, strikes, utterances
from openreels.stage.physics import contacts
from openreels.stage.render import render_video
from openreels.stage.scene import Scene, Truth
from openreels.stage.world import WorldSettings, sample_scene

_TRUTH = TypeAdapter(Truth)
_ANY_SCENE = WorldSettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class StageBatch:
    """Clips of the world with what is exactly true of them."""

    pixels: Pixels
    """Frames in [-1, 1]."""
    waveform: Waveform
    """Stereo sound at 44.1 kHz; whole audio tokens: ``shape.num_audio_tokens`` times 1024."""
    truths: tuple[Truth, ...]
    """Scene, contacts and captions of each clip."""


def truth_of(scene: Scene) -> Truth:
    """Collect what is true of a scene: all that sounds in it, and one caption a tier."""
    tiers: tuple[Tier, ...] = ("short", "long", "structured")
    captions = {tier: caption(scene, 0, tier=tier) for tier in tiers}
    touched, said = contacts(scene), utterances(scene)
    return Truth(
        scene=scene,
        contacts=touched,
        captions=captions,
        strikes=strikes(scene, touched),
        utterances=said,
        spoken=spoken(said),
        chords=scene_chords(scene),
    )


def sound_seed(scene: Scene) -> int:
    """The seed from which the sound of a scene is rendered."""
    return derive_seed(scene.seed, "sound", scene.index)


def render_truths(
    truths: Sequence[Truth], shape: ClipShape, device: str | torch.device = "cpu"
) -> StageBatch:
    """Render frames and sound of known scenes.

    Args:
        truths: At least one truth.
        shape: Size, length and frame rate of every clip.
        device: Where to render and where the tensors lie.

    Returns:
        The clips; the same truths are in them.
    """
    scenes = [truth.scene for truth in truths]
    waveform = render_sound(
        truths,
        shape.num_audio_tokens * SAMPLES_PER_TOKEN,
        [sound_seed(scene) for scene in scenes],
    )
    pixels = render_video(scenes, shape, device)
    return StageBatch(pixels=pixels, waveform=waveform.to(device), truths=tuple(truths))


def settings_for(shape: ClipShape, settings: WorldSettings = _ANY_SCENE) -> WorldSettings:
    """Fit a world to a clip: its ratio, and its length from the first frame to the last."""
    ratio = min(
        ASPECT_RATIOS,
        key=lambda name: abs(
            math.log(shape.width * ASPECT_RATIOS[name][1] / shape.height / ASPECT_RATIOS[name][0])
        ),
    )
    length = max(0.25, (shape.num_frames - 1) / shape.fps)
    return replace(settings, aspect_ratio=ratio, duration_s=length)


def make_samples(
    seed: int,
    indices: Sequence[int],
    shape: ClipShape,
    settings: WorldSettings = _ANY_SCENE,
) -> StageBatch:
    """Draw scenes and render them.

    Args:
        seed: Seed of the world.
        indices: Indices of the scenes in that world; at least one.
        shape: Size, length and frame rate of every clip.
        settings: What scenes the world holds; its length and ratio are replaced by the shape's.

    Returns:
        The same clips for the same arguments. Each depends on its own index only.
    """
    settings = settings_for(shape, settings)
    scenes = [sample_scene(seed, index, settings=settings) for index in indices]
    return render_truths([truth_of(scene) for scene in scenes], shape)


def truth_to_json(truth: Truth) -> str:
    """Write a truth as JSON, as in ``truth.json``."""
    return _TRUTH.dump_json(truth, indent=2).decode()


def truth_from_json(text: str | bytes) -> Truth:
    """Read a truth, strictly: unknown or missing fields and wrong types are refused.

    Args:
        text: JSON as written by ``truth_to_json``.

    Returns:
        An equal truth.
    """
    return _TRUTH.validate_json(text)
