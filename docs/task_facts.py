"""What is known of the clips on the pages of tasks: how they were made, what is heard and seen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from openreels.core.config import from_dict, to_dict
from openreels.core.shapes import BASE_FPS
from openreels.evaluation.clips import tensors_of
from openreels.evaluation.onsets import detect_onsets
from openreels.evaluation.score import read_clip
from openreels.evaluation.sounds import read_sound
from openreels.media.clip import Clip
from openreels.models.probe.model import StageProbe
from openreels.pipelines.components import SHIPPED
from openreels.pipelines.low_rank import REFERENCES_FILE, WORLD_LORA_FILE
from openreels.pipelines.shots import SHOT_WORDS_FILE, SHOTS_FILE
from openreels.pipelines.voiced import VOICES_FILE, WORDS_FILE

PROBE_PX = 64
"""Shorter side of the clips that the probes know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One sound."""

    time_s: float
    """When it begins."""
    sounds_like: str
    """Size and material, as the probe hears them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """One run of a command."""

    weights: str
    """Digest of the transformer's file."""
    steps: int
    """Denoising steps."""
    size: str
    """Seconds, pixels, rate."""
    prompt: str | None = None
    """What the enhancer made of the prompt; None if nothing."""
    notes: tuple[str, ...] = ()
    """What the command told."""
    heard: tuple[Heard, ...] = ()
    """Sounds, in order."""
    seen_s: tuple[float, ...] = ()
    """Contacts that are seen, in order."""
    objects: tuple[str, ...] = field(default=())
    """Objects that are seen, the largest first."""


def digest_of(
    model: str | Path, *, referenced: bool = False, voiced: bool = False, cutting: bool = False
) -> str:
    """Eight digits that name the weights of a model's transformer, with the changes of its prompts.

    Args:
        model: The shipped one or a folder.
        referenced: Whether with its changes for references; else with those for the whole world,
            where it has any.
        voiced: Whether with its changes for voices and music as well, and with those of the prompt
            encoder.
        cutting: Whether with the changes for several shots in the place of those for the world,
            and with those of the prompt encoder.
    """
    shipped = Path(str(files("openreels.weights"))) / "files"
    folder = shipped if str(model) == SHIPPED else Path(model)
    world = SHOTS_FILE if cutting else WORLD_LORA_FILE
    paths = (
        folder / "mmdit.safetensors",
        folder / (REFERENCES_FILE if referenced else world),
        *((folder / VOICES_FILE, folder / WORDS_FILE) if voiced else ()),
        *((folder / SHOT_WORDS_FILE,) if cutting else ()),
    )
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths if path.exists()))
    return digest.hexdigest()[:8]


def facts_of(clip: Clip, metadata: dict[str, Any], probe: StageProbe, weights: str) -> Facts:
    """Gather what is known of a clip.

    Args:
        clip: The clip, sound or picture.
        metadata: That of the run.
        probe: The instruments of StageBench.
        weights: Digest of the weights.

    Returns:
        The facts; a picture has no events.
    """
    heard, seen, objects = _events(clip, probe)
    return Facts(
        weights=weights,
        steps=metadata["steps"],
        size=_size(metadata),
        prompt=metadata["enhanced_prompt"],
        notes=tuple(metadata["notes"]),
        heard=heard,
        seen_s=seen,
        objects=objects,
    )


def _events(
    clip: Clip, probe: StageProbe
) -> tuple[tuple[Heard, ...], tuple[float, ...], tuple[str, ...]]:
    if clip.frames is None:
        sound = torch.as_tensor(clip.waveform)
        found = [(one.time_s, read_sound(probe, sound, one.time_s)) for one in detect_onsets(sound)]
        return _heard(found), (), ()
    if clip.num_frames == 1:
        return (), (), ()
    small = clip.to_fps(BASE_FPS)
    height, width = clip.frames.shape[1:3]
    if min(height, width) > PROBE_PX:
        scale = PROBE_PX / min(height, width)
        small = small.fit(round(height * scale), round(width * scale))
    reading = read_clip(probe, *tensors_of(small), BASE_FPS)
    times = [onset.time_s for onset in reading.onsets]
    seen = tuple(round(time_s, 2) for time_s in reading.contacts_s)
    objects = tuple(f"{one.size} {one.colour} {one.shape}" for one in reading.objects)
    return _heard(list(zip(times, reading.sounds, strict=True))), seen, objects


def _heard(found: Sequence[tuple[float, tuple[str, str]]]) -> tuple[Heard, ...]:
    return tuple(
        Heard(time_s=round(time_s, 2), sounds_like=f"{size} {material}")
        for time_s, (material, size) in found
    )


def _size(metadata: dict[str, Any]) -> str:
    parts = []
    if metadata["num_frames"] != 1:
        parts.append(f"{metadata['seconds']:.2f} s")
    if metadata["width"] is not None:
        parts.append(f"{metadata['width']}x{metadata['height']} pixels")
    if metadata["fps"] is not None and metadata["num_frames"] > 1:
        parts.append(f"{metadata['fps']} fps")
    return ", ".join(parts)


def read_facts(path: Path) -> dict[str, Facts]:
    """Read the facts of all pages."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: from_dict(Facts, one, allow_missing=True) for name, one in found.items()}


def write_facts(path: Path, facts: dict[str, Facts]) -> None:
    """Write the facts of all pages."""
    found = {name: to_dict(one) for name, one in sorted(facts.items())}
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
