"""The flow-matching loss (eq. 6)."""

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint


def velocity_errors(
    predicted: Joint[Tensor | None],
    target: Joint[Tensor | None],
    *,
    counted: Joint[Tensor | None] | None = None,
) -> Joint[PerSample | None]:
    """Compute the mean squared error of each modality and sample, in fp32.

    Args:
        predicted: Velocities of a network, tokens or latents.
        target: ``velocity_of(clean, noise)`` in the same layout.
        counted: True where an error counts, or how much, >= 0, with the first axes of the
            velocities; None counts everything. A sample with nothing to count has error 0.

    Returns:
        One number a sample; None for a modality that is absent on either side.
    """
    masks = Joint(None, None) if counted is None else counted

    def one(left: Tensor | None, right: Tensor | None, mask: Tensor | None) -> Tensor | None:
        if left is None or right is None:
            return None
        return _mean_square(left.float() - right.float(), mask)

    return Joint(
        one(predicted.video, target.video, masks.video),
        one(predicted.audio, target.audio, masks.audio),
    )


def total_loss(errors: Joint[PerSample | None]) -> Float[Tensor, ""]:
    """Add the mean errors of video and audio with equal weights (eq. 6).

    Raises:
        ValueError: If both modalities are absent.
    """
    present = [one.mean() for one in (errors.video, errors.audio) if one is not None]
    if not present:
        raise ValueError("at least one modality must have an error, got None for both")
    return torch.stack(present).sum()


def _mean_square(difference: Float[Tensor, "*s"], weight: Tensor | None) -> PerSample:
    squares = difference.square().flatten(1)
    if weight is None:
        return squares.mean(1)
    wide = weight.view(*weight.shape, *[1] * (difference.ndim - weight.ndim))
    wide = wide.expand_as(difference).flatten(1)
    if weight.dtype == torch.bool:
        return torch.where(wide, squares, 0.0).sum(1) / wide.sum(1).clamp_min(1)
    total = wide.sum(1)
    return (wide * squares).sum(1) / torch.where(total > 0, total, 1.0)
