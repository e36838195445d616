"""Noise levels to train at."""

from dataclasses import dataclass
from typing import Literal

import torch

from openreels.core.arrays import PerSample
from openreels.diffusion.schedule import shift_sigmas


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseLevelConfig:
    """How often each noise level is trained.

    Raises:
        ValueError: If the spread or the shift is not positive, or the share is no share.
    """

    kind: Literal["uniform", "logit_normal"] = "uniform"
    """``uniform`` is the paper's (eq. 6); ``logit_normal`` prefers middle levels, as in Stable
    Diffusion 3 (arXiv 2403.03206, sec. 3.1)."""
    mean: float = 0.0
    """Of the logit, for ``logit_normal``; above 0 prefers noise."""
    std: float = 1.0
    """Of the logit, for ``logit_normal``; > 0."""
    shift: float = 1.0
    """Applied after the draw, as in ``shift_sigmas``; > 0, 1 = none. Not given by the paper."""
    uniform_share: float = 0.0
    """Share of the samples drawn uniformly all the same, for ``logit_normal``, in [0, 1]: keeps the
    ends of the path in the training. Ours."""
    lag_share: float = 0.0
    """Share of the samples whose audio is noisier than their video, in [0, 1]: the audio branch
    then reads of a clearer picture when something hits. 0 is the paper's one level for both.
    Ours."""
    max_lag: float = 16.0
    """Largest such lag (``diffusion.lag``), >= 1; lags are drawn from 1 to it, evenly by their
    logarithm."""
    keyframe_lag: float = 1.0
    """The same of high-resolution keyframes beside a clip, one number for all, >= 1. What the
    network is told is their level; the clip is clearer. For changes that make keyframes alone."""
    stratified: bool = True
    """Draw one level from each of as many equal parts as there are samples, in random order: the
    same distribution a sample, less variance a batch. Ours."""

    def __post_init__(self) -> None:
        if not self.std > 0 or not self.shift > 0:
            raise ValueError(f"std and shift must be positive, got {self.std} and {self.shift}")
        if not 0 <= self.uniform_share <= 1:
            raise ValueError(f"uniform_share must lie in [0, 1], got {self.uniform_share}")
        if not 0 <= self.lag_share <= 1:
            raise ValueError(f"lag_share must lie in [0, 1], got {self.lag_share}")
        for name, lag in (("max_lag", self.max_lag), ("keyframe_lag", self.keyframe_lag)):
            if not lag >= 1:
                raise ValueError(f"{name} must be at least 1 (none), got {lag}")


def draw_sigmas(
    num_samples: int, config: NoiseLevelConfig, *, generator: torch.Generator
) -> PerSample:
    """Draw the noise levels of a batch, one a sample, the same for both branches (eq. 6).

    Args:
        num_samples: Samples in the batch.
        config: The distribution.
        generator: CPU source of the draws.

    Returns:
        Levels in (0, 1), fp32, on the CPU.
    """
    uniform = torch.rand(num_samples, generator=generator, dtype=torch.float64)
    if config.stratified:
        parts = torch.randperm(num_samples, generator=generator)
        uniform = (parts + uniform) / num_samples
    uniform = uniform.clamp(1e-6, 1 - 1e-6)
    if config.kind == "logit_normal":
        normal = torch.sigmoid(config.mean + config.std * torch.special.ndtri(uniform))
        stays = torch.rand(num_samples, generator=generator) < config.uniform_share
        uniform = torch.where(stays, uniform, normal)
    return shift_sigmas(uniform, config.shift).float().clamp(1e-5, 1 - 1e-5)


def draw_lags(
    num_samples: int, config: NoiseLevelConfig, *, generator: torch.Generator
) -> PerSample | None:
    """Draw how far the audio of each sample lags behind its video.

    Args:
        num_samples: Samples in the batch.
        config: The share of samples with a lag, and the largest one.
        generator: CPU source of the draws.

    Returns:
        Lags >= 1, fp32, on the CPU; 1 is the same level. None where no sample ever has one.
    """
    if not config.lag_share:
        return None
    has_lag, size = torch.rand(2, num_samples, generator=generator)
    return torch.where(has_lag < config.lag_share, config.max_lag**size, 1.0)
