"""A storyboard collage cut into its panels."""

import math
from itertools import product

from jaxtyping import Float, UInt8
from torch import Tensor

from openreels.core.shapes import ASPECT_RATIOS, size_for

MAX_PANELS_A_SIDE = 4
_SEAM = 3.0
"""A step of colour this many times the usual one, along the whole of a line, is a seam."""
_DEFAULT = 2
_COUNTS = range(1, MAX_PANELS_A_SIDE + 1)
_SEAM_LIMIT = 1.0
"""Most that seams count, in factors of e above or below ``_SEAM``."""
_SMALLEST_PX = 64
_LOOKED_AT = 128
_REPEAT_FROM, _REPEAT_LIMIT = 0.2, 2.0
_REPEAT_WEIGHT = 2.0
_SHAPE_WEIGHT, _SHAPE_LIMIT = 16.0, 0.95
"""Of the distance of a panel's shape from the nearest aspect ratio of clips, in factors of e."""


def panels(collage: UInt8[Tensor, "a b 3"]) -> tuple[UInt8[Tensor, "c d 3"], ...]:
    """Cut a storyboard into its panels.

    Not given by the paper: how the product knows the layout. Here it is that of up to four by four
    equal parts for which most speaks: a step of colour along every line between the parts; parts
    that are like their neighbours, as pictures of one scene are; and parts that have the shape of a
    clip. A collage for which nothing speaks is taken for two by two.

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
    rows, columns = layout(collage)
    high, wide = height // rows, width // columns
    return tuple(
        collage[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        for row in range(rows)
        for column in range(columns)
    )


def layout(collage: UInt8[Tensor, "a b 3"]) -> tuple[int, int]:
    """Find rows and columns of a collage, as ``panels`` says.

    Args:
        collage: The picture, at least four pixels a side.

    Returns:
        Rows and columns, at most four each and not both one.
    """
    height, width = collage.shape[:2]
    values = collage.float()
    down, across = _evidence(values), _evidence(values.transpose(0, 1))

    def score(parts: tuple[int, int]) -> float:
        rows, columns = parts
        shape = _SHAPE_WEIGHT * _shape_distance(height / rows, width / columns)
        # Of layouts that are told apart by nothing, the one of two by two.
        near = 0.01 * (abs(rows - _DEFAULT) + abs(columns - _DEFAULT))
        return down[rows - 1] + across[columns - 1] - min(shape, _SHAPE_LIMIT) - near

    found = max((parts for parts in product(_COUNTS, _COUNTS) if parts != (1, 1)), key=score)
    lines = down[found[0] - 1] + across[found[1] - 1]
    return found if lines > 0 else (_DEFAULT, _DEFAULT)


def _shape_distance(height: float, width: float) -> float:
    """How far a form is from those of clips, exact or in the pixels of the smallest size."""
    forms = [(h, w) for w, h in ASPECT_RATIOS.values()]
    forms += [size_for(name, _SMALLEST_PX) for name in ASPECT_RATIOS]
    return min(abs(math.log(width / height) - math.log(w / h)) for h, w in forms)


def _evidence(values: Float[Tensor, "n m 3"]) -> tuple[float, ...]:
    """What speaks for each number of equal parts of the first side; 0 for the undivided."""
    size = values.shape[0]
    steps = (values[1:] - values[:-1]).abs().mean((1, 2))
    usual = float(steps.median()) + 1.0
    around = max(1, size // 64)
    # Every line of large pictures would take minutes and tell no more.
    values = values[:, :: max(1, values.shape[1] // _LOOKED_AT)]
    shifts = range(max(1, size // 8), size - size // 8, max(1, size // _LOOKED_AT))
    typical = sum(_difference(values, s) for s in shifts) / max(1, len(shifts)) + 1.0
    found = [0.0]
    for count in range(2, MAX_PANELS_A_SIDE + 1):
        places = [round(size * index / count) for index in range(1, count)]
        peak = min(float(steps[max(0, p - 1 - around) : p + around].max()) for p in places)
        seam = math.log(max(peak, 1e-3) / (_SEAM * usual))
        repeat = math.log(typical / (_difference(values, round(size / count)) + 1.0))
        found.append(
            min(max(seam, -_SEAM_LIMIT), _SEAM_LIMIT * count / 2)
            + _REPEAT_WEIGHT * min(max(repeat - _REPEAT_FROM, 0.0), _REPEAT_LIMIT)
        )
    return tuple(found)


def _difference(values: Float[Tensor, "n m 3"], shift: int) -> float:
    """Mean step of colour between lines that lie apart."""
    return float((values[shift:] - values[:-shift]).abs().mean())
