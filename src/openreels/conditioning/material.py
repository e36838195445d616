"""What the files of a request hold, as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from openreels.conditioning.frames import fitted_size, nearest_ratio
from openreels.core.request import (
    MAX_REFERENCE_VIDEO_S,
    MAX_VOICE_S,
    RESOLUTIONS,
    GenerationRequest,
    TaggedFile,
)
from openreels.core.shapes import (
    BASE_FPS,
    MAX_DURATION_S,
    TEMPORAL_STRIDE,
    ClipShape,
    frames_of_seconds,
    size_for,
)
from openreels.media.audio import read_waveform
from openreels.media.clip import Clip, read_clip
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
    untimed: tuple[UInt8[Tensor, "_ _ 3"], ...] = ()
    """Pictures inside the clip whose time is free."""
    references: tuple[tuple[UInt8[Tensor, "_ _ 3"], ...], ...] = ()
    """Pictures of each reference."""
    grid: UInt8[Tensor, "_ _ 3"] | None = None
    """The storyboard."""
    voices: tuple[Float[Tensor, "2 _"], ...] = ()
    """Voice samples at 44.1 kHz."""
    audio_refs: tuple[Float[Tensor, "2 _"], ...] = ()
    """Other sounds at 44.1 kHz."""
    clip: UInt8[Tensor, "t _ _ 3"] | None = None
    """Frames of the clip to extend or edit, at 16 fps; one frame for a picture."""
    follow: UInt8[Tensor, "u _ _ 3"] | None = None
    """Frames of the reference clip, at 16 fps."""
    waveform: Float[Tensor, "2 s"] | None = None
    """Sound at 44.1 kHz of the clip to extend or edit; without one, of the reference clip."""
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
    sound_limits = ReadLimits(max_duration_s=MAX_VOICE_S)

    def sounds(files: Sequence[TaggedFile]) -> tuple[Tensor, ...]:
        return tuple(
            torch.from_numpy(read_waveform(file.path, limits=sound_limits)) for file in files
        )

    stills = Material(
        first_frame=_picture(request.first_frame),
        last_frame=_picture(request.last_frame),
        keyframes=tuple(
            (time_s, torch.from_numpy(read_image(path)))
            for time_s, path in timed
            if time_s is not None
        ),
        untimed=tuple(torch.from_numpy(read_image(path)) for time, path in timed if time is None),
        references=tuple(
            tuple(torch.from_numpy(read_image(path)) for path in reference.images)
            for reference in request.references
        ),
        grid=_picture(request.grid.path if request.grid else None),
        voices=sounds(request.voices),
        audio_refs=sounds(request.audio_refs),
    )
    return _with_source(request, stills)


def _with_source(request: GenerationRequest, stills: Material) -> Material:
    """Read the clip, or the picture, that is extended, edited or followed."""
    path = request.extend or request.edit
    if path is None:
        return _with_follow(request, stills, None)
    if request.kind == "image":
        picture = torch.from_numpy(read_image(path))[None]
        facts = MediaFacts(duration_s=0.0, height=picture.shape[1], width=picture.shape[2])
        size = _size(request, facts)
        return _with_region(request, replace(stills, clip=picture), facts, size)
    longest_s = ReadLimits().max_duration_s if request.edit else MAX_REFERENCE_VIDEO_S
    limits = ReadLimits(max_duration_s=longest_s)
    facts = probe(path, limits=limits)
    # Only a clip that another shape may surround is placed whole; every other one is covered.
    surrounded = request.aspect_ratio is not None and request.edit_region is None
    size = None if request.edit and surrounded else _size(request, facts)
    clip = read_clip(path, fps=BASE_FPS, size=size, limits=limits)
    material = replace(stills, clip=_frames(clip), waveform=_sound(clip))
    return _with_follow(request, _with_region(request, material, facts, size), facts)


def _with_follow(
    request: GenerationRequest, material: Material, source: MediaFacts | None
) -> Material:
    """Read the reference clip: alone it gives the size, else it comes as large as it fits."""
    if request.ref_video is None:
        return material
    limits = ReadLimits(max_duration_s=MAX_REFERENCE_VIDEO_S)
    facts = probe(request.ref_video.path, limits=limits)
    size = _size(request, source or facts)
    if source is not None and size is not None and facts.height and facts.width:
        size = fitted_size(facts.height, facts.width, height=size[0], width=size[1])
    clip = read_clip(request.ref_video.path, fps=BASE_FPS, size=size, limits=limits)
    heard = material.waveform if source is not None else _sound(clip)
    return replace(material, follow=_frames(clip), waveform=heard)


def _frames(clip: Clip) -> UInt8[Tensor, "t _ _ 3"]:
    return torch.from_numpy(np.ascontiguousarray(clip.frames))


def _sound(clip: Clip) -> Float[Tensor, "2 s"] | None:
    return None if clip.waveform is None else torch.from_numpy(clip.waveform)


def _with_region(
    request: GenerationRequest, material: Material, facts: MediaFacts, size: tuple[int, int] | None
) -> Material:
    if request.edit_region is None or size is None or material.clip is None:
        return material
    num_frames = editable_frames(len(material.clip))
    shape = ClipShape(num_frames=num_frames, height=size[0], width=size[1])
    length_s = len(material.clip) / BASE_FPS
    region = read_mask(request.edit_region, source=facts, shape=shape, length_s=length_s)
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
