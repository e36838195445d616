"""Edits, from pixels: did the change happen, is the rest as it was, is a trace left?"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.evaluation.metrics import psnr_db

_LEAST = 1e-6


def trace_left(
    result: Float[Tensor, "3 F H W"],
    source: Float[Tensor, "3 F H W"],
    target: Float[Tensor, "3 F H W"],
    where: Bool[Tensor, "F H W"],
) -> float:
    """How much of what should have gone is still there.

    The result is projected on the line from target to source, over the pixels of the mask.

    Args:
        result: What was made.
        source: The clip before the edit.
        target: The true clip after it.
        where: Pixels that count.

    Returns:
        0 for the target, 1 for the source; nan where the two do not differ.
    """
    way = (source - target)[:, where].double()
    length = float(way.square().sum())
    if length < _LEAST:
        return math.nan
    return float(((result - target)[:, where].double() * way).sum()) / length


def kept_psnr_db(
    result: Float[Tensor, "3 F H W"],
    source: Float[Tensor, "3 F H W"],
    changed: Bool[Tensor, "F H W"],
) -> float:
    """PSNR of the result against the source outside of what may change; nan if all may."""
    kept = ~changed
    return psnr_db(result[:, kept], source[:, kept]) if bool(kept.any()) else math.nan


def changed_psnr_db(
    result: Float[Tensor, "3 F H W"],
    target: Float[Tensor, "3 F H W"],
    changed: Bool[Tensor, "F H W"],
) -> float:
    """PSNR of the result against the true target where the edit changes it; nan if nowhere."""
    return psnr_db(result[:, changed], target[:, changed]) if bool(changed.any()) else math.nan


def nearest_word(
    result: Float[Tensor, "3 F H W"], choices: Mapping[str, Float[Tensor, "3 F H W"]]
) -> str:
    """Which of some true clips, that differ in one word, a clip is nearest to.

    Only pixels in which any of them differ count, so that what they share decides nothing.

    Args:
        result: The clip.
        choices: A true clip for each word; at least one.

    Returns:
        The word.

    Raises:
        ValueError: If there is no choice.
    """
    if not choices:
        raise ValueError("nearest_word needs at least one true clip to compare with, got none")
    stack = torch.stack(list(choices.values()))
    differ = (stack.amax(0) - stack.amin(0)).amax(0) > 1.5 / 127.5
    if not bool(differ.any()):
        return next(iter(choices))
    errors = (stack[:, :, differ] - result[:, differ]).abs().mean((1, 2))
    return list(choices)[int(errors.argmin())]


def centre_of(cover: Float[Tensor, "F h w"]) -> tuple[float, float] | None:
    """Mean column and row of what is covered, in heights of the picture; None if nothing is."""
    weight = cover * (cover > 0.3)
    mass = float(weight.sum())
    if mass < 1.0:
        return None
    rows, columns = cover.shape[1:]
    x = float((weight.sum((0, 1)) * (torch.arange(columns) + 0.5)).sum()) / mass
    y = float((weight.sum((0, 2)) * (torch.arange(rows) + 0.5)).sum()) / mass
    return x / rows, y / rows


def overlap(first: Float[Tensor, "F h w"], second: Float[Tensor, "F h w"]) -> float:
    """Intersection over union of two covers; nan if both are empty."""
    a, b = first > 0.5, second > 0.5
    union = float((a | b).sum())
    return float((a & b).sum()) / union if union else math.nan
