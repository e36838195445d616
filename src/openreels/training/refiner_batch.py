"""Pairs to one training batch of the refiner: crops, what is given, noise, prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from openreels.conditioning.tokens import video_branch
from openreels.core.arrays import LatentMask, VideoLatents
from openreels.core.joint import Joint
from openreels.core.seeding import generator
from openreels.diffusion.noise_levels import draw_sigmas
from openreels.diffusion.path import add_noise, velocity_of
from openreels.nn.patchify import patchify
from openreels.training.batch import EncodeText, TrainingBatch
from openreels.training.config import TrainConfig
from openreels.training.prompts import draw_prompts
from openreels.training.refiner_config import RefinerConfig
from openreels.training.refiner_data import Pairs

TASK = "refine"
"""Name under which the log has the loss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crops:
    """Parts of pairs, all of one size, and what of them is given."""

    video: VideoLatents
    """What is to be made."""
    given: VideoLatents
    """Channels I: stretched latents, the true ones or a picture's where they are given."""
    known: LatentMask
    """Channel M."""


def crop_pairs(pairs: Pairs, config: RefinerConfig, patch: int, source: torch.Generator) -> Crops:
    """Cut a part out of every pair and draw what of it is given.

    Args:
        pairs: Samples of one size.
        config: Size of the parts and shares.
        patch: Latent cells a side of a token; parts begin at multiples of it.
        source: Source of the draws.

    Returns:
        The parts; a picture is given in the frame that it is of, if it is in the part.
    """
    size = [min(a, b) for a, b in zip(config.crop, pairs.video.shape[2:], strict=True)]
    videos: list[Tensor] = []
    givens: list[Tensor] = []
    knowns: list[Tensor] = []
    for row in range(pairs.video.shape[0]):
        starts = [
            _below((full - part) // step + 1, source) * step
            for full, part, step in zip(pairs.video.shape[2:], size, (1, patch, patch), strict=True)
        ]
        box = tuple(slice(s, s + n) for s, n in zip(starts, size, strict=True))
        video, given = pairs.video[row][:, *box], pairs.given[row][:, *box]
        kind, known = _draw_known(config, starts[0], size, source)
        given = torch.where(known, video, given)
        place = pairs.places[row] - starts[0]
        if kind == "still" and 0 <= place < size[0]:
            known[place] = True
            given[:, place] = pairs.still[row][:, *box[1:]]
        videos.append(video)
        givens.append(given)
        knowns.append(known)
    return Crops(video=torch.stack(videos), given=torch.stack(givens), known=torch.stack(knowns))


def _below(count: int, source: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=source))


def _draw_known(
    config: RefinerConfig, first: int, size: Sequence[int], source: torch.Generator
) -> tuple[str, Bool[Tensor, "f h w"]]:
    known = torch.zeros(*size, dtype=torch.bool)
    draw = float(torch.rand((), generator=source))
    if draw < config.still_share:
        return "still", known
    draw -= config.still_share
    if draw < config.region_share:
        known[:] = True
        low = [_below(max(1, side // 2), source) for side in size[1:]]
        high = [side - _below(max(1, side // 2), source) for side in size[1:]]
        known[:, low[0] : high[0], low[1] : high[1]] = False
        return "region", known
    draw -= config.region_share
    if draw < config.window_share or first:
        # A part that does not start its clip is seen only by a window that goes on.
        axes = [0] if first else []
        axes += [axis for axis in (1, 2) if _below(2, source)] if draw < config.window_share else []
        for axis in axes or [0]:
            most = min(config.overlap[axis], size[axis] - 1)
            given = known.narrow(axis, 0, 1 + _below(most, source) if most else 0)
            given.fill_(value=True)
        return "window", known
    return "nothing", known


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinerBatchMaker:
    """Turns pairs into training batches; all draws follow from the seed and the step."""

    config: TrainConfig
    """The run."""
    refiner: RefinerConfig
    """Its crops."""
    encode_text: EncodeText
    """The frozen prompt encoder."""

    def make(self, pairs: Pairs, *, fps: int, step: int) -> TrainingBatch:
        """Make the batch of a step.

        Args:
            pairs: Samples.
            fps: Frames a second of the true clips.
            step: Number of the step, which seeds the draws.

        Returns:
            Everything that the step needs.
        """
        config, seed = self.config.model, self.config.seed
        count = pairs.video.shape[0]
        crops = crop_pairs(pairs, self.refiner, config.patch, generator(seed, "crops", step))
        sigma = draw_sigmas(count, self.config.sigma, generator=generator(seed, "sigma", step))
        prompts = draw_prompts(pairs.scenes, self.config.tasks, generator(seed, "prompts", step))
        context, context_mask = self.encode_text(prompts)
        clean = crops.video
        if config.residual:
            clean = (crops.video - crops.given) / config.residual
        noise = torch.randn(clean.shape, generator=generator(seed, "noise", "video", step))
        inputs = video_branch(
            add_noise(clean, noise, sigma), crops.given, crops.known, fps=fps, patch=config.patch
        )
        return TrainingBatch(
            inputs=Joint(inputs, None),
            targets=Joint(patchify(velocity_of(clean, noise), config.patch), None),
            truths=Joint(None, None),
            context=context,
            context_mask=context_mask,
            sigma=sigma,
            tasks=(TASK,) * count,
        )
