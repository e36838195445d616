"""The best linear guess of the velocity from the noisy token, beside what the blocks say."""

from torch import Tensor

from openreels.core.arrays import PerSample
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit.config import MMDiTConfig


def with_skip(
    output: Joint[Tensor | None],
    inputs: Joint[BranchInput | None],
    sigma: Joint[PerSample],
    config: MMDiTConfig,
) -> Joint[Tensor | None]:
    """Add to the output of the heads what follows from the noisy tokens alone.

    The velocity of a token is ``((2 s - 1) noisy + r output) / r^2`` with ``r^2 = s^2 + (1 - s)^2``
    at noise level ``s``, as the docstring of ``MMDiT`` explains. Ours.

    Args:
        output: What the heads say, a branch; None for an absent one.
        inputs: The tokens of each branch.
        sigma: Noise levels of each branch.
        config: Sizes of the network.

    Returns:
        Velocities.
    """
    video = audio = None
    if inputs.video is not None:
        cells = config.patch**2
        tokens = inputs.video.tokens.unflatten(-1, (cells, -1))
        noisy = tokens[..., : config.video_out // cells].flatten(2)
        video = _one(output.video, noisy, sigma.video)
    if inputs.audio is not None:
        audio = _one(output.audio, inputs.audio.tokens, sigma.audio)
    return Joint(video, audio)


def _one(out: Tensor | None, noisy: Tensor, sigma: PerSample) -> Tensor | None:
    if out is None:
        return None
    level = sigma[:, None, None].float()
    square = level**2 + (1 - level) ** 2
    guess = (2 * level - 1) * noisy.float() / square
    return (guess + out.float() / square.sqrt()).to(out.dtype)
