"""One batch to one loss; pure: nothing is drawn, nothing is updated."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.diffusion.loss import total_loss, velocity_errors
from openreels.training.batch import TrainingBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLoss:
    """The loss and what it is made of."""

    total: Float[Tensor, ""]
    """What is minimised: the sum over the branches of the mean over samples."""
    parts: Joint[PerSample | None]
    """Mean squared error of each sample, a branch; None where the branch was not run."""


def training_step(network: nn.Module, batch: TrainingBatch, *, bf16: bool = False) -> StepLoss:
    """Predict the velocity and measure the error.

    Implements SkyReels-V4 (arXiv 2602.21818), eq. 6: video and audio errors with equal weights,
    the same noise level for both.

    Args:
        network: The transformer.
        batch: Noisy tokens, targets, prompts, noise levels.
        bf16: Whether matrix products take bfloat16 factors; sums, norms and the error are fp32.

    Returns:
        The loss, with gradients.
    """
    with torch.autocast(batch.sigma.device.type, dtype=torch.bfloat16, enabled=bf16):
        velocity = network(batch.inputs, batch.context, batch.context_mask, batch.sigma)
    parts = velocity_errors(velocity, batch.targets)
    return StepLoss(total=total_loss(parts), parts=parts)
