"""One batch to one loss; pure: nothing is drawn, nothing is updated."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.diffusion.loss import total_loss, velocity_errors
from openreels.models.mmdit.model import MMDiT
from openreels.training.batch import TrainingBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLoss:
    """The loss and what it is made of."""

    total: Float[Tensor, ""]
    """What is minimised: the sum over the branches of the mean over samples, and the weighted
    entropy of what the tokens tell."""
    parts: Joint[PerSample | None]
    """Mean squared error of each sample, a branch; None where the branch was not run."""
    truths: Joint[Float[Tensor, ""] | None]
    """Mean cross-entropy of what the tokens tell, a branch; None where they tell nothing."""


def training_step(
    network: MMDiT,
    batch: TrainingBatch,
    *,
    bf16: bool = False,
    truth_weight: float = 0.0,
    sparsity: float | None = None,
) -> StepLoss:
    """Predict the velocity and measure the error.

    Implements SkyReels-V4 (arXiv 2602.21818), eq. 6: video and audio errors with equal weights,
    the same noise level for both unless the batch says otherwise.

    Args:
        network: The transformer.
        batch: Noisy tokens, targets, prompts, noise levels.
        bf16: Whether matrix products take bfloat16 factors; sums, norms and the error are fp32.
        truth_weight: Weight of what the tokens tell of the truth, in each branch. Ours.
        sparsity: Share of cubes that video attention leaves out; None is the network's own.

    Returns:
        The loss, with gradients.
    """
    with torch.autocast(batch.sigma.device.type, dtype=torch.bfloat16, enabled=bf16):
        velocity, told = network.with_truths(
            *(batch.inputs, batch.context, batch.context_mask, batch.levels, batch.context_tags),
            sparsity=sparsity,
        )
    velocity = velocity.zip(batch.targets, _clip_alone)
    told = told.zip(batch.truths, _clip_alone)
    parts = velocity_errors(velocity, batch.targets)
    truths = Joint(
        _entropy(told.video, batch.truths.video), _entropy(told.audio, batch.truths.audio)
    )
    total = total_loss(parts)
    for one in (truths.video, truths.audio):
        if one is not None and truth_weight:
            total = total + truth_weight * one
    return StepLoss(total=total, parts=parts, truths=truths)


def _clip_alone(tokens: Tensor | None, wanted: Tensor | None) -> Tensor | None:
    """The last tokens, those of the clip: nothing is asked of references."""
    return None if tokens is None or wanted is None else tokens[:, -wanted.shape[1] :]


def _entropy(logits: Tensor | None, truth: Tensor | None) -> Float[Tensor, ""] | None:
    if logits is None or truth is None:
        return None
    return binary_cross_entropy_with_logits(logits.float(), truth)
