"""Step caching: where the path is nearly straight, continue earlier velocities without the network.

Training-free, and needs no calibration: the rule reads how fast the velocity of this very run has
changed, as EasyCache does (arXiv 2507.02860); unlike it, what stands in for an evaluation is the
line through the last two. Whole velocities are continued, after guidance, so an evaluation that is
left out saves both rows of it. The guidance difference alone turned out to change faster than the
velocity, relative to its size: keeping it saves less.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.diffusion.solvers import Denoise, Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCache:
    """When an evaluation is left out. Ours.

    Raises:
        ValueError: If the threshold is outside [0, 1] or nothing may be left out.
    """

    threshold: float = 0.0
    """Expected change of the velocity since the last evaluation, relative to its size, below which
    it is continued, in [0, 1]; 0 is off."""
    max_skips: int = 4
    """Most evaluations left out one after the other, >= 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(
                f"the threshold of the step cache must lie in [0, 1], got {self.threshold:g}; "
                "0 turns it off"
            )
        if self.max_skips < 1:
            raise ValueError(f"max_skips must be at least 1, got {self.max_skips}")

    @property
    def is_off(self) -> bool:
        """Whether every step is evaluated."""
        return self.threshold == 0


class Seen(NamedTuple):
    """An evaluation that was made."""

    sigma: float
    """Its noise level."""
    velocity: Sample
    """What came out."""


def continued(denoiser: Denoise, cache: StepCache) -> Denoise:
    """Wrap a denoiser so that it is asked only where its velocity has changed enough.

    Args:
        denoiser: Velocity, guided or not.
        cache: When it is not asked. When it is off, ``denoiser`` itself is returned.

    Returns:
        A denoiser for one run, whose noise levels fall; it remembers two evaluations.
    """
    return denoiser if cache.is_off else _Continued(denoiser, cache)


class _Continued:
    """One run of a denoiser with a memory."""

    def __init__(self, denoiser: Denoise, cache: StepCache) -> None:
        self.denoiser = denoiser
        self.cache = cache
        self.seen: tuple[Seen, ...] = ()
        self.skips = 0

    def __call__(self, noisy: Sample, sigma: PerSample) -> Sample:
        """Continue the line through the last two velocities, or evaluate."""
        level = float(sigma[0])
        if self.may_skip(level):
            self.skips += 1
            before, last = self.seen
            return extrapolated(before, last, level)
        velocity = self.denoiser(noisy, sigma)
        self.skips = 0
        # Heun evaluates a level twice: the second time replaces the first.
        kept = [one for one in self.seen if one.sigma != level][-1:]
        self.seen = (*kept, Seen(level, velocity))
        return velocity

    def may_skip(self, level: float) -> bool:
        """Whether little change is expected since the last evaluation."""
        if len(self.seen) < 2 or self.skips >= self.cache.max_skips:
            return False
        before, last = self.seen
        share = (level - last.sigma) / (last.sigma - before.sigma)
        return share * relative_change(before.velocity, last.velocity) < self.cache.threshold


def extrapolated(before: Seen, last: Seen, level: float) -> Sample:
    """Continue the line through two velocities to another noise level."""
    share = (level - last.sigma) / (last.sigma - before.sigma)
    return last.velocity.zip(
        before.velocity,
        lambda x, y: None if x is None or y is None else x + share * (x - y),
    )


def relative_change(before: Sample, after: Sample) -> float:
    """Norm of the change by the norm of what it came to: the largest of all samples and modalities.

    Args:
        before: Velocities.
        after: Later ones.

    Returns:
        At least 0; 0 if both modalities are absent.
    """

    def one(x: Tensor | None, y: Tensor | None) -> float:
        if x is None or y is None:
            return 0.0
        change = (y - x).flatten(1).norm(dim=1)
        return float((change / y.flatten(1).norm(dim=1).clamp_min(1e-8)).max())

    changes: Joint[float] = before.zip(after, one)
    return max(changes.video, changes.audio)
