"""What the transformer sees of one modality: tokens and where they are on the clock."""

from dataclasses import dataclass, replace

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
    grid: tuple[int, int, int] | None = None
    """Frames, rows and columns of the clip in tokens, in that order. Sparse attention needs it;
    whatever stands before or after (references, keyframes) stays dense."""
    grid_start: int = 0
    """Tokens before those of the grid: references."""
    beside: tuple[int, int, int] | None = None
    """Keyframes, and rows and columns of their tokens, which follow those of the grid; None means
    that there are none."""

    def turned(self, by: int) -> "BranchInput":
        """The same branch with its first tokens at the end; positions, masks and tags go along.

        Args:
            by: Tokens that are moved, in [0, ``grid_start``].

        Returns:
            A branch whose grid starts ``by`` tokens earlier.
        """
        if not by:
            return self

        def move(values: Tensor | None) -> Tensor | None:
            return None if values is None else values.roll(-by, 1)

        return replace(
            self,
            tokens=self.tokens.roll(-by, 1),
            positions=self.positions.roll(-by, 1),
            attendable=move(self.attendable),
            tags=move(self.tags),
            grid_start=self.grid_start - by,
        )
