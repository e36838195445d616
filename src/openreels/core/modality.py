"""What the transformer sees of one modality: tokens and where they are on the clock."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchInput:
    """Tokens of one branch. The order of tokens carries no meaning: positions do."""

    tokens: Float[Tensor, "b n p"]
    """Patchified channels: for video ``patch * patch * (2c + 1)`` of ``Concat(V, I, M)`` (eq. 7),
    for audio the ``c`` channels of one token."""
    positions: Float[Tensor, "b n a"]
    """Video ``(seconds, row, column)``, audio ``(seconds,)``. Rows and columns count latent cells
    (the centre of a patch, so may be fractional); seconds may be negative (references, eq. 9)."""
    attendable: Bool[Tensor, "b n"] | None = None
    """True where a token may be attended; None means all. Padding is False and hides nothing."""
    grid: tuple[int, int, int] | None = None
    """Frames, rows and columns of the clip in tokens: the first tokens, in that order. Sparse
    attention needs it; whatever follows (references, keyframes) stays dense."""
