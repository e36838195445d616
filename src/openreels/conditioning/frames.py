"""Frames of a source brought to the size of the clip: filled, placed inside, or padded."""

import math

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from openreels.core.shapes import ASPECT_RATIOS, ClipShape
from openreels.media.image import fit_frames, fit_masks

_UNIT_PX = 16
"""Sides of references are multiples of this, as those of clips."""


def nearest_ratio(height: int, width: int) -> str:
    """The name of the aspect ratio nearest to a picture's, by the ratio of ratios.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.

    Returns:
        One of ``ASPECT_RATIOS``.
    """
    shape = math.log(width / height)
    return min(
        ASPECT_RATIOS,
        key=lambda name: abs(shape - math.log(ASPECT_RATIOS[name][0] / ASPECT_RATIOS[name][1])),
    )


def cover(frames: UInt8[Tensor, "t a b 3"], *, height: int, width: int) -> UInt8[Tensor, "t H W 3"]:
    """Scale frames until they fill a size and cut what hangs over, evenly on both sides.

    Args:
        frames: Source frames.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        Frames of that size; the same bytes when nothing is to be done.
    """
    if tuple(frames.shape[1:3]) == (height, width):
        return frames
    return torch.from_numpy(fit_frames(frames.numpy(), height, width))


def cover_region(
    region: Bool[Tensor, "t a b"], *, height: int, width: int
) -> Bool[Tensor, "t H W"]:
    """Bring an edit region to a size the way ``cover`` brings its clip there.

    Args:
        region: True = change.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        True where any part of a pixel is to change.
    """
    if tuple(region.shape[1:]) == (height, width):
        return region
    return torch.from_numpy(fit_masks(region.numpy(), height, width))


def contain(
    frames: UInt8[Tensor, "t a b 3"], *, height: int, width: int
) -> tuple[UInt8[Tensor, "t H W 3"], Bool[Tensor, "t H W"]]:
    """Place frames whole in the middle of a size; the margin repeats their border.

    The margin is not given: what stands there is only what the autoencoder sees beside the
    picture. Repeating the border keeps a black edge out of the latents that are given.

    Args:
        frames: Source frames.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        Frames of that size, and True where they show the source.
    """
    rows, columns = frames.shape[1:3]
    scale = min(height / rows, width / columns)
    inner = cover(
        frames,
        height=min(height, max(1, round(rows * scale))),
        width=min(width, max(1, round(columns * scale))),
    )
    top = (height - inner.shape[1]) // 2
    left = (width - inner.shape[2]) // 2
    row = (torch.arange(height) - top).clamp(0, inner.shape[1] - 1)
    column = (torch.arange(width) - left).clamp(0, inner.shape[2] - 1)
    known = torch.zeros(frames.shape[0], height, width, dtype=torch.bool)
    known[:, top : top + inner.shape[1], left : left + inner.shape[2]] = True
    return inner[:, row][:, :, column], known


def fitted_size(rows: int, columns: int, *, height: int, width: int) -> tuple[int, int]:
    """The largest size in a frame for a picture that keeps its shape to 16 pixels.

    Not given by the paper: the size of references. A picture as large as the clip shows its subject
    about as large as the clip will.

    Args:
        rows: Height of the picture.
        columns: Width of the picture.
        height: Rows of the frame; a multiple of 16.
        width: Columns of the frame; a multiple of 16.

    Returns:
        Height and width, multiples of 16, none larger than the frame.
    """
    scale = min(height / rows, width / columns)
    high, wide = (
        min(most, max(_UNIT_PX, round(side * scale / _UNIT_PX) * _UNIT_PX))
        for side, most in ((rows, height), (columns, width))
    )
    return high, wide


def fitted(frames: UInt8[Tensor, "t a b 3"], shape: ClipShape) -> UInt8[Tensor, "t c d 3"]:
    """Scale a picture or a clip to ``fitted_size`` of a clip.

    Args:
        frames: One frame of a picture, any number of a clip.
        shape: Of the clip beside which it stands.

    Returns:
        The same frames.
    """
    height, width = fitted_size(*frames.shape[1:3], height=shape.height, width=shape.width)
    return cover(frames, height=height, width=width)
