"""What a distillation is: who teaches, in how many steps, from which states. All of it is ours."""

from dataclasses import dataclass

from openreels.core.joint import Joint
from openreels.diffusion.guidance import Guidance
from openreels.diffusion.solvers import STEPPERS
from openreels.pipelines.fast import Distilled
from openreels.pipelines.settings import AUDIO_GUIDANCE, AUDIO_LAG, SYNC


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillConfig:
    """A teacher of many guided steps, a student of few unguided ones.

    Raises:
        ValueError: If a number is out of range or the solver is unknown.
    """

    teacher: str = "shipped"
    """Weights of the base that teaches: a file (a relative path is taken from the run's folder), or
    ``shipped``. The run's ``init`` should name the same."""
    num_steps: int = 8
    """Steps of the student from noise to data, one evaluation each."""
    shift: float = 3.0
    """Shift of the noise levels towards noise, > 0: the path bends most at high noise. With 3 half
    of eight steps lie above level 0.75, and so does half of the change of the shipped base's
    velocity."""
    teacher_steps: int = 2
    """Steps of the teacher within one of the student's."""
    stepper: str = "adams"
    """Its solver, a name in ``diffusion.solvers.STEPPERS``."""
    guidance: tuple[float, float] = (4.0, AUDIO_GUIDANCE)
    """Its guidance scales of video and audio, >= 1; the student takes them in."""
    sync: float = SYNC
    """Its pull of the picture on the sound (``Guidance.sync``), >= 1; taken in as well."""
    audio_lag: float = AUDIO_LAG
    """How far audio lags behind video on the way (``diffusion.lag``), >= 1; 1 is one level for
    both. The teacher must know the lag."""
    visited_share: float = 0.5
    """Share of the batches that start where the student itself comes to from noise, in [0, 1]; the
    others start from data mixed with noise."""

    def __post_init__(self) -> None:
        if min(self.num_steps, self.teacher_steps) < 1:
            raise ValueError(
                "num_steps and teacher_steps must be at least 1, got "
                f"{self.num_steps} and {self.teacher_steps}"
            )
        if self.stepper not in STEPPERS:
            raise ValueError(f"stepper must be one of {', '.join(STEPPERS)}, got {self.stepper!r}")
        if not 0 <= self.visited_share <= 1:
            raise ValueError(f"visited_share must lie in [0, 1], got {self.visited_share:g}")
        _ = self.rule, self.mark

    @property
    def rule(self) -> Guidance:
        """How the teacher is guided."""
        return Guidance(scales=Joint(*self.guidance), sync=self.sync)

    @property
    def mark(self) -> Distilled:
        """What the student's file says of itself."""
        return Distilled(
            num_steps=self.num_steps,
            shift=self.shift,
            guidance_scale=self.guidance[0],
            audio_guidance_scale=self.guidance[1],
            sync_guidance_scale=self.sync,
            audio_lag=self.audio_lag,
        )
