"""One batch to one loss; pure: nothing is drawn, nothing is updated."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.diffusion.loss import total_loss, velocity_errors
from openreels.models.mmdit.model import MMDiT
from openreels.training.batch import TrainingBatch
from openreels.training.config import Trained
from openreels.training.truth import NUM_CELL_TRUTHS, NUM_LOOKS, NUM_ONSET_TRUTHS

T = TypeVar("T")


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
    keyframes: PerSample | None = None
    """Mean squared error of the keyframes of each sample; None where there are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What beside eq. 6 is minimised, and for whom. Not given by the paper: all of it."""

    truth_weight: float = 0.0
    """Weight of what the tokens tell of the truth, in each branch."""
    contact_weight: float = 1.0
    """Weight of contacts and onsets among those truths."""
    keyframe_weight: float = 1.0
    """Weight of the mean error of the keyframes."""
    trained: Trained = "all"
    """What the loss is for: everything; what is near the video tokens, of which nothing but the
    truth is asked, and nothing else is run; or the audio branch."""

    def counted(self, parts: Joint[T | None]) -> Joint[T | None]:
        """The parts of the branches that are trained."""
        return Joint(None, parts.audio) if self.trained == "audio" else parts


def training_step(
    network: MMDiT,
    batch: TrainingBatch,
    objective: Objective = Objective(),
    *,
    bf16: bool = False,
    sparsity: float | None = None,
) -> StepLoss:
    """Predict the velocity and measure the error.

    Implements SkyReels-V4 (arXiv 2602.21818), eq. 6: video and audio errors with equal weights,
    the same noise level for both unless the batch says otherwise. In a joint prediction (sec. 4.5)
    the error of the keyframes is a third term, of the same noise level.

    Args:
        network: The transformer.
        batch: Noisy tokens, targets, prompts, noise levels.
        objective: What counts.
        bf16: Whether matrix products take bfloat16 factors; sums, norms and the error are fp32.
        sparsity: Share of cubes that video attention leaves out; None is the network's own.

    Returns:
        The loss, with gradients.

    Raises:
        ValueError: If the batch lacks the branch that alone is trained, or the network what is
            near.
    """
    contact_weight = objective.contact_weight
    if objective.trained == "near":
        return _near_step(network, batch, contact_weight, bf16)
    if objective.trained == "audio" and batch.inputs.audio is None:
        raise ValueError("the audio branch is trained, got a batch without; leave out t2v and t2i")
    with torch.autocast(batch.sigma.device.type, dtype=torch.bfloat16, enabled=bf16):
        velocity, told = network.with_truths(
            *(batch.inputs, batch.context, batch.context_mask, batch.levels, batch.context_tags),
            sparsity=sparsity,
        )
    starts = batch.inputs.map(lambda one: 0 if one is None else one.grid_start)
    beside = _keyframes_alone(velocity.video, batch, starts.video)
    velocity = _clip_alone(velocity, batch.targets, starts)
    told = _clip_alone(told, batch.truths, starts)
    parts = velocity_errors(velocity, batch.targets, counted=batch.counted)
    keyframes = velocity_errors(Joint(beside, None), Joint(batch.keyframe_targets, None)).video
    truths = Joint(
        _entropy(told.video, batch.truths.video, contact_weight, per_cell=_truths_of_cell(network)),
        _entropy(told.audio, batch.truths.audio, contact_weight, per_cell=0),
    )
    total = total_loss(objective.counted(parts))
    if keyframes is not None and objective.trained == "all":
        total = total + objective.keyframe_weight * keyframes.mean()
    counted = objective.counted(truths)
    for one in (counted.video, counted.audio):
        if one is not None and objective.truth_weight:
            total = total + objective.truth_weight * one
    return StepLoss(total=total, parts=parts, truths=truths, keyframes=keyframes)


def _near_step(network: MMDiT, batch: TrainingBatch, contact_weight: float, bf16: bool) -> StepLoss:
    """What is told of the truth before the first block."""
    video = batch.inputs.video
    if video is None:
        raise ValueError("what is near is seen in video, got a batch without; leave out t2a")
    with torch.autocast(batch.sigma.device.type, dtype=torch.bfloat16, enabled=bf16):
        told = network.near_truths(video, batch.context, batch.context_mask, batch.sigma)
    entropy = _entropy(told, batch.truths.video, contact_weight, per_cell=_truths_of_cell(network))
    if entropy is None:
        raise ValueError("the network must tell truths of what is near, got none; set near_width")
    return StepLoss(total=entropy, parts=Joint(None, None), truths=Joint(entropy, None))


def _clip_alone(
    tokens: Joint[Tensor | None], wanted: Joint[Tensor | None], starts: Joint[int]
) -> Joint[Tensor | None]:
    """The tokens of the clip: nothing is asked of references before it."""

    def one(values: Tensor | None, like: Tensor | None, start: int) -> Tensor | None:
        if values is None or like is None:
            return None
        return values[:, start : start + like.shape[1]]

    return Joint(
        one(tokens.video, wanted.video, starts.video),
        one(tokens.audio, wanted.audio, starts.audio),
    )


def _keyframes_alone(tokens: Tensor | None, batch: TrainingBatch, start: int) -> Tensor | None:
    """The tokens behind the clip."""
    if tokens is None or batch.keyframe_targets is None or batch.targets.video is None:
        return None
    return tokens[:, start + batch.targets.video.shape[1] :]


def _entropy(
    logits: Tensor | None, truth: Tensor | None, contact_weight: float, *, per_cell: int
) -> Float[Tensor, ""] | None:
    """Mean cross-entropy; what follows the looks of a cell says when something is touched.

    Truths of video tokens that follow those, and of audio tokens that follow onsets, are of shots
    and voices, with a mean of their own.
    """
    if logits is None or truth is None:
        return None
    entropy = binary_cross_entropy_with_logits(logits.float(), truth, reduction="none")
    if per_cell > NUM_CELL_TRUTHS:
        by_cell = entropy.unflatten(-1, (-1, per_cell))
        shots = contact_weight * by_cell[..., NUM_CELL_TRUTHS:].mean()
        return shots + _seen(by_cell[..., :NUM_CELL_TRUTHS].flatten(-2), contact_weight)
    if per_cell:
        return _seen(entropy, contact_weight)
    onsets, voices = entropy[..., :NUM_ONSET_TRUTHS], entropy[..., NUM_ONSET_TRUTHS:]
    total = onsets.mean() + voices.mean() if voices.shape[-1] else onsets.mean()
    return contact_weight * total


def _seen(entropy: Float[Tensor, "b n k"], contact_weight: float) -> Float[Tensor, ""]:
    """What is told of cells, with the weight of contacts among it."""
    if contact_weight == 1:
        return entropy.mean()
    by_cell = entropy.unflatten(-1, (-1, NUM_CELL_TRUTHS))
    contacts = by_cell[..., NUM_LOOKS:].sum() / entropy.numel()
    return entropy.mean() + (contact_weight - 1) * contacts


def _truths_of_cell(network: MMDiT) -> int:
    """How many truths a network tells of a latent cell."""
    return network.config.video_truths // network.config.patch**2
