"""Motion, from tracks: does one thing move as another does?"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_STILL = 1e-3
"""Paths whose places spread less than this, in heights of the picture, do not move."""


def path_of(
    cover: Float[Tensor, "F h w"], least: float = 5.0
) -> tuple[Float[Tensor, "F 2"], Tensor]:
    """Follow the middle of what is covered.

    Args:
        cover: Probability that a cell is covered.
        least: Cells of a grid of 32 rows that count as seen.

    Returns:
        Column and row in heights of the picture, and in which frames it is seen.
    """
    rows, columns = cover.shape[1:]
    weight = cover * (cover > 0.3)
    mass = weight.sum((1, 2))
    x = (weight.sum(1) * (torch.arange(columns) + 0.5)).sum(1) / mass.clamp_min(1e-6) / rows
    y = (weight.sum(2) * (torch.arange(rows) + 0.5)).sum(1) / mass.clamp_min(1e-6) / rows
    return torch.stack([x, y], 1), mass * (32 / rows) ** 2 > least


def motion_correlation(
    first: Float[Tensor, "F 2"], second: Float[Tensor, "F 2"], seen: Tensor | None = None
) -> float:
    """Correlation of two paths, both axes together, wherever they start.

    Args:
        first: Places over time.
        second: The same.
        seen: Frames that count; all by default.

    Returns:
        1 for the same motion elsewhere and of any size; nan where one does not move or fewer than
        three frames count.
    """
    if seen is not None:
        first, second = first[seen], second[seen]
    if len(first) < 3:
        return math.nan
    a, b = first - first.mean(0), second - second.mean(0)
    spread = (a.square().sum().sqrt(), b.square().sum().sqrt())
    if min(float(s) for s in spread) < _STILL * math.sqrt(len(a)):
        return math.nan
    return float((a * b).sum() / (spread[0] * spread[1]))
