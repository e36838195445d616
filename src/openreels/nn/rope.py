"""Rotary positions of any number of axes, computed once a forward and applied as one product."""

from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor


def rotary_table(
    positions: Float[Tensor, "b n a"], widths: Sequence[int], thetas: Sequence[float]
) -> Complex[Tensor, "b n 1 r"]:
    """Tabulate the rotations of tokens at real-valued positions.

    Implements Su et al. 2021 (arXiv 2104.09864): pair ``i`` of an axis of width ``w`` turns by
    ``position * theta ** (-2 i / w)`` radians. Several axes share the head side by side.

    Args:
        positions: One position an axis for every token; any real number, negative too.
        widths: Channels of the head that each axis takes; even.
        thetas: Base of the frequencies of each axis, >= 1. The slowest pair takes about
            ``2 pi theta`` positions for a turn.

    Returns:
        Unit complex numbers in fp32, half as many as the widths sum to, with a lone head axis.

    Raises:
        ValueError: If the axes do not match the positions, or a width is odd.
    """
    if not positions.shape[-1] == len(widths) == len(thetas):
        raise ValueError(
            f"positions, widths and thetas must have the same number of axes, got "
            f"{positions.shape[-1]}, {len(widths)} and {len(thetas)}"
        )
    if any(width < 0 or width % 2 for width in widths):
        raise ValueError(f"rotary widths must be even, got {tuple(widths)}")
    angles = []
    for axis, (width, theta) in enumerate(zip(widths, thetas, strict=True)):
        exponents = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32)
        frequencies = theta ** (-exponents / max(width, 1))
        angles.append(positions[..., axis, None].float() * frequencies)
    angle = torch.cat(angles, dim=-1).unsqueeze(2)
    return torch.polar(torch.ones_like(angle), angle)


def rotate(
    heads: Float[Tensor, "b n k e"], table: Complex[Tensor, "b n 1 r"]
) -> Float[Tensor, "b n k e"]:
    """Turn neighbouring channels of queries or keys by the tabulated angles.

    Args:
        heads: Queries or keys; channels ``2 i`` and ``2 i + 1`` are a pair.
        table: From ``rotary_table``.

    Returns:
        The rotated heads in the dtype given; the product itself is fp32.
    """
    pairs = torch.view_as_complex(heads.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * table).flatten(-2).to(heads.dtype)
