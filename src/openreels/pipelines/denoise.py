"""Conditions to latents: the guided denoiser of the joint transformer, and the loop around it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.conditions import Conditions, clip_and_keyframes
from openreels.conditioning.keyframes import (
    Keyframes,
    join_cells,
    part_cells,
    split_keyframes,
    with_keyframes,
)
from openreels.conditioning.references import kept_under_guidance
from openreels.conditioning.tokens import (
    audio_branch,
    audio_latents_from,
    video_branch,
    video_latents_from,
)
from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.seeding import generator
from openreels.diffusion.cache import continued
from openreels.diffusion.guidance import Guidance, combine, follow
from openreels.diffusion.lag import from_clock, lagging_level, velocity_on_clock
from openreels.diffusion.path import clean_from_velocity, velocity_from_clean
from openreels.diffusion.sample import Impose, Progress, hold_known, sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS, Sample
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.components import Components
from openreels.pipelines.residual import added, lacking_nothing, with_stretched
from openreels.pipelines.settings import Sampling


def draw_noise(components: Components, conditions: Conditions, seed: int) -> Sample:
    """Draw the noise that a run starts from, on the CPU, each modality from its own seed.

    Args:
        components: Networks; their channels and device count.
        conditions: Which modalities run, and the size of the clip.
        seed: Seed of the request.

    Returns:
        Standard normal latents in fp32; None for a modality that does not run. With keyframes those
        of video are a row of cells (``conditioning.keyframes.join_cells``): what is drawn for the
        clip is the same with and without.
    """
    shape, video, audio = conditions.shape, None, None
    if conditions.given is not None:
        size = (
            *(1, components.video_vae.config.latent_channels, shape.num_latent_frames),
            *(shape.latent_height, shape.latent_width),
        )
        video = torch.randn(size, generator=generator(seed, "noise", "video"))
        if conditions.keyframes is not None:
            size = (*size[:2], *conditions.keyframes.grid)
            beside = torch.randn(size, generator=generator(seed, "noise", "keyframes"))
            video = join_cells(video, beside)
    if conditions.sound:
        size = (1, components.audio_vae.config.channels, shape.num_audio_tokens)
        audio = torch.randn(size, generator=generator(seed, "noise", "audio"))
    return Joint(video, audio).map(lambda x: None if x is None else x.to(components.device))


def branch_inputs(
    components: Components, conditions: Conditions, noisy: Sample
) -> Joint[BranchInput | None]:
    """Build what each branch of the transformer sees.

    Args:
        components: Networks; the patch counts.
        conditions: What is given.
        noisy: Noisy latents; None for a modality that does not run.

    Returns:
        Tokens and positions of each branch in fp32.
    """
    video = audio = None
    if noisy.video is not None and conditions.given is not None:
        clip, beside = clip_and_keyframes(noisy.video, conditions)
        video = video_branch(
            clip,
            conditions.given.latents,
            conditions.given.known,
            fps=conditions.shape.fps,
            patch=components.patch,
            references=conditions.references.video,
        )
        wanted = conditions.keyframes
        if wanted is not None and beside is not None:
            keyframes = Keyframes(
                noisy=beside,
                places=wanted.places,
                known=wanted.known,
                given=wanted.latents,
                stretched=wanted.stretched,
            )
            video = with_keyframes(video, keyframes, shape=conditions.shape, patch=components.patch)
    if noisy.audio is not None:
        audio = audio_branch(noisy.audio, conditions.references.audio)
    return Joint(video, audio)


def guided_denoiser(
    components: Components, conditions: Conditions, guidance: Guidance, *, audio_lag: float = 1.0
) -> Callable[[Sample, PerSample], Sample]:
    """Make the velocity of a clip out of the transformer's.

    With guidance, the prompt with its references and the absence of both are two rows of one batch;
    both see the same mask, and the source of an edit, which is to be kept. Where the sound is
    pulled towards the picture, the audio branch runs once more by itself, which costs little: its
    tokens are few.

    Args:
        components: Networks.
        conditions: What the network sees beside noise.
        guidance: Scales and where they apply.
        audio_lag: How far audio lags behind video where both run (``diffusion.lag``), >= 1. The
            denoiser takes and gives audio as it travels on the clock of the video.

    Returns:
        A ``core.protocols.Denoiser`` for one clip.
    """

    def denoise(noisy: Sample, sigma: PerSample) -> Sample:
        rows = 2 if guidance.applies(float(sigma[0])) else 1
        lags = audio_lag != 1 and noisy.video is not None and noisy.audio is not None
        level = Joint(sigma, sigma)
        if lags and noisy.audio is not None:
            level = Joint(sigma, lagging_level(sigma, audio_lag))
            noisy = Joint(noisy.video, from_clock(noisy.audio, sigma, audio_lag))
        inputs = branch_inputs(components, conditions, noisy)
        tokens = _evaluate(components, conditions, inputs, level, rows=rows)
        velocity = _latents(components, tokens, noisy, conditions)
        seeing = _row(velocity.audio, 0)
        if rows == 2:
            velocity = combine(
                velocity.map(lambda v: _row(v, 0)), velocity.map(lambda v: _row(v, 1)), guidance
            )
        if guidance.sync != 1 and noisy.video is not None and seeing is not None:
            heard = Joint(None, inputs.audio)
            alone = _evaluate(components, conditions, heard, level, rows=1)
            blind = _latents(components, alone, noisy, conditions).audio
            if velocity.audio is not None and blind is not None:
                followed = follow(velocity.audio, seeing, blind, guidance)
                velocity = Joint(velocity.video, followed)
        if lags and velocity.audio is not None and noisy.audio is not None:
            onward = velocity_on_clock(velocity.audio, noisy.audio, sigma, audio_lag)
            velocity = Joint(velocity.video, onward)
        return velocity

    return denoise


CLEAR = 0.1
"""Noise level of a clip from which on what it lacks of its keyframes is made. On the way there
their own level is near 1, as they lag; the last step of a short run is made in any case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What makes keyframes in step with a clip."""

    network: MMDiT
    """The transformer."""
    lag: float = 1.0
    """How far keyframes lag behind the clip (``diffusion.lag``), >= 1. They are taken and given as
    they travel on its clock; their network is told their own level."""

    @property
    def residual(self) -> float:
        """What that which the clip lacks is divided by where that is what is made; 0: it is not."""
        return self.network.config.residual


def denoiser_beside(
    components: Components, beside: Beside, conditions: Conditions, sampling: Sampling
) -> Callable[[Sample, PerSample], Sample]:
    """Make keyframes with a network of their own, in step with a clip that does not see them.

    Clip and sound are what they are without keyframes. The other network reads both as they are at
    every noise level, and of its velocities those of the keyframes count. It is not guided: the
    clip that it follows is. Where it makes what the clip lacks, it sees the clip as far as it is
    made at the size of the keyframes, and runs once that says enough (``CLEAR``): before, the clip
    is taken to lack nothing. Ours.

    Args:
        components: Networks; the transformer makes clip and sound.
        beside: What makes the keyframes.
        conditions: With keyframes.
        sampling: Guidance of clip and sound, and how far the sound lags behind.

    Returns:
        A ``core.protocols.Denoiser`` for one clip and its keyframes.
    """
    alone, audio_lag = replace(conditions, keyframes=None), sampling.audio_lag
    own = guided_denoiser(components, alone, sampling.rule, audio_lag=audio_lag)
    other, lag = replace(components, mmdit=beside.network), beside.lag
    last = float(sampling_sigmas(sampling.num_steps, shift=sampling.shift)[-2])

    def denoise(noisy: Sample, sigma: PerSample) -> Sample:
        if noisy.video is None:
            raise ValueError("keyframes stand beside a picture, got sound alone")
        clip, scaled = clip_and_keyframes(noisy.video, conditions)
        if scaled is None:
            raise ValueError("a network of their own makes keyframes, got conditions without")
        velocity = own(Joint(clip, noisy.audio), sigma)
        keyframes, audio = from_clock(scaled, sigma, lag), noisy.audio
        if audio is not None:
            audio = from_clock(audio, sigma, audio_lag)
        level = Joint(lagging_level(sigma, lag), lagging_level(sigma, audio_lag))
        seen, known = Joint(join_cells(clip, keyframes), audio), conditions
        if velocity.video is None:
            raise ValueError("networks must give the picture that they are given, got none")
        if beside.residual and float(sigma[0]) > max(CLEAR, last):
            noise = lag * velocity_from_clean(keyframes, torch.zeros_like(keyframes), level.video)
            return Joint(join_cells(velocity.video, noise), velocity.audio)
        if beside.residual:
            clean = clean_from_velocity(clip, velocity.video, sigma)
            known = with_stretched(conditions, clean, components.video_vae)
        inputs = branch_inputs(other, known, seen)
        tokens = _evaluate(other, known, inputs, level, rows=1)
        cells = _latents(other, tokens, seen, known).video
        if cells is None:
            raise ValueError("networks must give the picture that they are given, got none")
        _, found = part_cells(cells, clip=_grid(clip), keyframes=_grid(keyframes))
        onward = velocity_on_clock(found, keyframes, sigma, lag)
        return Joint(join_cells(velocity.video, onward), velocity.audio)

    return denoise


def _grid(latents: Tensor) -> tuple[int, int, int]:
    return (latents.shape[2], latents.shape[3], latents.shape[4])


def _evaluate(
    components: Components,
    conditions: Conditions,
    inputs: Joint[BranchInput | None],
    level: Joint[PerSample],
    *,
    rows: int,
) -> Joint[Float[Tensor, "b n p"] | None]:
    """Run the transformer once: with the prompt, and in a second row without."""
    dtype = next(components.mmdit.parameters()).dtype
    return components.mmdit(
        inputs.map(lambda branch: _rows_of(branch, rows, dtype)),
        conditions.context.to(components.device, dtype)[:rows],
        conditions.context_mask.to(components.device)[:rows],
        level.map(lambda one: one.expand(rows)),
        conditions.context_tags.to(components.device)[:rows],
    )


def _rows_of(branch: BranchInput | None, rows: int, dtype: torch.dtype) -> BranchInput | None:
    """One row, or two of which the second has no references, but the source of an edit."""
    if branch is None:
        return None
    shown = branch.attendable
    if shown is not None and branch.tags is not None:
        shown = torch.cat([shown, shown & kept_under_guidance(branch.tags)])[:rows]
    return replace(
        branch,
        tokens=repeat(branch.tokens.to(dtype), "1 n p -> r n p", r=rows),
        positions=repeat(branch.positions, "1 n a -> r n a", r=rows),
        attendable=shown,
        tags=None if branch.tags is None else repeat(branch.tags, "1 n -> r n", r=rows),
    )


def _row(values: Tensor | None, index: int) -> Tensor | None:
    return None if values is None else values[index : index + 1]


def _latents(
    components: Components,
    tokens: Joint[Float[Tensor, "b n p"] | None],
    like: Sample,
    conditions: Conditions,
) -> Sample:
    video = audio = None
    if tokens.video is not None and like.video is not None:
        clip, beside = clip_and_keyframes(like.video, conditions)
        grid = _grid(clip)
        seen, keyframes, patch = tokens.video, None, components.patch
        if conditions.keyframes is not None and beside is not None:
            num_clip = seen.shape[1] - beside[0, 0].numel() // patch**2
            seen, keyframes = split_keyframes(
                seen, num_clip=num_clip, grid=conditions.keyframes.grid, patch=patch
            )
        count = grid[0] * grid[1] * grid[2] // patch**2
        video = video_latents_from(seen[:, -count:].float(), grid=grid, patch=patch)
        if keyframes is not None:
            video = join_cells(video, keyframes.float())
    if tokens.audio is not None and like.audio is not None:
        audio = audio_latents_from(tokens.audio[:, -like.audio.shape[-1] :].float())
    return Joint(video, audio)


def denoise(
    components: Components,
    conditions: Conditions,
    sampling: Sampling,
    *,
    seed: int,
    beside: Beside | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sample:
    """Generate the latents of a clip.

    Known latents that are the clip's own are put back at every noise level and are exact at the
    end.

    Args:
        components: Networks.
        conditions: What the network sees beside noise.
        sampling: Steps, solver, guidance and step cache.
        seed: Seed of the noise.
        beside: What makes the keyframes; None is what makes the clip (``denoiser_beside``).
        progress: Called with the steps done and the steps in all.

    Returns:
        Clean latents; None for a modality that does not run. With keyframes those of video are a
        row of cells, which ``clip_and_keyframes`` takes apart.
    """
    noise = draw_noise(components, conditions, seed)
    if noise.video is not None and noise.audio is not None:
        stronger: Sample = Joint(noise.video, noise.audio * sampling.audio_lag)
        noise = stronger
    if beside is None or conditions.keyframes is None or noise.video is None:
        denoiser = guided_denoiser(
            components, conditions, sampling.rule, audio_lag=sampling.audio_lag
        )
    else:
        denoiser = denoiser_beside(components, beside, conditions, sampling)
        clip, keyframes = clip_and_keyframes(noise.video, conditions)
        if keyframes is not None:
            noise = Joint(join_cells(clip, keyframes * beside.lag), noise.audio)
    residual = 0.0 if beside is None else beside.residual
    held = lacking_nothing(conditions) if residual else conditions
    impose = _hold_given(held, noise)

    def report(state: Progress) -> None:
        if progress is not None:
            progress(state.step, state.num_steps)

    made = sample(
        continued(denoiser, sampling.cache),
        noise,
        sampling_sigmas(sampling.num_steps, shift=sampling.shift),
        STEPPERS[sampling.stepper],
        impose=impose,
        callback=report,
    )
    return added(made, conditions, residual, components.video_vae) if residual else made


def _hold_given(conditions: Conditions, noise: Sample) -> Impose | None:
    given, wanted = conditions.given, conditions.keyframes
    if given is None or noise.video is None:
        return None
    latents, imposed = given.latents, given.imposed
    if wanted is not None:
        latents = join_cells(latents, wanted.latents)
        imposed = join_cells(imposed, wanted.known)
    return hold_known(latents, noise.video, imposed) if bool(imposed.any()) else None
