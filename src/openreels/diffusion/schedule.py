"""Noise levels to sample at."""

import torch
from jaxtyping import Float
from torch import Tensor


def sampling_sigmas(num_steps: int, *, shift: float = 1.0) -> Float[Tensor, " steps"]:
    """Space the noise levels of a sampling run evenly, then shift them.

    Not given by the paper: sampler, steps and shift; even steps are those of rectified flow.

    Args:
        num_steps: Steps, >= 1.
        shift: As in ``shift_sigmas``.

    Returns:
        ``num_steps + 1`` decreasing levels in fp64, from exactly 1 to exactly 0.

    Raises:
        ValueError: If there is no step, or the shift is not positive.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    return shift_sigmas(torch.linspace(1.0, 0.0, num_steps + 1, dtype=torch.float64), shift)


def shift_sigmas(sigmas: Float[Tensor, " steps"], shift: float) -> Float[Tensor, " steps"]:
    """Move noise levels towards high noise, as longer sequences need.

    Implements the resolution-dependent shift of Esser et al. 2024 (arXiv 2403.03206), eq. 23, with
    ``shift`` in the place of the square root of the ratio of token counts.

    Args:
        sigmas: Noise levels in [0, 1]; 1 is pure noise. Any order.
        shift: Dimensionless, > 0. 1 changes nothing; larger spends more steps at high noise.

    Returns:
        Noise levels in [0, 1], in the order given; 0 and 1 stay where they are.

    Raises:
        ValueError: If ``shift`` is not positive.
    """
    if not shift > 0:
        raise ValueError(f"shift must be positive, got {shift}; use 1.0 for no shift")
    return sigmas / (sigmas + (1 - sigmas) / shift)
