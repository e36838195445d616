"""How much work a request gets: steps, solver, guidance."""

from dataclasses import dataclass

from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.diffusion.guidance import Guidance


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How noise becomes data. Not given by the paper: all of it; ours."""

    num_steps: int
    """Denoising steps."""
    stepper: str
    """Name in ``diffusion.solvers.STEPPERS``."""
    guidance: Joint[float]
    """Guidance scales of video and audio; 1 is off."""
    shift: float
    """Shift of the noise levels towards noise; 1 is none."""
    audio_lag: float = 1.0
    """How far audio lags behind video on the way from noise (``diffusion.lag``), >= 1; 1 is the
    paper's one level for both."""
    rescale: float = 0.0
    """How much of the growth of contrast under guidance is taken back, in [0, 1]."""

    @property
    def rule(self) -> Guidance:
        """The scales as a rule for the velocities."""
        return Guidance(scales=self.guidance, rescale=self.rescale)


MODES: dict[str, Sampling] = {
    "fast": Sampling(num_steps=10, stepper="adams", guidance=Joint(4.0, 4.0), shift=1.0),
    "std": Sampling(num_steps=24, stepper="adams", guidance=Joint(4.0, 4.0), shift=1.0),
    "pro": Sampling(num_steps=40, stepper="heun", guidance=Joint(4.0, 4.0), shift=1.0),
}
"""Settings by the mode of a request."""


def sampling_of(request: GenerationRequest) -> Sampling:
    """The settings of a request: those of its mode, where it does not say otherwise.

    Args:
        request: A valid request.

    Returns:
        Settings without a gap.
    """
    base = MODES[request.mode]
    video, audio = request.guidance_scale, request.audio_guidance_scale
    return Sampling(
        num_steps=base.num_steps if request.steps is None else request.steps,
        stepper=base.stepper,
        guidance=Joint(
            base.guidance.video if video is None else float(video),
            base.guidance.audio if audio is None else float(audio),
        ),
        shift=base.shift,
        audio_lag=base.audio_lag,
        rescale=base.rescale,
    )
