"""Noise levels for training."""

import torch

from openreels.core.arrays import PerSample
from openreels.training.config import SigmaConfig


def draw_sigmas(config: SigmaConfig, count: int, source: torch.Generator) -> PerSample:
    """Draw a noise level a sample, the same for video and audio (eq. 6).

    The paper draws uniformly. Logit-normal levels implement Esser et al. 2024 (arXiv 2403.03206),
    sec. 3.1; the shift is that of their eq. 23.

    Args:
        config: The distribution.
        count: Number of samples.
        source: Source of the draws.

    Returns:
        Levels in (0, 1).
    """
    uniform = torch.rand(count, generator=source)
    sigmas = uniform
    if config.kind == "logit_normal":
        logits = torch.randn(count, generator=source) * config.std + config.mean
        is_uniform = torch.rand(count, generator=source) < config.uniform_share
        sigmas = torch.where(is_uniform, uniform, logits.sigmoid())
    sigmas = config.shift * sigmas / (1 + (config.shift - 1) * sigmas)
    return sigmas.clamp(1e-4, 1 - 1e-4)
