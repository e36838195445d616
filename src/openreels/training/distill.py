"""Distillation of the base to few steps without guidance: a batch to one with a teacher's targets.

Guidance distillation (Meng et al. 2022, arXiv 2210.03142) and progressive distillation (Salimans
and Ho 2022, arXiv 2202.00512) in one: from a state at one of the student's noise levels a frozen
teacher takes several guided steps of the sampler to the next level; the straight velocity between
the two states is the student's target, so a perfect student is where the teacher is after each of
its steps. Ours: some batches start at states that the student itself visits (as in Ross et al.
2011, arXiv 1011.0686), because those of the guided path are no mixtures of data and noise.

Everything happens on tokens, in which the path is as straight as in latents.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.conditioning.references import kept_under_guidance
from openreels.conditioning.tasks import TASKS
from openreels.core.arrays import Context, ContextMask, PerSample
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.seeding import generator
from openreels.diffusion.guidance import guide
from openreels.diffusion.lag import (
    from_clock,
    lagging_level,
    velocity_from_clock,
    velocity_on_clock,
)
from openreels.diffusion.path import add_noise, clean_from_velocity, noise_from_velocity
from openreels.diffusion.sample import Impose, sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS, Denoise, Sample
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.fast import check_base
from openreels.training.batch import EncodeText, TrainingBatch
from openreels.training.distill_config import DistillConfig
from openreels.training.networks import load_frozen, weights_path

Encoded = tuple[Context, ContextMask]
"""Prompt tokens and which of them may be attended."""
_LIKENESSES = frozenset(name for name, task in TASKS.items() if task.source == "stills")
"""Tasks that are given pictures, of which only that of the first frame is a latent of the clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """Both ends of the paths of a batch, as tokens of the clip."""

    clean: Sample
    """Data."""
    noise: Sample
    """What it was mixed with; that of audio which lags is as many times stronger, as on the clock
    of the video."""
    held: Bool[Tensor, "b n p"] | None
    """True where a video token is given by the clip itself, so that the sampler puts it back."""

    def at(self, level: float) -> Sample:
        """The point of the path at a noise level in [0, 1]."""

        def one(clean: Tensor | None, noise: Tensor | None) -> Tensor | None:
            if clean is None or noise is None:
                return None
            return add_noise(clean, noise, torch.full_like(clean[:, 0, 0], level))

        return self.clean.zip(self.noise, one)

    def impose(self, noisy: Sample, level: float) -> Sample:
        """Put what is held back on its path, as ``diffusion.sample.hold_known`` does."""
        there = self.at(level).video
        if self.held is None or noisy.video is None or there is None:
            return noisy
        return Joint(torch.where(self.held, there, noisy.video), noisy.audio)


def ends_of(batch: TrainingBatch, channels: int, *, audio_lag: float = 1.0) -> Ends:
    """Follow the paths of a batch to both ends.

    Args:
        batch: Noisy tokens and their velocities.
        channels: Latent channels of video.
        audio_lag: How far audio lags where both modalities run, >= 1.

    Returns:
        Data and noise. What is given by the clip itself is held, with the latents I that the
        sampler would hold; a still after the first frame is a likeness of four frames, and is not.
    """
    now = batch.inputs.zip(
        batch.targets, lambda branch, v: None if branch is None or v is None else _noisy(branch, v)
    )

    def follow(to: Callable[[Tensor, Tensor, PerSample], Tensor]) -> Sample:
        def one(x: Tensor | None, v: Tensor | None, sigma: PerSample) -> Tensor | None:
            return None if x is None or v is None else to(x, v, sigma)

        return Joint(
            one(now.video, batch.targets.video, batch.levels.video),
            one(now.audio, batch.targets.audio, batch.levels.audio),
        )

    clean, noise = follow(clean_from_velocity), follow(noise_from_velocity)
    strength = audio_lag if noise.video is not None else 1.0
    noise = Joint(noise.video, None if noise.audio is None else noise.audio * strength)
    if batch.inputs.video is None or clean.video is None:
        return Ends(clean=clean, noise=noise, held=None)
    likeness = torch.tensor([name in _LIKENESSES for name in batch.tasks])
    count, cells = clean.video.shape[1], clean.video.shape[2] // channels
    parts = batch.inputs.video.tokens[:, -count:].unflatten(-1, (cells, -1))
    given = parts[..., channels : 2 * channels]
    frame = count // batch.inputs.video.grid[0] if batch.inputs.video.grid else count
    later = torch.arange(count) >= frame
    unlike = (likeness[:, None] & later).to(parts.device)
    held = parts[..., -1:].bool() & ~unlike[..., None, None]
    held = held.expand_as(given).flatten(2)
    video = torch.where(held, given.flatten(2), clean.video)
    return Ends(
        clean=Joint(video, clean.audio), noise=noise, held=held if bool(held.any()) else None
    )


def _noisy(branch: BranchInput, like: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
    """Channels V of the tokens of the clip, which are the last."""
    tokens, (_, count, width) = branch.tokens[:, -like.shape[1] :], like.shape
    if tokens.shape[2] == width:
        return tokens
    cells = _cells(tokens.shape[2], width)
    return tokens.unflatten(-1, (cells, -1))[..., : width // cells].reshape(-1, count, width)


def _cells(num_in: int, num_out: int) -> int:
    """Latent cells of a video token: ``cells (2c + 1)`` in, ``cells c`` out."""
    return num_in - 2 * num_out


def placed(branch: BranchInput, noisy: Float[Tensor, "b n p"]) -> BranchInput:
    """Put other noisy channels into the tokens of the clip; references and what is given stay.

    Args:
        branch: What the network sees.
        noisy: Noisy tokens of the clip.

    Returns:
        The same branch with these in the place of its own.
    """
    count, width = noisy.shape[1:]
    before, tokens = branch.tokens[:, :-count], branch.tokens[:, -count:]
    if tokens.shape[2] != width:
        cells = _cells(tokens.shape[2], width)
        rest = tokens.unflatten(-1, (cells, -1))[..., width // cells :]
        noisy = torch.cat([noisy.unflatten(-1, (cells, -1)), rest], dim=-1).flatten(2)
    return replace(branch, tokens=torch.cat([before, noisy], dim=1))


def velocity_field(
    network: MMDiT, batch: TrainingBatch, *, audio_lag: float = 1.0, bf16: bool = False
) -> Denoise:
    """Make the velocity of the clips of a batch out of the transformer's.

    Args:
        network: The transformer.
        batch: What it sees beside noisy tokens.
        audio_lag: As in ``pipelines.denoise.guided_denoiser``: audio travels on the clock of the
            video where both run.
        bf16: Whether matrix products take bfloat16 factors.

    Returns:
        A denoiser of tokens, in fp32.
    """

    def denoise(noisy: Sample, sigma: PerSample) -> Sample:
        seen, levels = seen_by_network(noisy, sigma, audio_lag)
        inputs = batch.inputs.zip(seen, _placed_if_there)
        with torch.autocast(sigma.device.type, dtype=torch.bfloat16, enabled=bf16):
            velocity = network(
                inputs, batch.context, batch.context_mask, levels, batch.context_tags
            )
        velocity = velocity.zip(
            noisy, lambda v, x: None if v is None or x is None else v[:, -x.shape[1] :].float()
        )
        if levels.audio is sigma or velocity.audio is None or seen.audio is None:
            return velocity
        onward = velocity_on_clock(velocity.audio, seen.audio, sigma, audio_lag)
        return Joint(velocity.video, onward)

    return denoise


def seen_by_network(
    noisy: Sample, sigma: PerSample, audio_lag: float
) -> tuple[Sample, Joint[PerSample]]:
    """Take audio that lags off the clock of the video.

    Args:
        noisy: Tokens on the clock.
        sigma: Its levels.
        audio_lag: >= 1; where a modality is absent there is no lag.

    Returns:
        Tokens as the network sees them, and the level of each modality.
    """
    if audio_lag == 1 or noisy.video is None or noisy.audio is None:
        return noisy, Joint(sigma, sigma)
    audio = from_clock(noisy.audio, sigma, audio_lag)
    return Joint(noisy.video, audio), Joint(sigma, lagging_level(sigma, audio_lag))


def _placed_if_there(branch: BranchInput | None, noisy: Tensor | None) -> BranchInput | None:
    return None if branch is None or noisy is None else placed(branch, noisy)


def without_prompt(batch: TrainingBatch, empty: Encoded) -> TrainingBatch:
    """Take prompts and references away; the rest stays, as in the sampler's guidance.

    Args:
        batch: With prompts.
        empty: The empty prompt, encoded for every sample.

    Returns:
        The batch that an unconditional evaluation sees.
    """

    def hidden(branch: BranchInput | None) -> BranchInput | None:
        if branch is None or branch.attendable is None or branch.tags is None:
            return branch
        return replace(branch, attendable=branch.attendable & kept_under_guidance(branch.tags))

    return replace(
        batch,
        inputs=batch.inputs.map(hidden),
        context=empty[0],
        context_mask=empty[1],
        context_tags=None,
    )


def without_video(batch: TrainingBatch) -> TrainingBatch:
    """Take the video away, so that the audio branch runs by itself."""
    return replace(batch, inputs=Joint(None, batch.inputs.audio))


@dataclass(frozen=True, kw_only=True, slots=True)
class Distiller:
    """Gives batches the targets of a teacher; all draws follow from the seed and the step."""

    config: DistillConfig
    """Who teaches what."""
    teacher: MMDiT
    """The frozen base."""
    encode_text: EncodeText
    """The frozen prompt encoder, for the empty prompt."""
    seed: int
    """Seed of the run."""
    bf16: bool = False
    """Whether matrix products take bfloat16 factors."""

    @property
    def levels(self) -> Float[Tensor, " steps"]:
        """Noise levels of the teacher's steps; every ``teacher_steps``-th is the student's."""
        count = self.config.num_steps * self.config.teacher_steps
        return sampling_sigmas(count, shift=self.config.shift)

    def place(self, step: int) -> tuple[int, bool]:
        """Draw the student's step that a batch trains, and whether it starts where that comes to.

        Each of as many training steps as the student has takes another of its steps.
        """
        count = self.config.num_steps
        order = torch.randperm(count, generator=generator(self.seed, "levels", step // count))
        draw = torch.rand((), generator=generator(self.seed, "visited", step))
        return int(order[step % count]), float(draw) < self.config.visited_share

    def teach(self, batch: TrainingBatch, student: MMDiT, step: int) -> TrainingBatch:
        """Move a batch to one of the student's levels and ask the teacher for the next.

        Args:
            batch: Of the base's training, none of whose prompts was dropped.
            student: The network that is trained.
            step: Number of the training step, which seeds the draws.

        Returns:
            Noisy tokens at the level, and the velocity that leads to the teacher's state at the
            next one; what the sampler puts back does not count.
        """
        index, visited = self.place(step)
        ends = ends_of(batch, self._channels, audio_lag=self.config.audio_lag)
        coarse = self.levels[:: self.config.teacher_steps]
        level, after = float(coarse[index]), float(coarse[index + 1])
        with torch.no_grad():
            start = ends.at(level)
            if visited and index:
                own, span = self._field(student, batch), coarse[: index + 1]
                start = sample(own, ends.noise, span, STEPPERS["euler"], impose=ends.impose)
            end = self.advance(batch, start, index, ends.impose)

        def slope(x: Tensor | None, y: Tensor | None) -> Tensor | None:
            return None if x is None or y is None else (x - y) / (level - after)

        sigma, onward = torch.full_like(batch.sigma, level), start.zip(end, slope)
        seen, levels = seen_by_network(start, sigma, self.config.audio_lag)
        lags = levels.audio is not sigma
        if lags and onward.audio is not None and seen.audio is not None:
            back = velocity_from_clock(onward.audio, seen.audio, sigma, self.config.audio_lag)
            onward = Joint(onward.video, back)
        return replace(
            batch,
            inputs=batch.inputs.zip(seen, _placed_if_there),
            targets=onward,
            truths=Joint(None, None),
            sigma=sigma,
            audio_sigma=levels.audio if lags else None,
            counted=Joint(None if ends.held is None else ~ends.held, None),
        )

    def _field(self, network: MMDiT, batch: TrainingBatch) -> Denoise:
        return velocity_field(network, batch, audio_lag=self.config.audio_lag, bf16=self.bf16)

    def advance(
        self, batch: TrainingBatch, start: Sample, index: int, impose: Impose | None = None
    ) -> Sample:
        """Let the teacher take one step of the student's.

        Args:
            batch: What it sees beside noisy tokens.
            start: Tokens at the student's level number ``index``.
            index: Which step.
            impose: Puts back what is held.

        Returns:
            Tokens at the next level.
        """
        config, samples = self.config, len(batch.tasks)
        empty = without_prompt(batch, self.encode_text([""] * samples))
        field = guide(
            self._field(self.teacher, batch),
            self._field(self.teacher, empty),
            config.rule,
            blind=self._field(self.teacher, without_video(batch)),
        )
        first = index * config.teacher_steps
        span = self.levels[first : first + config.teacher_steps + 1]
        return sample(field, start, span, STEPPERS[config.stepper], impose=impose)

    @property
    def _channels(self) -> int:
        return self.teacher.config.video_out // self.teacher.config.patch**2


def load_distiller(
    config: DistillConfig, out: Path, encode_text: EncodeText, *, seed: int, bf16: bool
) -> Distiller:
    """Load the teacher of a run.

    Args:
        config: Names it.
        out: Folder from which a relative path is taken.
        encode_text: The frozen prompt encoder.
        seed: Seed of the run.
        bf16: Whether matrix products take bfloat16 factors.

    Returns:
        What teaches.

    Raises:
        CheckpointError: If the file does not hold a base.
    """
    source = config.teacher if config.teacher == "shipped" else str(out / config.teacher)
    check_base(weights_path("mmdit", source))
    teacher = load_frozen("mmdit", source, kind=MMDiT)
    return Distiller(config=config, teacher=teacher, encode_text=encode_text, seed=seed, bf16=bf16)
