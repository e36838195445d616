"""Steppers: how to follow a velocity from one noise level to the next.

A stepper is frozen and keeps nothing between steps; what a multistep rule remembers travels beside
the sample. Solver arithmetic is in the dtype of the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint

Sample: TypeAlias = Joint[Tensor | None]
"""Video and audio on their way from noise to data; an absent modality is None."""
Denoise: TypeAlias = Callable[[Joint[Tensor | None], PerSample], Joint[Tensor | None]]
"""What ``core.protocols.Denoiser`` promises, as a plain callable: velocity of a noisy sample at a
noise level a sample."""
Field: TypeAlias = Callable[[Sample, float], Sample]
"""Velocity of a sample at a noise level."""


class Memory(NamedTuple):
    """What a multistep rule remembers of the step before."""

    velocity: Sample
    """At the start of that step."""
    length: float
    """Its change of sigma, negative on the way to data."""


@runtime_checkable
class Stepper(Protocol):
    """A rule of integration."""

    @property
    def order(self) -> int:
        """Power of the step with which the error of a whole run falls."""
        ...

    @property
    def num_evaluations(self) -> int:
        """Evaluations of the velocity a step."""
        ...

    def step(
        self, field: Field, noisy: Sample, span: tuple[float, float], memory: Memory | None
    ) -> tuple[Sample, Memory | None]:
        """Advance a sample from ``span[0]`` to ``span[1]``.

        Args:
            field: Velocity.
            noisy: The sample at ``span[0]``.
            span: Noise levels before and after.
            memory: What the last step returned; None at the first.

        Returns:
            The sample at ``span[1]`` and what to hand to the next step.
        """
        ...


@dataclass(frozen=True, slots=True)
class EulerStepper:
    """Follow the slope at the start; exact where the path is straight.

    With ``velocity = (noisy - clean) / sigma`` this is DDIM (Song et al. 2020, arXiv 2010.02502).
    """

    order: int = 1
    num_evaluations: int = 1

    def step(
        self, field: Field, noisy: Sample, span: tuple[float, float], memory: Memory | None
    ) -> tuple[Sample, Memory | None]:
        """Advance with one evaluation."""
        del memory
        return along(noisy, field(noisy, span[0]), span[1] - span[0]), None


@dataclass(frozen=True, slots=True)
class HeunStepper:
    """Follow the mean of the slopes at both ends, two evaluations a step.

    The last step, to sigma 0, is Euler's as in Karras et al. 2022 (arXiv 2206.00364), algorithm 1,
    because a network is not trained there; the order of a run is the same.
    """

    order: int = 2
    num_evaluations: int = 2

    def step(
        self, field: Field, noisy: Sample, span: tuple[float, float], memory: Memory | None
    ) -> tuple[Sample, Memory | None]:
        """Advance with two evaluations, or one to sigma 0."""
        del memory
        length = span[1] - span[0]
        start = field(noisy, span[0])
        guess = along(noisy, start, length)
        if span[1] == 0:
            return guess, None
        end = field(guess, span[1])
        return along(along(noisy, start, length / 2), end, length / 2), None


@dataclass(frozen=True, slots=True)
class AdamsStepper:
    """Extrapolate the slope from the last two steps: second order for one evaluation a step.

    Adams-Bashforth of two steps for steps of any lengths; the first step is Euler's, which keeps
    the order of a run. Not to be confused with DPM-Solver++(2M), which extrapolates the clean
    prediction instead.
    """

    order: int = 2
    num_evaluations: int = 1

    def step(
        self, field: Field, noisy: Sample, span: tuple[float, float], memory: Memory | None
    ) -> tuple[Sample, Memory | None]:
        """Advance with one evaluation and the one remembered."""
        length = span[1] - span[0]
        velocity = field(noisy, span[0])
        now = Memory(velocity, length)
        if memory is None:
            return along(noisy, velocity, length), now
        half_ratio = length / memory.length / 2
        advanced = along(noisy, velocity, length * (1 + half_ratio))
        return along(advanced, memory.velocity, -length * half_ratio), now


STEPPERS: dict[str, Stepper] = {
    "euler": EulerStepper(),
    "heun": HeunStepper(),
    "adams": AdamsStepper(),
}
"""Steppers by the name that users type."""


def along(sample: Sample, velocity: Sample, length: float) -> Sample:
    """Move both modalities along their velocities; an absent one stays absent."""
    return sample.zip(
        velocity,
        lambda x, v: None if x is None or v is None else x.add(v, alpha=length),
    )
