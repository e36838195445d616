"""Words in the picture, read back letter by letter against the font of the world."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import ClipShape
from openreels.stage.font import bitmap
from openreels.stage.overlays import axes, spread
from openreels.stage.scene import LOGOS, Overlay

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ASIDE = 2
"""How many pixels the words may lie beside their place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadWords:
    """What is read where words should be."""

    text: str
    """The best letter at each place."""
    clear: float
    """Mean correlation of the letters with the picture, in [-1, 1]."""


def read_words(pixels: Float[Tensor, "3 F H W"], overlay: Overlay) -> ReadWords:
    """Read words, a watermark, a subtitle or a logo at its place.

    Args:
        pixels: Frames in [-1, 1]; their mean is read.
        overlay: What should be there: kind, place and number of letters are taken from it, the
            letters are not.

    Returns:
        The letters that fit best, each by itself, at the best of the places up to two pixels aside;
        of a logo its name.
    """
    picture = pixels.mean(1)
    height, width = picture.shape[1:]
    if overlay.kind == "logo":
        fits = {name: _fit(picture, replace(overlay, text=name)) for name in LOGOS}
        best = max(fits, key=lambda name: fits[name])
        return ReadWords(text=best, clear=fits[best])
    found = ReadWords(text="", clear=-2.0)
    for row in range(-_ASIDE, _ASIDE + 1):
        for column in range(-_ASIDE, _ASIDE + 1):
            moved = picture.roll((row, column), (1, 2))
            read = _letters(moved.mean(0), overlay, height, width)
            found = max(found, read, key=lambda one: one.clear)
    return found


@cache
def _cells(overlay: Overlay, height: int, width: int) -> tuple[tuple[int, int, int, int], ...]:
    """Rows and columns of the box of each letter, with the dots around it."""
    x, y = axes(ClipShape(num_frames=1, height=height, width=width))
    whole = replace(overlay, text="8" * len(overlay.text))
    rows, columns = torch.where(spread(whole, x, y)[1] > 0)
    if not len(rows):
        return ()
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    count, size = len(overlay.text), 2 if overlay.kind == "words" else 1
    rim = 2 if overlay.kind == "subtitle" else 1  # dots on either side
    unit = (right - left) / (size * (6 * count - 1) + 2 * rim)
    edges = [left + unit * (rim + 6 * size * k) for k in range(count)]
    return tuple((top, bottom, round(a), round(a + 5 * size * unit)) for a in edges)


@cache
def _shapes(kind: str, rows: int, columns: int) -> Float[Tensor, "letters n"]:
    """Every letter as it fills a box, with zero mean and length one."""
    margin = {"words": 0.5, "watermark": 1.0, "subtitle": 1.0}[kind]
    drawn: list[Tensor] = []
    for letter in LETTERS:
        ink = bitmap(letter).float()
        y = (torch.arange(rows) + 0.5) / rows * (7 + 2 * margin) - margin
        x = (torch.arange(columns) + 0.5) / columns * 5
        row, column = y.floor().long(), x.floor().long().clamp(0, 4)
        inside = ((row >= 0) & (row < 7)).float()[:, None]
        drawn.append((ink[row.clamp(0, 6)][:, column] * inside).flatten())
    return _normed(torch.stack(drawn))


def _normed(values: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
    centred = values - values.mean(-1, keepdim=True)
    return centred / centred.norm(dim=-1, keepdim=True).clamp_min(1e-6)


def _letters(picture: Float[Tensor, "H W"], overlay: Overlay, height: int, width: int) -> ReadWords:
    letters: list[str] = []
    fits: list[float] = []
    for place, (top, bottom, left, right) in enumerate(_cells(overlay, height, width)):
        part = picture[top:bottom, max(0, left) : right]
        if overlay.text[place] == " ":
            letters.append(" ")
            continue
        if left < 0 or part.numel() == 0:
            letters.append("?")
            fits.append(0.0)
            continue
        fit = _shapes(overlay.kind, *part.shape) @ _normed(part.flatten())
        letters.append(LETTERS[int(fit.argmax())])
        fits.append(float(fit.max()))
    return ReadWords(text="".join(letters), clear=sum(fits) / len(fits) if fits else -1.0)


def _fit(picture: Float[Tensor, "3 H W"], overlay: Overlay) -> float:
    """Correlation of a logo's colours with the picture, at the best place."""
    height, width = picture.shape[1:]
    x, y = axes(ClipShape(num_frames=1, height=height, width=width))
    colour, cover = spread(overlay, x, y)
    where = cover > 0
    if not bool(where.any()):
        return -1.0
    wanted = _normed(colour[:, where].flatten())
    shifts = range(-_ASIDE, _ASIDE + 1)
    return max(
        float(wanted @ _normed(picture.roll((r, c), (1, 2))[:, where].flatten()))
        for r in shifts
        for c in shifts
    )


def letters_right(read: str, true: str) -> float:
    """Share of the letters of a text that are read at their place; spaces do not count."""
    pairs = [(a, b) for a, b in zip(read.ljust(len(true)), true, strict=False) if b != " "]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0
