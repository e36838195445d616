"""The sampling loop: from noise to data."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.core.joint import Joint
from openreels.diffusion.path import add_noise
from openreels.diffusion.solvers import Denoise, Sample, Stepper

Impose: TypeAlias = Callable[[Sample, float], Sample]
"""Puts what is known back into a sample at a noise level."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a step."""

    step: int
    """Steps done, from 1."""
    num_steps: int
    """Steps in all."""
    sigma: float
    """Noise level reached; 0 at the end."""
    noisy: Sample
    """The sample at that level."""


def sample(
    denoiser: Denoise,
    noise: Sample,
    sigmas: Float[Tensor, " steps"],
    stepper: Stepper,
    *,
    impose: Impose | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> Sample:
    """Follow the velocity of a denoiser down the noise levels.

    Args:
        denoiser: Predicts velocities; guided or not.
        noise: Standard normal, or data mixed with noise if ``sigmas`` start below 1. A modality
            that is None is never computed.
        sigmas: Decreasing noise levels in [0, 1], at least two.
        stepper: Rule of integration.
        impose: Called with the sample before every step and after the last, so that what is known
            is exact at the end.
        callback: Called after every step. An exception raised in it ends the run.

    Returns:
        The sample at the last noise level: data, if that is 0.

    Raises:
        ValueError: If both modalities are absent, or the noise levels do not decrease.
    """
    present = noise.audio if noise.video is None else noise.video
    if present is None:
        raise ValueError("at least one modality must be present, got None for both")
    levels = [float(level) for level in sigmas]
    if len(levels) < 2 or any(b >= a for a, b in pairwise(levels)):
        raise ValueError(f"sigmas must be two or more decreasing noise levels, got {levels}")

    batch, dtype, device = present.shape[0], present.dtype, present.device

    def field(noisy: Sample, sigma: float) -> Sample:
        level = torch.full((batch,), sigma, dtype=dtype, device=device)
        return denoiser(noisy, level)

    noisy, memory = noise, None
    for step, span in enumerate(pairwise(levels), start=1):
        if impose is not None:
            noisy = impose(noisy, span[0])
        noisy, memory = stepper.step(field, noisy, span, memory)
        if impose is not None and step == len(levels) - 1:
            noisy = impose(noisy, span[1])
        if callback is not None:
            callback(Progress(step, len(levels) - 1, span[1], noisy))
    return noisy


def hold_known(
    clean: Float[Tensor, "b c *s"], noise: Float[Tensor, "b c *s"], known: Bool[Tensor, " b *s"]
) -> Impose:
    """Make an ``Impose`` that keeps known video latents on their path to the known data.

    Implements the masked sampling of Lugmayr et al. 2022 (arXiv 2201.09865) without resampling:
    known cells are the data mixed with their noise at the current level, and the data at 0.

    Args:
        clean: Latents to keep, in the layout of the sample; read only where ``known``.
        noise: The noise that the run starts from.
        known: True where a latent is given.

    Returns:
        A function for ``sample``.
    """
    mask = known.unsqueeze(1)

    def impose(noisy: Sample, sigma: float) -> Sample:
        if noisy.video is None:
            return noisy
        level = noisy.video.new_full((noisy.video.shape[0],), sigma)
        return Joint(torch.where(mask, add_noise(clean, noise, level), noisy.video), noisy.audio)

    return impose
