"""Latents of one bucket to one training batch: tasks, masks, noise, prompts.

A whole batch has one structure (both branches, silent, sound alone, or single pictures), because an
absent branch is not run at all; what is given of the video varies from sample to sample.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openreels.conditioning.keyframes import keyframe_places, with_keyframes
from openreels.conditioning.masks import latent_known
from openreels.conditioning.references import References
from openreels.conditioning.tasks import TASKS, training_known
from openreels.conditioning.tokens import audio_branch, given_latents, video_branch
from openreels.core.arrays import (
    AudioLatents,
    Context,
    ContextMask,
    LatentMask,
    PerSample,
)
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.protocols import Conditioner
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape
from openreels.diffusion.lag import lagging_level, leading_level
from openreels.diffusion.noise_levels import draw_lags, draw_sigmas
from openreels.diffusion.path import add_noise, velocity_of
from openreels.models.mmdit.config import MMDiTConfig
from openreels.nn.patchify import patchify
from openreels.training.config import TaskConfig, TrainConfig
from openreels.training.keyframes import (
    CleanKeyframes,
    draw_window,
    keyframes_known,
    only_window,
)
from openreels.training.lesson_batch import changed_of, given_of, teach
from openreels.training.precompute import LatentBatch
from openreels.training.prompts import draw_prompts
from openreels.training.shot_truth import cut_latents, shot_truths
from openreels.training.truth import NUM_CELL_TRUTHS, NUM_ONSET_TRUTHS
from openreels.training.voice_truth import voice_truths

EncodeText = Callable[[Sequence[str]], tuple[Context, ContextMask]]
"""Prompts to context, a prompt a sample; empty ones too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDraw:
    """The tasks of one batch."""

    names: tuple[str, ...]
    """A task a sample, all of one structure."""
    video: bool
    """Whether the video branch runs."""
    sound: bool
    """Whether the audio branch runs."""
    picture: bool
    """Whether the clips are single frames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingBatch:
    """What one step needs; the step itself draws nothing."""

    inputs: Joint[BranchInput | None]
    """Noisy tokens of each branch."""
    targets: Joint[Float[Tensor, "b n p"] | None]
    """Velocity, noise - clean, of every token."""
    truths: Joint[Float[Tensor, "b n k"] | None]
    """What is true at every token (``training.truth``), in [0, 1]."""
    context: Context
    """Prompt tokens; those of the empty prompt where the text was dropped."""
    context_mask: ContextMask
    """True where a prompt token may be attended."""
    sigma: PerSample
    """Noise level of each sample."""
    tasks: tuple[str, ...]
    """Task of each sample."""
    context_tags: Int[Tensor, "b n"] | None = None
    """Number of the reference that each prompt token belongs to; None: there are no references."""
    audio_sigma: PerSample | None = None
    """Noise level of the audio of each sample where it may be another; None: the same."""
    keyframe_targets: Float[Tensor, "b m p"] | None = None
    """Velocity of the tokens of keyframes, which follow those of the clip; None: there are none."""
    counted: Joint[Bool[Tensor, "b n p"] | Float[Tensor, "b n p"] | None] = field(
        default_factory=lambda: Joint(None, None)
    )
    """True where an error counts, or how much; None is everywhere."""

    @property
    def levels(self) -> Joint[PerSample]:
        """Noise levels of both modalities."""
        return Joint(self.sigma, self.sigma if self.audio_sigma is None else self.audio_sigma)


def draw_tasks(
    config: TaskConfig, batch_size: int, source: torch.Generator, *, picture: bool = False
) -> TaskDraw:
    """Draw the structure of a batch by its share, then a task a sample within it.

    Silent batches take the mask tasks as well, in the proportion of the batches with sound, so that
    every task works without sound.

    Args:
        config: The mixture.
        batch_size: Samples; a batch of pictures has ``pictures_factor`` times as many, one of sound
            alone ``sounds_factor`` times.
        source: Source of the draws.
        picture: Whether the samples are single frames, for which only tasks of these are drawn.

    Returns:
        The tasks.

    Raises:
        ValueError: If the mixture has no task for single frames, and these are asked for.
    """
    groups: dict[tuple[bool, bool, bool], dict[str, float]] = {}
    for name, share in config.mix:
        task = TASKS[name]
        if picture and not task.single_frame:
            continue
        sound = task.sound and config.sound
        group = groups.setdefault((task.video, sound, task.single_frame), {})
        group[name] = share
    if not groups:
        raise ValueError(
            "a bucket of single frames needs a task of them in the mix, got "
            f"{', '.join(name for name, _ in config.mix)}; add t2i"
        )
    totals = torch.tensor([sum(group.values()) for group in groups.values()])
    structure = list(groups)[int(torch.multinomial(totals, 1, generator=source))]
    video, sound, picture = structure
    shares = groups[structure]
    if structure == (True, False, False):
        with_sound = groups.get((True, True, False), {})
        masked = {name: share for name, share in with_sound.items() if name != "t2av"}
        whole = sum(with_sound.values()) or 1.0
        silent = sum(shares.values())
        shares = {
            name: share * (1 - sum(masked.values()) / whole) for name, share in shares.items()
        }
        shares |= {name: silent * share / whole for name, share in masked.items()}
    weights = torch.tensor(list(shares.values()), dtype=torch.float64)
    count = batch_size * config.factor(video=video, picture=picture)
    drawn = torch.multinomial(weights, count, replacement=True, generator=source).tolist()
    names = tuple(list(shares)[index] for index in drawn)
    return TaskDraw(names=names, video=video, sound=sound, picture=picture)


def patch_of(config: MMDiTConfig, channels: int) -> int:
    """Side of a patch in latent cells, which follows from the channels of a token.

    Raises:
        ValueError: If the network does not fit latents of that many channels.
    """
    patch = math.isqrt(config.video_in // (2 * channels + 1))
    if (config.video_in, config.video_out) != (
        patch**2 * (2 * channels + 1),
        patch**2 * channels,
    ) or patch < 1:
        raise ValueError(
            f"video_in and video_out must be p^2 (2c + 1) and p^2 c for latents of c = {channels} "
            f"channels, got {config.video_in} and {config.video_out}; change the model's config"
        )
    return patch


def draw_masks(tasks: Sequence[str], shape: ClipShape, source: torch.Generator) -> LatentMask:
    """Draw what is given of each sample."""
    known = torch.zeros(
        len(tasks), shape.num_latent_frames, shape.latent_height, shape.latent_width,
        dtype=torch.bool,
    )  # fmt: skip
    for row, name in enumerate(tasks):
        if TASKS[name].pattern != "nothing":
            pixels = training_known(name, shape, source)
            known[row] = latent_known(rearrange(pixels, "F H W -> 1 F H W"))[0]
    return known


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a batch stands in a run."""

    shape: ClipShape
    black: Tensor
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchMaker:
    """Turns latents into training batches; all draws follow from the seed and the step."""

    config: TrainConfig
    """The run."""
    encode_text: EncodeText
    """The frozen prompt encoder, for plain prompts."""
    conditioner: Conditioner | None = None
    """The same for messages; needed for lessons."""

    def make(
        self, latents: LatentBatch, draw: TaskDraw, *, shape: ClipShape, black: Tensor, step: int
    ) -> TrainingBatch:
        """Make the batch of a step.

        Args:
            latents: Samples, as many as tasks.
            draw: Their tasks.
            shape: Shape of the bucket's clips.
            black: Latents of a black clip of that shape.
            step: Number of the step, which seeds the draws.

        Returns:
            Everything that the step needs.
        """
        seed = self.config.seed
        sigma = draw_sigmas(
            len(draw.names), self.config.sigma, generator=generator(seed, "sigma", step)
        )
        lags = None
        if draw.video and draw.sound:
            source = generator(seed, "lags", step)
            lags = draw_lags(len(draw.names), self.config.sigma, generator=source)
        fine = self._keyframes(latents, draw, step)
        level = sigma if fine is None else leading_level(sigma, self.config.sigma.keyframe_lag)
        audio_sigma = None if lags is None else lagging_level(level, lags)
        taught = self._taught(latents, draw, step)
        if taught is None:
            prompts = draw_prompts(
                latents.scenes, self.config.tasks, generator(seed, "prompts", step)
            )
            context, context_mask = self.encode_text(prompts)
            context_tags, before = None, Joint(None, None)
        else:
            (context, context_mask), context_tags = taught[0], taught[1]
            before = taught[2]
        video = audio = keyframe_targets = None
        if draw.video:
            place = _Place(shape=shape, black=black, step=step)
            video, known = self._video(latents, draw, place, level, before.video)
            if fine is not None:
                inputs, keyframe_targets = self._beside(video[0], fine, known, draw, place, sigma)
                video = (inputs, video[1])
        if draw.sound:
            noise = torch.randn(
                latents.audio.shape, generator=generator(seed, "noise", "audio", step)
            )
            heard = sigma if audio_sigma is None else audio_sigma
            audio = _noised_audio(latents.audio, noise, heard, before.audio)
        return TrainingBatch(
            inputs=Joint(video and video[0], audio and audio[0]),
            targets=Joint(video and video[1], audio and audio[1]),
            truths=self._truths(latents, draw, shape),
            context=context,
            context_mask=context_mask,
            sigma=sigma,
            audio_sigma=audio_sigma,
            tasks=draw.names,
            context_tags=context_tags,
            keyframe_targets=keyframe_targets,
            counted=Joint(self._counted(latents, draw, shape), None),
        )

    def _counted(
        self, latents: LatentBatch, draw: TaskDraw, shape: ClipShape
    ) -> Float[Tensor, "b n p"] | None:
        """How much errors count where lessons change or move, or a shot begins; None is 1."""
        weight = self.config.change_weight
        if weight == 1 or not draw.video:
            return None
        if latents.lessons:
            changed = changed_of(latents.lessons, latents.video)
        elif not draw.picture and any(scene.shots for scene in latents.scenes):
            cuts = cut_latents(latents.scenes, shape)
            changed = rearrange(cuts, "b f -> b f 1 1").expand_as(latents.video[:, 0])
        else:
            return None
        wide = (1 + (weight - 1) * changed.unsqueeze(1)).expand_as(latents.video)
        return patchify(wide, patch_of(self.config.model, wide.shape[1]))

    def _keyframes(self, latents: LatentBatch, draw: TaskDraw, step: int) -> CleanKeyframes | None:
        """Clean latents of the keyframes, if the batch is a joint prediction."""
        share, keyframes = self.config.tasks.keyframes, latents.keyframes
        if not share or keyframes is None or draw.picture or not draw.video:
            return None
        chance = torch.rand((), generator=generator(self.config.seed, "keyframes", step))
        if float(chance) >= share:
            return None
        return CleanKeyframes(
            latents=keyframes,
            stretched=latents.stretched,
            residual=self.config.model.residual,
        )

    def _beside(
        self,
        clip: BranchInput,
        fine: CleanKeyframes,
        known: LatentMask,
        draw: TaskDraw,
        place: _Place,
        sigma: PerSample,
    ) -> tuple[BranchInput, Tensor]:
        """Tokens of the clip and of its keyframes, and the velocity of these."""
        places, size = keyframe_places(place.shape), fine.latents.shape
        stills = [TASKS[name].source == "stills" for name in draw.names]
        seed, patch = self.config.seed, patch_of(self.config.model, size[1])
        noise = torch.randn(size, generator=generator(seed, "noise", "keyframes", place.step))
        given = keyframes_known(known, places, stills)
        keyframes, velocity = fine.noised(noise, sigma, known=given, places=places)
        inputs = with_keyframes(clip, keyframes, shape=place.shape, patch=patch)
        targets = patchify(velocity, patch)
        source = generator(seed, "window", place.step)
        if float(torch.rand((), generator=source)) >= self.config.tasks.window_share:
            return inputs, targets
        grid = (size[2], size[3] // patch, size[4] // patch)
        window = draw_window(grid, source)
        return only_window(inputs, window, num_clip=clip.tokens.shape[1]), targets[:, window]

    def _taught(
        self, latents: LatentBatch, draw: TaskDraw, step: int
    ) -> tuple[tuple[Context, ContextMask], Int[Tensor, "b n"], Joint[References | None]] | None:
        """Prompts and references of lessons."""
        if not latents.lessons:
            return None
        if self.conditioner is None:
            raise ValueError("lessons need a prompt encoder that reads messages, got none; give it")
        source = generator(self.config.seed, "lessons", step)
        made = teach(latents.lessons, self.config.tasks, source, video=draw.video, sound=draw.sound)
        encoded = self.conditioner.encode(made.messages)
        return encoded, self.conditioner.tags(made.messages), made.references

    def _truths(
        self, latents: LatentBatch, draw: TaskDraw, shape: ClipShape
    ) -> Joint[Tensor | None]:
        patch = patch_of(self.config.model, latents.video.shape[1])
        cells = latents.cells
        if draw.video and self.config.model.video_truths > patch**2 * NUM_CELL_TRUTHS:
            cells = torch.cat([cells, shot_truths(latents.scenes, shape)], dim=1)
        cells = cells[:, :, :1] if draw.picture else cells
        heard = latents.onsets
        if self.config.model.audio_truths > NUM_ONSET_TRUTHS:
            spoken = voice_truths(latents.scenes, heard.shape[-1])
            heard = torch.cat([heard, spoken], dim=1)
        return Joint(
            patchify(cells, patch) if draw.video else None,
            rearrange(heard, "b m l -> b l m") if draw.sound else None,
        )

    def _video(
        self,
        latents: LatentBatch,
        draw: TaskDraw,
        place: _Place,
        sigma: PerSample,
        references: References | None,
    ) -> tuple[tuple[BranchInput, Tensor], LatentMask]:
        seed, shape, black, step = self.config.seed, place.shape, place.black, place.step
        frames = 1 if draw.picture else shape.num_latent_frames
        if draw.picture:
            shape = ClipShape(num_frames=1, height=shape.height, width=shape.width, fps=shape.fps)
        clean, stills = latents.video[:, :, :frames], latents.stills[:, :, :frames]
        black = black[:, :, :frames]
        if latents.lessons:
            given, known = given_of(latents.lessons, black)
        else:
            known = draw_masks(draw.names, shape, generator(seed, "masks", step))
            from_stills = torch.tensor([TASKS[name].source == "stills" for name in draw.names])
            source = torch.where(rearrange(from_stills, "b -> b 1 1 1 1"), stills, clean)
            given = given_latents(source, known, black)
        noise = torch.randn(clean.shape, generator=generator(seed, "noise", "video", step))
        patch = patch_of(self.config.model, clean.shape[1])
        inputs = video_branch(
            add_noise(clean, noise, sigma),
            given,
            known,
            fps=shape.fps,
            patch=patch,
            references=references,
        )
        return (inputs, patchify(velocity_of(clean, noise), patch)), known


def _noised_audio(
    clean: AudioLatents, noise: AudioLatents, sigma: PerSample, references: References | None
) -> tuple[BranchInput, Tensor]:
    velocity = rearrange(velocity_of(clean, noise), "b c l -> b l c")
    return audio_branch(add_noise(clean, noise, sigma), references), velocity
