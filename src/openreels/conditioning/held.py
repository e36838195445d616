"""What a request gives of its refined clip: the source at full size, and pictures on the way."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from openreels.conditioning.frames import contain, cover
from openreels.conditioning.keyframes import refined_place
from openreels.conditioning.masks import keyframe_latent, region_known
from openreels.conditioning.material import Material
from openreels.conditioning.refine import TIME_FACTOR, Held, refined_num_frames
from openreels.core.request import GenerationRequest
from openreels.core.shapes import BASE_FPS, TEMPORAL_STRIDE, ClipShape
from openreels.media.clip import read_clip
from openreels.media.files import ReadLimits
from openreels.media.image import read_image
from openreels.media.mask import read_mask
from openreels.media.video import MediaFacts, probe


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The frames that a pass of the refiner makes."""

    num_frames: int
    """Frames of the whole result, of any number."""
    height: int
    """Rows; a multiple of 16."""
    width: int
    """Columns; a multiple of 16."""
    fps: int
    """Frames a second."""

    def shape(self, num_frames: int | None = None) -> ClipShape:
        """The clip of this size, with the frames held up to ``4k + 1``."""
        count = self.num_frames if num_frames is None else num_frames
        whole = -(-(count - 1) // TEMPORAL_STRIDE) * TEMPORAL_STRIDE + 1
        return ClipShape(num_frames=whole, height=self.height, width=self.width, fps=self.fps)

    def low_shape(self) -> ClipShape:
        """The clip of the base that this is made of, on its frames and clock."""
        low = replace(self, num_frames=(self.num_frames - 1) // TIME_FACTOR + 1, fps=BASE_FPS)
        return low.shape()


def held_of(
    request: GenerationRequest, material: Material, target: Target
) -> tuple[Held, tuple[str, ...]]:
    """Find what is given of a refined clip.

    A source that has fewer rows than the result holds nothing: its pixels guide the refiner through
    the low-resolution clip, in which they are, and are refined like all others. So does a clip that
    was changed by instruction or followed: no pixel of it is returned, so ask without its ``edit``.

    Args:
        request: A valid request.
        material: What its files hold: its pictures, and the length of the clip that is extended.
        target: Size of the result.

    Returns:
        Source, mask and pictures at the size of the result, and what should be told.

    Raises:
        MediaError: If a file cannot be read.
        ValueError: If the material of an extension has no clip.
    """
    path = request.extend or request.edit
    if path is None:
        return _pictures(material, target), ()
    facts = _facts_of(request, path)
    if _rows_in(facts, target) < target.height:
        note = f"the source is smaller than {target.width}x{target.height} and was refined too"
        return Held(), (note,)
    if request.extend:
        return _extension(request, path, material, target), ()
    return _edit(request, path, facts, target), ()


def _facts_of(request: GenerationRequest, path: str) -> MediaFacts:
    if request.kind != "image":
        return probe(path)
    height, width = read_image(path).shape[:2]
    return MediaFacts(duration_s=0.0, height=height, width=width)


def _rows_in(facts: MediaFacts, target: Target) -> int:
    """Rows of the source that fill the target."""
    if facts.height is None or facts.width is None:
        return 0
    return min(facts.height, facts.width * target.height // target.width)


def _frames_at(
    request: GenerationRequest, path: str, target: Target, size: tuple[int, int] | None
) -> UInt8[Tensor, "t H W 3"]:
    if request.kind == "image":
        picture = torch.from_numpy(read_image(path))
        return picture[None] if size is None else _fitted(picture, target)[None]
    limits = ReadLimits(max_decoded_bytes=2**33)
    clip = read_clip(path, fps=target.fps, size=size, limits=limits)
    return torch.from_numpy(np.ascontiguousarray(clip.frames))


def _held_to(frames: Tensor, count: int) -> Tensor:
    """Frames cut, or the last one held, to a number."""
    if len(frames) == count:
        return frames
    return frames[torch.arange(count).clamp(max=len(frames) - 1)]


def _edit(request: GenerationRequest, path: str, facts: MediaFacts, target: Target) -> Held:
    size, count = (target.height, target.width), target.num_frames
    if request.edit_region is None:
        source, known = contain(
            _held_to(_frames_at(request, path, target, None), count), height=size[0], width=size[1]
        )
        return Held(source=source, known=known)
    source = _held_to(_frames_at(request, path, target, size), count)
    shape = target.shape()
    # Its length was compared with the clip's when it was read for the base.
    region = torch.from_numpy(read_mask(request.edit_region, source=facts, shape=shape))
    return Held(source=source, known=region_known(region, shape)[:count])


def _extension(request: GenerationRequest, path: str, material: Material, target: Target) -> Held:
    if material.clip is None:
        raise ValueError("extend needs a clip, got none; give the path of a clip")
    # Every frame that the base saw, and one between every two: its rounding, not that of this rate.
    count = min(refined_num_frames(len(material.clip)), target.num_frames)
    given = _held_to(_frames_at(request, path, target, (target.height, target.width)), count)
    first = target.num_frames - count if request.extend_before else 0
    source = torch.zeros(target.num_frames, target.height, target.width, 3, dtype=torch.uint8)
    source[first : first + count] = given
    known = torch.zeros(source.shape[:3], dtype=torch.bool)
    known[first : first + count] = True
    return Held(source=source, known=known)


def _fitted(picture: UInt8[Tensor, "_ _ 3"], target: Target) -> UInt8[Tensor, "H W 3"]:
    return cover(picture[None], height=target.height, width=target.width)[0]


def _pictures(material: Material, target: Target) -> Held:
    shape = target.shape()
    # The place that the base gave it, so that both have the picture at the same time.
    stills = {
        refined_place(keyframe_latent(time_s, target.low_shape())): _fitted(image, target)
        for time_s, image in material.keyframes
    }
    if material.last_frame is not None and shape.num_latent_frames > 1:
        stills[shape.num_latent_frames - 1] = _fitted(material.last_frame, target)
    first = stills.pop(0, None)
    if material.first_frame is not None:
        first = _fitted(material.first_frame, target)
    source = known = None
    if first is not None:
        source, known = _first_alone(first, target)
    return Held(source=source, known=known, stills=tuple(sorted(stills.items())))


def _first_alone(
    picture: UInt8[Tensor, "H W 3"], target: Target
) -> tuple[UInt8[Tensor, "F H W 3"], Bool[Tensor, "F H W"]]:
    source = torch.zeros(target.num_frames, *picture.shape, dtype=torch.uint8)
    source[0] = picture
    known = torch.zeros(source.shape[:3], dtype=torch.bool)
    known[0] = True
    return source, known
