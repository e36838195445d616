"""The noise level as a vector."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import PerSample

NUM_SINUSOIDS = 256
SIGMA_UNITS = 1000.0


def sinusoids(values: PerSample, num_channels: int) -> Float[Tensor, "b s"]:
    """Write numbers as cosines and sines of geometrically spaced frequencies.

    Implements the embedding of Vaswani et al. 2017 (arXiv 1706.03762), sec. 3.5.

    Args:
        values: Any real numbers, one a sample.
        num_channels: Even; half are cosines. Frequencies fall from 1 to 1/10000 radian a unit.

    Returns:
        Values in [-1, 1], fp32.

    Raises:
        ValueError: If ``num_channels`` is odd.
    """
    if num_channels % 2:
        raise ValueError(f"num_channels must be even, got {num_channels}")
    half = num_channels // 2
    steps = torch.arange(half, device=values.device, dtype=torch.float32) / half
    angles = values.float()[:, None] * torch.exp(-math.log(10_000.0) * steps)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class SigmaEmbedding(nn.Module):
    """Noise level in [0, 1] to features that modulate every block, as in DiT (arXiv 2212.09748)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(NUM_SINUSOIDS, width)
        self.down = nn.Linear(width, width)

    def forward(self, sigma: PerSample) -> Float[Tensor, "b d"]:
        """Embed one noise level a sample; the last SiLU is applied, ready for linear readers."""
        waves = sinusoids(sigma * SIGMA_UNITS, NUM_SINUSOIDS).to(self.up.weight.dtype)
        return nn.functional.silu(self.down(nn.functional.silu(self.up(waves))))
