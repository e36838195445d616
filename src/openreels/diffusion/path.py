"""The straight path between clean data and noise, and what follows from a point and a slope.

Convention: ``sigma`` in [0, 1], 1 is pure noise; ``noisy = (1 - sigma) clean + sigma noise`` and
``velocity = d noisy / d sigma = noise - clean``. The paper's eq. 6 is the same path with time
``t = 1 - sigma`` and target ``clean - noise``: sign and time are both reversed, the loss is equal.
"""

from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import PerSample


def add_noise(
    clean: Float[Tensor, "*s"], noise: Float[Tensor, "*s"], sigma: PerSample
) -> Float[Tensor, "*s"]:
    """Mix data and noise: the point of the path at ``sigma``.

    Args:
        clean: Data of about unit variance.
        noise: Standard normal.
        sigma: Noise level in [0, 1] of each sample; 0 returns the data, 1 the noise, exactly.

    Returns:
        The mixture.
    """
    level = spread(sigma, clean)
    return (1 - level) * clean + level * noise


def velocity_of(clean: Float[Tensor, "*s"], noise: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """Slope of the path, the same everywhere on it: what a network learns to predict (eq. 6)."""
    return noise - clean


def clean_from_velocity(
    noisy: Float[Tensor, "*s"], velocity: Float[Tensor, "*s"], sigma: PerSample
) -> Float[Tensor, "*s"]:
    """Follow the slope to ``sigma`` 0: the data that a prediction implies."""
    return noisy - spread(sigma, noisy) * velocity


def noise_from_velocity(
    noisy: Float[Tensor, "*s"], velocity: Float[Tensor, "*s"], sigma: PerSample
) -> Float[Tensor, "*s"]:
    """Follow the slope to ``sigma`` 1: the noise that a prediction implies."""
    return noisy + (1 - spread(sigma, noisy)) * velocity


def velocity_from_clean(
    noisy: Float[Tensor, "*s"], clean: Float[Tensor, "*s"], sigma: PerSample
) -> Float[Tensor, "*s"]:
    """Slope from the data end of the path to a point of it; ``sigma`` must be above 0."""
    return (noisy - clean) / spread(sigma, noisy)


def velocity_from_noise(
    noisy: Float[Tensor, "*s"], noise: Float[Tensor, "*s"], sigma: PerSample
) -> Float[Tensor, "*s"]:
    """Slope from a point of the path to its noise end; ``sigma`` must be below 1."""
    return (noise - noisy) / (1 - spread(sigma, noisy))


def spread(sigma: PerSample, like: Float[Tensor, "*s"]) -> Float[Tensor, "..."]:
    """View one number a sample so that it multiplies everything of that sample."""
    return sigma.to(like.dtype).view(-1, *[1] * (like.ndim - 1))
