"""Windows over a grid of latents: what a network sees at a time of a clip that is too large."""

from itertools import product
from typing import NamedTuple


class Window(NamedTuple):
    """A box of latents."""

    frames: range
    """Latent frames."""
    rows: range
    """Rows of the latent grid."""
    columns: range
    """Columns of the latent grid."""

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index of the last three axes."""
        frames, rows, columns = (slice(axis.start, axis.stop) for axis in self)
        return frames, rows, columns


def windows_of(
    grid: tuple[int, int, int], *, size: tuple[int, int, int], overlap: tuple[int, int, int]
) -> list[Window]:
    """Cover a grid with boxes of one size, or smaller where the grid is.

    Args:
        grid: Latent frames, rows and columns.
        size: Of a box.
        overlap: What a box shares with the one before it along each axis, at least; the last box of
            an axis is moved back so that it is whole, and shares more.

    Returns:
        Boxes in the order frame, row, column; every latent is in one at least.

    Raises:
        ValueError: If boxes would not advance.
    """
    axes = [_spans(*axis) for axis in zip(grid, size, overlap, strict=True)]
    return [Window(*spans) for spans in product(*axes)]


def _spans(side: int, size: int, overlap: int) -> list[range]:
    if not 0 <= overlap < size:
        raise ValueError(
            f"windows must be larger than their overlap, got {size} and {overlap}; enlarge them"
        )
    if side <= size:
        return [range(side)]
    starts = [*range(0, side - size, size - overlap), side - size]
    return [range(start, start + size) for start in starts]
