"""Figures of merit: closed forms on pixels, times and pans."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def psnr_db(
    first: Float[Tensor, "*shape"], second: Float[Tensor, "*shape"], peak: float = 2.0
) -> float:
    """Peak signal-to-noise ratio in decibel of two pictures in [-1, 1].

    At most 100, as where they are equal; nan where there is no pixel or one that is not a number.

    Args:
        first: Any picture or clip.
        second: Another of the same shape.
        peak: Largest difference that is possible; 2 for pixels in [-1, 1].
    """
    error = (first.double() - second.double()).square().mean().item()
    if math.isnan(error):
        return math.nan
    return min(100.0, 10 * math.log10(peak**2 / error)) if error > 0 else 100.0


def masked_psnr_db(
    first: Float[Tensor, "3 F H W"], second: Float[Tensor, "3 F H W"], where: Bool[Tensor, "F H W"]
) -> float:
    """PSNR over the pixels where the mask is True.

    Raises:
        ValueError: If the mask is empty.
    """
    if not bool(where.any()):
        raise ValueError("masked PSNR needs at least one pixel in the mask, got none")
    return psnr_db(first[:, where], second[:, where])


def flicker(pixels: Float[Tensor, "3 F H W"]) -> float:
    """Temporal flicker: mean absolute second difference in time, in grey levels of 255.

    A still picture and a steady fade give 0; noise that changes each frame gives a large value.
    Moving edges count too, so compare with the value of true clips.
    """
    if pixels.shape[1] < 3:
        return 0.0
    second = pixels[:, 2:] - 2 * pixels[:, 1:-1] + pixels[:, :-2]
    return second.abs().mean().item() * 127.5 / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Matching:
    """Agreement of two lists of times."""

    num_first: int
    """Times in the first list, e.g. visible contacts."""
    num_second: int
    """Times in the second list, e.g. sound onsets."""
    pairs: tuple[tuple[int, int], ...]
    """Indices of times that belong together, one to one."""
    offsets_s: tuple[float, ...]
    """Second minus first of each pair, in seconds: positive where the sound is late."""

    @property
    def first_share(self) -> float:
        """Share of the first list that has a partner; nan if the list is empty."""
        return len(self.pairs) / self.num_first if self.num_first else math.nan

    @property
    def second_share(self) -> float:
        """Share of the second list that has a partner; nan if the list is empty."""
        return len(self.pairs) / self.num_second if self.num_second else math.nan


def match_times(
    first: Sequence[float], second: Sequence[float], tolerance_s: float = 0.08
) -> Matching:
    """Pair two lists of times one to one, as many pairs as possible, each within the tolerance.

    Both lists are sorted; among the largest matchings a greedy sweep in time gives one, which for
    intervals of equal width is optimal.

    Args:
        first: Times in seconds.
        second: Times in seconds.
        tolerance_s: Largest difference of a pair.
    """
    order_a = sorted(range(len(first)), key=lambda i: first[i])
    order_b = sorted(range(len(second)), key=lambda j: second[j])
    pairs: list[tuple[int, int]] = []
    a = b = 0
    while a < len(order_a) and b < len(order_b):
        gap = second[order_b[b]] - first[order_a[a]]
        if abs(gap) <= tolerance_s + 1e-9:
            pairs.append((order_a[a], order_b[b]))
            a, b = a + 1, b + 1
        elif gap < 0:
            b += 1
        else:
            a += 1
    return Matching(
        num_first=len(first),
        num_second=len(second),
        pairs=tuple(pairs),
        offsets_s=tuple(second[j] - first[i] for i, j in pairs),
    )


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson correlation; nan with fewer than three values or no spread."""
    if len(first) < 3 or len(first) != len(second):
        return math.nan
    values = torch.tensor([list(first), list(second)], dtype=torch.float64)
    centred = values - values.mean(1, keepdim=True)
    norm = centred.norm(dim=1)
    if bool((norm < 1e-9).any()):
        return math.nan
    return float((centred[0] * centred[1]).sum() / (norm[0] * norm[1]))


def median(values: Sequence[float]) -> float:
    """Median; nan of nothing."""
    return (
        float(torch.tensor(list(values), dtype=torch.float64).quantile(0.5)) if values else math.nan
    )
