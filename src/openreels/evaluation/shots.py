"""Shots, from pixels alone: where the picture is cut, and how the camera moves between cuts."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from openreels.stage.camera import PAN_RANGE, ZOOM_RANGE
from openreels.stage.scene import Camera

_JUMP = 0.12
"""Least mean step of a cut, in [0, 2]."""
_OVER = 2.5
"""How much larger than the steps around it a cut is."""
_FAR = 0.25
"""Pixels that differ by more than this differ no more than by this: they are actors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """How the picture moves between two frames."""

    x: float
    """By how much the camera goes to the right, in half heights of the picture."""
    zoom: float
    """Magnification of the second frame over the first."""
    error: float
    """What does not agree at that move, in [0, 2]."""


def cuts_of(pixels: Float[Tensor, "3 F H W"]) -> list[int]:
    """Find hard cuts.

    Args:
        pixels: Frames in [-1, 1].

    Returns:
        Indices of the first frames after a cut: the mean step there is over 0.12 and over 2.5 times
        that of the two steps on either side.
    """
    step = pixels.diff(dim=1).abs().mean((0, 2, 3))
    found: list[int] = []
    for index, size in enumerate(step.tolist()):
        near = [k for k in range(index - 2, index + 3) if k != index and 0 <= k < len(step)]
        around = sorted(float(step[k]) for k in near)
        usual = around[len(around) // 2] if around else 0.0
        if size > _JUMP and size > _OVER * usual:
            found.append(index + 1)
    return found


def cut_errors(found: list[int], true: list[int]) -> list[float]:
    """Distance in frames from each true cut to the nearest found one; 99 where there is none."""
    return [float(min((abs(f - t) for f in found), default=99)) for t in true]


def move_between(
    first: Float[Tensor, "3 H W"],
    second: Float[Tensor, "3 H W"],
    aside: Bool[Tensor, "H W"] | None = None,
) -> Move:
    """Find the pan or zoom that takes one frame to another, by trying many.

    Args:
        first: Pixels in [-1, 1].
        second: The same.
        aside: Pixels of the second frame that do not count, e.g. actors.

    Returns:
        The best of pans by up to 0.3 half heights and zooms by up to 1.35 about the middle.
    """
    first, second = _smooth(first), _smooth(second)
    pans = [(x, 1.0) for x in torch.linspace(-0.3, 0.3, 41).tolist()]
    zooms = [(0.0, 1.35 ** (k / 10)) for k in range(-10, 11) if k]
    found = [(_misfit(first, second, x, z, aside), x, z) for x, z in pans + zooms]
    error, x, zoom = min(found, key=lambda one: (one[0], abs(one[1]) + abs(math.log(one[2]))))
    return Move(x=x, zoom=zoom, error=error)


def _smooth(frame: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
    """Blur a frame, so that it loses little more by being moved."""
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    both = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    padded = functional.pad(frame[None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, both, groups=3)[0]


def _misfit(first: Tensor, second: Tensor, x: float, zoom: float, aside: Tensor | None) -> float:
    height, width = first.shape[1:]
    turn = torch.tensor([[[1 / zoom, 0.0, x * height / width], [0.0, 1 / zoom, 0.0]]])
    grid = functional.affine_grid(turn, [1, 3, height, width], align_corners=False)
    moved = functional.grid_sample(first[None], grid, padding_mode="border", align_corners=False)
    inside = (grid[0].abs() <= 1).all(-1)
    if aside is not None:
        inside = inside & ~aside
    gaps = (moved[0] - second).abs().mean(0).clamp(max=_FAR)
    weight = (_edges(second) + _edges(moved[0])) * inside
    if int(inside.sum()) < 16 or float(weight.sum()) < 1e-6:
        return _FAR
    return float((gaps * weight).sum() / weight.sum())


def _edges(frame: Float[Tensor, "3 H W"]) -> Float[Tensor, "H W"]:
    """How much happens at each pixel: flat parts fit any move and do not count."""
    across = functional.pad(frame.diff(dim=2).abs().mean(0), (0, 1))
    return across + functional.pad(frame.diff(dim=1).abs().mean(0), (0, 0, 0, 1))


def camera_of(
    pixels: Float[Tensor, "3 F H W"], aside: Bool[Tensor, "F H W"] | None = None
) -> Camera:
    """Tell how the camera moves in a shot.

    Args:
        pixels: Frames of one shot in [-1, 1].
        aside: Pixels that do not count.

    Returns:
        A zoom of at least a third of what the world's camera does in a shot, or a pan of at least
        a seventh (what is far moves less than the camera); else static.
    """
    count = pixels.shape[1]
    if count < 2:
        return "static"
    steps = max(1, min(4, count - 1))
    marks = [round(k * (count - 1) / steps) for k in range(steps + 1)]
    x, zoom = 0.0, 1.0
    for start, end in pairwise(marks):
        hidden = None if aside is None else aside[end] | aside[start]
        move = move_between(pixels[:, start], pixels[:, end], hidden)
        x, zoom = x + move.x, zoom * move.zoom
    panned = abs(x) / (2 * PAN_RANGE / 7)
    zoomed = 3 * abs(math.log(zoom)) / math.log(ZOOM_RANGE)
    if max(panned, zoomed) < 1:
        return "static"
    if panned >= zoomed:
        return "pan right" if x > 0 else "pan left"
    return "zoom in" if zoom > 1 else "zoom out"
