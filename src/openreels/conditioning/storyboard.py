"""A storyboard collage cut into its panels."""

from jaxtyping import Float, UInt8
from torch import Tensor

MAX_PANELS_A_SIDE = 4
_SEAM = 3.0
"""A step of colour this many times the usual one, along the whole of a line, is a seam."""
_DEFAULT = 2


def panels(collage: UInt8[Tensor, "a b 3"]) -> tuple[UInt8[Tensor, "c d 3"], ...]:
    """Cut a storyboard into its panels.

    Not given by the paper: how the product knows the layout. Here each side is cut into as many
    equal parts, up to four, as have a step of colour along every line between them; a collage
    without any such line is taken for two by two.

    Args:
        collage: The picture.

    Returns:
        Panels of one size, row by row: the order of the story.

    Raises:
        ValueError: If the picture is too small to hold panels.
    """
    height, width = collage.shape[:2]
    if min(height, width) < 2 * _DEFAULT:
        raise ValueError(
            f"a storyboard must have at least {2 * _DEFAULT} pixels a side, got {width}x{height}; "
            "give a larger picture"
        )
    values = collage.float()
    rows = _parts((values[1:] - values[:-1]).abs().mean((1, 2)))
    columns = _parts((values[:, 1:] - values[:, :-1]).abs().mean((0, 2)))
    if (rows, columns) == (1, 1):
        rows = columns = _DEFAULT
    high, wide = height // rows, width // columns
    return tuple(
        collage[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        for row in range(rows)
        for column in range(columns)
    )


def _parts(steps: Float[Tensor, " n"]) -> int:
    """Into how many equal parts a side falls.

    Args:
        steps: Mean step of colour between each line of pixels and the next.

    Returns:
        The largest number whose every border is a seam; 1 if there is none.
    """
    size = len(steps) + 1
    usual = float(steps.median()) + 1.0
    for count in range(MAX_PANELS_A_SIDE, 1, -1):
        places = [round(size * index / count) for index in range(1, count)]
        around = max(1, size // 64)
        peaks = [float(steps[max(0, p - 1 - around) : p + around].max()) for p in places]
        if min(peaks) > _SEAM * usual:
            return count
    return 1
