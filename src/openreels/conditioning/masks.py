"""Which pixels and latents are given. Everywhere ``known``: True = given, False = generate.

The paper's mask M (sec. 3.2, eq. 7) has 1 = given (keep) and 0 = generate, which is ``known`` as a
number. No mask in this package has the other polarity; the white of an edit region, which means
"change this", is turned round once, in ``region_known``.
"""

import math
from collections.abc import Callable, Sequence

import torch
from einops import rearrange, reduce
from jaxtyping import Bool
from torch import Tensor

from openreels.core.arrays import LatentMask, PixelMask
from openreels.core.shapes import (
    SPATIAL_STRIDE,
    TEMPORAL_STRIDE,
    ClipShape,
    check_num_frames,
    frames_in_latent,
)

MAX_KEYFRAMES = 6
"""Keyframes at times that a clip may have; source: the public API documentation."""


def latent_known(pixel_known: PixelMask) -> LatentMask:
    """Find the latents that are given: those whose every covered pixel is given.

    A latent covers 8x8 pixels of its frames: frame 0 alone, then four frames each. Not given by
    the paper: what a partly given latent counts as; it is generated, so that nothing unknown
    passes for known.

    Args:
        pixel_known: True where the pixel is given; ``4k + 1`` frames, sides multiples of 8.

    Returns:
        True where the latent is given.

    Raises:
        ValueError: If the frames or sides do not fit the strides.
    """
    _, num_frames, height, width = pixel_known.shape
    check_num_frames(num_frames)
    if height % SPATIAL_STRIDE or width % SPATIAL_STRIDE:
        raise ValueError(
            f"a mask's sides must be multiples of {SPATIAL_STRIDE}, got {(height, width)}; "
            "resize it to the clip's size"
        )
    cells = reduce(
        pixel_known,
        "b F (h p) (w q) -> b F h w",
        "all",
        p=SPATIAL_STRIDE,
        q=SPATIAL_STRIDE,
    )
    rest = reduce(cells[:, 1:], "b (f t) h w -> b f h w", "all", t=TEMPORAL_STRIDE)
    return torch.cat([cells[:, :1], rest], dim=1)


def nothing_known(shape: ClipShape) -> Bool[Tensor, "F H W"]:
    """A clip of which nothing is given: text to video."""
    return torch.zeros(shape.num_frames, shape.height, shape.width, dtype=torch.bool)


def latents_known(shape: ClipShape, indices: Sequence[int]) -> Bool[Tensor, "F H W"]:
    """Give whole latent frames: every frame that each of them covers.

    Args:
        shape: Size of the clip.
        indices: Latent frames that are given; 0 is the first frame alone.

    Returns:
        True in the frames that the given latents cover.

    Raises:
        ValueError: If an index lies outside the clip.
    """
    known = nothing_known(shape)
    for index in indices:
        if not 0 <= index < shape.num_latent_frames:
            raise ValueError(
                f"a given latent frame must lie in 0..{shape.num_latent_frames - 1}, got {index}"
            )
        frames = frames_in_latent(index)
        known[frames.start : frames.stop] = True
    return known


def region_known(region: Bool[Tensor, "t H W"], shape: ClipShape) -> Bool[Tensor, "F H W"]:
    """Turn an edit region (True = change) into what is known (True = given).

    Args:
        region: One picture for all frames, or a picture a frame; the last one is held.
        shape: Size of the clip.

    Returns:
        True outside the region.

    Raises:
        ValueError: If the region has another size than the clip.
    """
    if tuple(region.shape[1:]) != (shape.height, shape.width):
        raise ValueError(
            f"an edit region must have the clip's size {(shape.height, shape.width)}, "
            f"got {tuple(region.shape[1:])}; resize it first"
        )
    index = torch.arange(shape.num_frames).clamp(max=region.shape[0] - 1)
    return ~region[index]


def keyframe_latent(time_s: float, shape: ClipShape) -> int:
    """The latent frame whose time is nearest to a keyframe's; half way, the later one.

    Times a latent frame or more apart have different ones.

    Args:
        time_s: Seconds from the start of the clip.
        shape: Size of the clip.

    Returns:
        Index of the latent frame; integer seconds at 16 fps fall on one exactly. A time up to half
        a latent frame after the last one counts as the last.

    Raises:
        ValueError: If the time lies outside the clip.
    """
    last = shape.num_latent_frames - 1
    place = time_s * float(shape.latent_fps)
    if place < 0 or place > last + 0.5:
        raise ValueError(
            f"a keyframe must lie inside the clip, 0 to {float(last / shape.latent_fps):g} s, "
            f"got {time_s:g} s"
        )
    return min(math.floor(place + 0.5), last)


def _draw(low: int, high: int, generator: torch.Generator) -> int:
    """An integer in [low, high], both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _keyframes(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    count = _draw(1, min(MAX_KEYFRAMES, shape.num_latent_frames), generator)
    order = torch.randperm(shape.num_latent_frames, generator=generator)
    return latents_known(shape, order[:count].tolist())


def _prefix(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    return latents_known(shape, range(_draw(1, max(1, shape.num_latent_frames - 1), generator)))


def _suffix(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    count = shape.num_latent_frames
    return latents_known(shape, range(_draw(min(1, count - 1), count - 1, generator), count))


def _blob(shape: ClipShape, generator: torch.Generator, *, moving: bool) -> Bool[Tensor, "F H W"]:
    """A rectangle or ellipse, still or wandering along a line with a swing."""
    progress = rearrange(torch.linspace(0, 1, shape.num_frames), "F -> F 1 1")
    rows = rearrange((torch.arange(shape.height) + 0.5) / shape.height, "H -> 1 H 1")
    columns = rearrange((torch.arange(shape.width) + 0.5) / shape.width, "W -> 1 1 W")
    half_height = _uniform(0.1, 0.35, generator)
    half_width = _uniform(0.1, 0.35, generator)
    row, column = (_uniform(0.15, 0.85, generator) for _ in range(2))
    if moving:
        swing = _uniform(0.0, 0.15, generator) * torch.sin(
            progress * _uniform(3.0, 12.0, generator)
        )
        row = row + (_uniform(0.0, 1.0, generator) - row) * progress + swing
        column = column + (_uniform(0.0, 1.0, generator) - column) * progress
    vertical = ((rows - row) / half_height).abs()
    horizontal = ((columns - column) / half_width).abs()
    if _draw(0, 1, generator):
        inside = (vertical < 1) & (horizontal < 1)
    else:
        inside = vertical.square() + horizontal.square() < 1
    return inside.expand(shape.num_frames, shape.height, shape.width)


def _region(shape: ClipShape, generator: torch.Generator, *, moving: bool) -> Bool[Tensor, "F H W"]:
    unknown = _blob(shape, generator, moving=moving)
    for _ in range(_draw(0, 2, generator)):
        unknown = unknown | _blob(shape, generator, moving=moving)
    return ~unknown


def _fixed_region(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    return _region(shape, generator, moving=False)


def _moving_region(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    return _region(shape, generator, moving=True)


def _centre(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    """Keep a rectangle around the middle: margins at the sides, above and below, or all round."""
    known = nothing_known(shape)
    kind = _draw(0, 2, generator)
    margins = [_uniform(0.1, 0.3, generator) if kind != axis else 0.0 for axis in (0, 1)]
    top = round(margins[0] * shape.height)
    left = round(margins[1] * shape.width)
    known[:, top : shape.height - top, left : shape.width - left] = True
    return known


def _nothing(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:  # noqa: ARG001 - one signature for every maker
    return nothing_known(shape)


def _first(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:  # noqa: ARG001 - one signature for every maker
    return latents_known(shape, (0,))


def _last(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:  # noqa: ARG001 - one signature for every maker
    return latents_known(shape, (shape.num_latent_frames - 1,))


def _first_last(shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:  # noqa: ARG001 - one signature for every maker
    return latents_known(shape, (0, shape.num_latent_frames - 1))


_TRAINING: dict[str, Callable[[ClipShape, torch.Generator], Bool[Tensor, "F H W"]]] = {
    "nothing": _nothing,
    "first": _first,
    "last": _last,
    "first_last": _first_last,
    "keyframes": _keyframes,
    "prefix": _prefix,
    "suffix": _suffix,
    "fixed_region": _fixed_region,
    "moving_region": _moving_region,
    "centre": _centre,
}
PATTERNS = tuple(_TRAINING)
"""Names of the ways in which a part of a clip is given; a task names one."""


def draw_known(pattern: str, shape: ClipShape, generator: torch.Generator) -> Bool[Tensor, "F H W"]:
    """Draw a random pixel mask of one pattern, as training sees it.

    Not given by the paper: how masks are drawn. Ours are uniform over what a request may hold:
    one to six keyframes, any length of prefix or suffix, one to three rectangles or ellipses.

    Args:
        pattern: One of ``PATTERNS``.
        shape: Size of the clip.
        generator: Source of the draw.

    Returns:
        True where the pixel is given.

    Raises:
        ValueError: If the pattern is unknown.
    """
    if pattern not in _TRAINING:
        raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, got {pattern!r}")
    return _TRAINING[pattern](shape, generator)
