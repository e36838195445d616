"""Guidance on joint velocities: away from no prompt, one scale a modality; and from no picture."""

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.diffusion.solvers import Denoise


@dataclass(frozen=True, kw_only=True, slots=True)
class Guidance:
    """How far to move away from the unconditional prediction. Not given by the paper.

    Raises:
        ValueError: If a scale is below 1, or a fraction is outside [0, 1].
    """

    scales: Joint[float] = field(default_factory=lambda: Joint(1.0, 1.0))
    """Factor of the difference to the unconditional velocity, >= 1 for each modality; 1 = off."""
    rescale: float = 0.0
    """In [0, 1]: how much of the growth in standard deviation is taken back. 0 = nothing."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Noise levels at which to guide, lower and upper end, both included. Elsewhere a step costs
    one evaluation."""
    sync: float = 1.0
    """Factor of the difference that the picture makes to the velocity of the sound, >= 1; 1 = off.
    As the modality guidance of LTX-2 (arXiv 2601.03233), here of the sound alone."""

    def __post_init__(self) -> None:
        for name, scale in (("video", self.scales.video), ("audio", self.scales.audio)):
            if not scale >= 1:
                raise ValueError(f"{name} guidance_scale must be at least 1 (off), got {scale}")
        if not self.sync >= 1:
            raise ValueError(f"sync_guidance_scale must be at least 1 (off), got {self.sync}")
        if not 0 <= self.rescale <= 1:
            raise ValueError(f"rescale must be in [0, 1], got {self.rescale}")
        if not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise ValueError(f"interval must be increasing in [0, 1], got {self.interval}")

    @property
    def is_off(self) -> bool:
        """Whether no modality is guided."""
        return self.scales.video == 1 and self.scales.audio == 1

    def applies(self, sigma: float) -> bool:
        """Whether to guide at a noise level."""
        return not self.is_off and self.interval[0] <= sigma <= self.interval[1]


def guide(
    conditional: Denoise,
    unconditional: Denoise,
    guidance: Guidance,
    *,
    blind: Denoise | None = None,
) -> Denoise:
    """Guide a denoiser away from its unconditional prediction, and its sound towards the picture.

    Implements Ho and Salimans 2022 (arXiv 2207.12598), restricted to an interval of noise as in
    Kynkaanniemi et al. 2024 (arXiv 2404.07724).

    Args:
        conditional: Velocity with prompt and references.
        unconditional: Velocity without them, or with a negative prompt. The same mask.
        guidance: Scales. When it is off, ``conditional`` itself is returned.
        blind: Velocity of the audio with the prompt, of a branch that sees no video; None leaves
            out ``Guidance.sync``.

    Returns:
        A denoiser that takes two evaluations where guidance applies and one elsewhere, and one of
        ``blind`` where both modalities run.
    """
    follows = blind is not None and guidance.sync != 1
    if guidance.is_off and not follows:
        return conditional

    def denoise(noisy: Joint[Tensor | None], sigma: PerSample) -> Joint[Tensor | None]:
        velocity = seeing = conditional(noisy, sigma)
        if guidance.applies(float(sigma[0])):
            velocity = combine(seeing, unconditional(noisy, sigma), guidance)
        if blind is None or not follows or noisy.video is None or velocity.audio is None:
            return velocity
        alone = blind(noisy, sigma).audio
        if alone is None or seeing.audio is None:
            return velocity
        return Joint(velocity.video, follow(velocity.audio, seeing.audio, alone, guidance))

    return denoise


def combine(
    conditional: Joint[Tensor | None], unconditional: Joint[Tensor | None], guidance: Guidance
) -> Joint[Tensor | None]:
    """Extrapolate from unconditional to conditional velocities, each modality by its scale.

    For callers who evaluate both at once, as one batch of twice the size.

    Returns:
        Guided velocities. A modality with scale 1 is returned as it came, bit for bit; an absent
        one stays None.
    """

    def one(with_text: Tensor | None, without: Tensor | None, scale: float) -> Tensor | None:
        if with_text is None or without is None or scale == 1:
            return with_text
        guided = without + scale * (with_text - without)
        return rescale_spread(guided, with_text, guidance.rescale)

    return Joint(
        one(conditional.video, unconditional.video, guidance.scales.video),
        one(conditional.audio, unconditional.audio, guidance.scales.audio),
    )


def follow(
    guided: Float[Tensor, "*s"],
    seeing: Float[Tensor, "*s"],
    blind: Float[Tensor, "*s"],
    guidance: Guidance,
) -> Float[Tensor, "*s"]:
    """Pull the sound further towards what the picture makes of it.

    Args:
        guided: Velocity of the audio after ``combine``.
        seeing: Velocity with the prompt, beside the video.
        blind: Velocity with the prompt, of a branch that sees no video.
        guidance: Its ``sync`` is the factor; 1 returns ``guided``.

    Returns:
        ``guided + (sync - 1) (seeing - blind)``.
    """
    return guided if guidance.sync == 1 else guided + (guidance.sync - 1) * (seeing - blind)


def rescale_spread(
    guided: Float[Tensor, "*s"], conditional: Float[Tensor, "*s"], amount: float
) -> Float[Tensor, "*s"]:
    """Bring the standard deviation of each sample back towards the conditional one.

    Implements Lin et al. 2023 (arXiv 2305.08891), eq. 15 and 16, on velocities.

    Args:
        guided: Velocity after guidance.
        conditional: Velocity before.
        amount: In [0, 1]; 0 returns ``guided``, 1 gives the standard deviation of ``conditional``.

    Returns:
        The rescaled velocity.
    """
    if amount == 0:
        return guided
    axes = tuple(range(1, guided.ndim))
    ratio = conditional.std(axes, keepdim=True) / guided.std(axes, keepdim=True).clamp_min(1e-8)
    return guided * (amount * ratio + (1 - amount))
