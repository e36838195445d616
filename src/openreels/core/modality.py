"""What the transformer sees of one modality: tokens and where they are on the clock."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
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
    tags: Int[Tensor, "b n"] | None = None
    """0 for a token of the clip, ``k >= 1`` for a token of reference ``k``; None means that there
    are no references. A reference carries no noise: its noise level is 0 whatever the clip's is."""
