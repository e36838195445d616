"""Clips as the bench handles them: true ones, decoded ones, and those it shows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import ClipShape, frames_of_seconds, size_for
from openreels.media.clip import Clip, pixels_of
from openreels.pipelines.components import Components
from openreels.stage.heard import render_scene_sounds
from openreels.stage.render import render_video
from openreels.stage.scene import Scene

Progress = Callable[[str, int, int], None]
"""Called with a stage name, how many are done and how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayedClip:
    """A clip of the report."""

    title: str
    """The prompt."""
    file: str
    """Path below the report's folder."""
    note: str
    """What the instruments say."""


def tensors_of(clip: Clip) -> tuple[Float[Tensor, "3 F H W"], Float[Tensor, "2 s"] | None]:
    """Frames in [-1, 1] and the waveform of a clip.

    Args:
        clip: A clip with frames.

    Returns:
        The frames, and the sound or None.

    Raises:
        ValueError: If the clip is sound alone.
    """
    if clip.frames is None:
        raise ValueError("a clip with frames is needed, got sound alone; give a video")
    pixels = pixels_of(clip.frames)[0]
    wave = None if clip.waveform is None else torch.as_tensor(clip.waveform)
    return pixels, wave


def true_clip(scene: Scene, duration_s: float) -> tuple[Tensor, Tensor, ClipShape]:
    """Render what a prompt describes: pixels, all that sounds, and shape.

    Raises:
        ValueError: If the clip is longer than the scene, in which nothing happens later.
    """
    if duration_s > scene.duration_s:
        raise ValueError(
            f"a true clip must not be longer than its scene of {scene.duration_s:g} s, got "
            f"{duration_s:g}; draw a longer scene"
        )
    height, width = size_for(scene.aspect_ratio, 64)
    shape = ClipShape(num_frames=frames_of_seconds(duration_s), height=height, width=width)
    pixels = render_video([scene], shape)[0]
    wave = render_scene_sounds([scene], shape.num_samples, [scene.index])[0]
    return pixels, wave, shape


def through_autoencoders(
    components: Components, pixels: Tensor, waveform: Tensor, shape: ClipShape
) -> tuple[Tensor, Tensor]:
    """A true clip as the autoencoders give it back: the ceiling of any generation."""
    decoded = components.video_vae.decode(components.video_vae.encode(pixels[None]))[0]
    length = shape.num_audio_tokens * 1024
    padded = torch.nn.functional.pad(waveform, (0, max(0, length - waveform.shape[1])))[:, :length]
    wave = components.audio_vae.decode(components.audio_vae.encode(padded[None]))[0]
    return decoded, wave
