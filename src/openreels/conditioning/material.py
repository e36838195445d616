"""What the files of a request hold, as tensors."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from openreels.conditioning.frames import nearest_ratio
from openreels.core.request import MAX_REFERENCE_VIDEO_S, RESOLUTIONS, GenerationRequest
from openreels.core.shapes import (
    BASE_FPS,
    MAX_DURATION_S,
    TEMPORAL_STRIDE,
    ClipShape,
    frames_of_seconds,
    size_for,
)
from openreels.media.clip import read_clip
from openreels.media.files import ReadLimits
from openreels.media.image import read_image
from openreels.media.mask import read_mask
from openreels.media.video import MediaFacts, probe


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Pictures, clip, sound and mask of a request; None or empty where it names no file."""

    first_frame: UInt8[Tensor, "_ _ 3"] | None = None
    """Picture at the start."""
    last_frame: UInt8[Tensor, "_ _ 3"] | None = None
    """Picture at the end."""
    keyframes: tuple[tuple[float, UInt8[Tensor, "_ _ 3"]], ...] = ()
    """Pictures with their seconds."""
    clip: UInt8[Tensor, "t _ _ 3"] | None = None
    """Frames of the clip to extend or edit, at 16 fps."""
    waveform: Float[Tensor, "2 s"] | None = None
    """Its sound at 44.1 kHz."""
    region: Bool[Tensor, "_ _ _"] | None = None
    """Part to change, True = change; one picture, or one a frame at 16 fps."""


def gather(request: GenerationRequest) -> Material:
    """Read every file that a request names.

    Clips come at 16 fps and, where their whole picture is not needed, at the size of the result.

    Args:
        request: A valid request.

    Returns:
        What the files hold.

    Raises:
        MediaError: If a file is missing, cannot be read, or is too long or too large.
    """
    timed = [(frame.time_s, frame.image) for frame in request.keyframes]
    stills = Material(
        first_frame=_picture(request.first_frame),
        last_frame=_picture(request.last_frame),
        keyframes=tuple(
            (time_s, torch.from_numpy(read_image(path)))
            for time_s, path in timed
            if time_s is not None
        ),
    )
    path = request.extend or request.edit
    if path is None:
        return stills
    longest_s = MAX_REFERENCE_VIDEO_S if request.extend else ReadLimits().max_duration_s
    limits = ReadLimits(max_duration_s=longest_s)
    facts = probe(path, limits=limits)
    whole = request.edit is not None and request.edit_region is None
    size = None if whole else _size(request, facts)
    clip = read_clip(path, fps=BASE_FPS, size=size, limits=limits)
    material = replace(
        stills,
        clip=torch.from_numpy(np.ascontiguousarray(clip.frames)),
        waveform=None if clip.waveform is None else torch.from_numpy(clip.waveform),
    )
    if request.edit_region is None or size is None:
        return material
    shape = ClipShape(num_frames=editable_frames(clip.num_frames), height=size[0], width=size[1])
    region = read_mask(request.edit_region, source=facts, shape=shape)
    return replace(material, region=torch.from_numpy(region))


def editable_frames(num_frames: int) -> int:
    """Frames of a clip that an edit keeps: 4k + 1 of them, at most 15 s."""
    whole = (num_frames - 1) // TEMPORAL_STRIDE * TEMPORAL_STRIDE + 1
    return min(whole, frames_of_seconds(MAX_DURATION_S))


def _picture(path: str | None) -> UInt8[Tensor, "_ _ 3"] | None:
    return None if path is None else torch.from_numpy(read_image(path))


def _size(request: GenerationRequest, facts: MediaFacts) -> tuple[int, int] | None:
    """Size of the result; None where the file tells no picture size, which reading it refuses."""
    if facts.height is None or facts.width is None:
        return None
    ratio = request.aspect_ratio or nearest_ratio(facts.height, facts.width)
    return size_for(ratio, RESOLUTIONS[request.resolution])
