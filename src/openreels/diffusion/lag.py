"""Audio that lags behind video on the way from noise to data, so that sounds follow the picture.

Not given by the paper, whose branches share one noise level (eq. 6): ours. When both are clear at
the same time, neither can read from the other when something hits before it has chosen itself.

With a lag of ``k``, audio is at the level at which its ratio of noise to data is ``k`` times that
of the video at level ``s``: ``k s / (1 + (k - 1) s)``. Scaled by ``1 + (k - 1) s`` such audio is
``(1 - s) clean + s (k noise)``, which is the straight path of level ``s`` from noise ``k`` times as
strong. So one solver on one clock takes both modalities along, and a straight path stays straight.
"""

from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.diffusion.path import spread


def lagging_level(sigma: PerSample, lag: PerSample | float) -> PerSample:
    """Noise level of the audio where the video is at ``sigma``.

    Args:
        sigma: Noise levels of the video in [0, 1].
        lag: >= 1; 1 is the same level.

    Returns:
        Levels in [0, 1], at least ``sigma``; 0 and 1 stay where they are.
    """
    return lag * sigma / (1 + (lag - 1) * sigma)


def leading_level(sigma: PerSample, lag: PerSample | float) -> PerSample:
    """Invert ``lagging_level``: the level of the video where what lags is at ``sigma``.

    Args:
        sigma: Noise levels of what lags, in [0, 1].
        lag: >= 1; 1 is the same level.

    Returns:
        Levels in [0, 1], at most ``sigma``.
    """
    return sigma / (lag - (lag - 1) * sigma)


def from_clock(scaled: Float[Tensor, "*s"], sigma: PerSample, lag: float) -> Float[Tensor, "*s"]:
    """Noisy audio at its own level, of what travels on the clock of the video.

    Args:
        scaled: ``(1 - sigma) clean + sigma lag noise``.
        sigma: Noise levels of the video.
        lag: >= 1.

    Returns:
        ``(1 - s) clean + s noise`` at ``s = lagging_level(sigma, lag)``.
    """
    return scaled / spread(1 + (lag - 1) * sigma, scaled)


def velocity_on_clock(
    velocity: Float[Tensor, "*s"], noisy: Float[Tensor, "*s"], sigma: PerSample, lag: float
) -> Float[Tensor, "*s"]:
    """Velocity of what travels on the clock, from that of the audio at its own level.

    Args:
        velocity: Noise - clean, as predicted at ``lagging_level(sigma, lag)``.
        noisy: The audio at that level.
        sigma: Noise levels of the video.
        lag: >= 1.

    Returns:
        ``lag noise - clean``.
    """
    own = spread(lagging_level(sigma, lag), noisy)
    return lag * (noisy + (1 - own) * velocity) - (noisy - own * velocity)


def velocity_from_clock(
    onward: Float[Tensor, "*s"], noisy: Float[Tensor, "*s"], sigma: PerSample, lag: float
) -> Float[Tensor, "*s"]:
    """Invert ``velocity_on_clock``: the velocity of the audio at its own level.

    Args:
        onward: ``lag noise - clean``.
        noisy: The audio at ``lagging_level(sigma, lag)``.
        sigma: Noise levels of the video.
        lag: >= 1.

    Returns:
        Noise - clean.
    """
    own = spread(lagging_level(sigma, lag), noisy)
    return (onward - (lag - 1) * noisy) / (lag * (1 - own) + own)
