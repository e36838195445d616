"""Styles: cut paper, a mosaic of bricks, a pencil sketch; passes over a rendered frame.

All textures hang on the picture in stage units, so a style looks the same at every size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from openreels.core.seeding import generator
from openreels.stage.actors import COLOUR_VALUES, Surface
from openreels.stage.paint import Colour3, mix, rgb, step
from openreels.stage.scene import Actor, Style

BRICK = 1 / 16
"""Side of a mosaic's tile in stage units; a brick is two by two tiles and carries one stud."""
PAPER_SHADOW = (0.10, -0.13)
"""Where a paper actor's hard shadow lies, in radii."""
_PAPER: Colour3 = (0.97, 0.95, 0.90)
_PENCIL: Colour3 = (0.17, 0.17, 0.21)
_LUMA: Colour3 = (0.30, 0.59, 0.11)
_LEVELS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """The pixels of the picture in stage units."""

    x: Tensor
    """Picture x of the columns, shape ``(W,)``."""
    y: Tensor
    """Picture y of the rows, shape ``(H,)``."""
    pixel: float
    """Stage units a pixel."""


def _grain(canvas: Canvas, cell: float, name: str) -> Tensor:
    """Smooth noise in [-1, 1] with knots every ``cell`` stage units, shape ``(H, W)``."""
    knots = torch.rand(64, 64, generator=generator(0, "style", name)).to(canvas.x.device) * 2 - 1
    x, y = canvas.x[None, :] / cell, canvas.y[:, None] / cell
    left, low = torch.floor(x), torch.floor(y)
    across, up = x - left, y - low
    across, up = across * across * (3 - 2 * across), up * up * (3 - 2 * up)
    columns = [torch.remainder(left + k, 64).long() for k in (0, 1)]
    rows = [torch.remainder(low + k, 64).long() for k in (0, 1)]
    lower, upper = (mix(knots[r, columns[0]], knots[r, columns[1]], across) for r in rows)
    return mix(lower, upper, up)


def _luma(image: Tensor) -> Tensor:
    return (image * rgb(_LUMA, image)).sum(1, keepdim=True)


def _shifted(image: Tensor, right: int, down: int) -> Tensor:
    """The image moved by whole pixels; its border is repeated."""
    height, width = image.shape[-2:]
    rows = (torch.arange(height, device=image.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=image.device) - right).clamp(0, width - 1)
    return image[..., rows, :][..., columns]


def flat_colours(image: Tensor, levels: float = _LEVELS) -> Tensor:
    """Reduce brightness to a few levels and keep the hue."""
    bright = _luma(image).clamp(min=1e-3)
    flat = (torch.floor(bright * levels) + 0.5) / levels
    return (image * (flat / bright)).clamp(0, 1)


def paper_actor(actor: Actor, at: Surface, colour: Tensor, distance: Tensor) -> Tensor:
    """Colour an actor as a piece of cut paper: flat, with the texture pale and a light rim.

    Args:
        actor: Its colour is used.
        at: Shading inputs of shape ``(f, h, w)``.
        colour: The shaded colours, shape ``(f, 3, h, w)``.
        distance: Signed distance to the outline in radii, shape ``(f, h, w)``.

    Returns:
        Colours in [0, 1], shape ``(f, 3, h, w)``.
    """
    base = rgb(COLOUR_VALUES[actor.colour], colour)
    light = _luma(colour).mean(dim=(-2, -1), keepdim=True).clamp(0.35, 1.0)
    flat = mix(base, base * light / _luma(base).clamp(min=0.2), 0.35).clamp(0, 1)
    pattern = flat_colours(mix(flat, colour, 0.45), 4.0)
    rim = step(distance + 0.15, 0.10)[:, None]
    lit = (0.75 * (at.facing[:, None] > 0)).to(colour.dtype)
    return mix(mix(flat, pattern, 0.30), torch.ones_like(flat), rim * lit * 0.45)


def _paper(image: Tensor, canvas: Canvas) -> Tensor:
    flat = mix(image, flat_colours(image), 0.85)
    reach = max(1, round(0.035 / canvas.pixel))
    edge = (_luma(_shifted(flat, reach, reach)) - _luma(flat)).clamp(0, 0.25)
    flat = flat * (1 - 1.1 * edge)
    grain = 0.6 * _grain(canvas, 0.034, "paper") + 0.4 * _grain(canvas, 0.11, "pulp")
    return flat * (1 + 0.065 * grain) + 0.012


def bricks(canvas: Canvas) -> tuple[Tensor, Tensor]:
    """Find the pixel that gives each pixel's tile of a mosaic its colour.

    Args:
        canvas: The pixels of the picture.

    Returns:
        Indices of rows, shape ``(H,)``, and of columns, shape ``(W,)``.
    """
    found = []
    for places, sign in ((canvas.y, -1.0), (canvas.x, 1.0)):
        middle = (torch.floor(places / BRICK) + 0.5) * BRICK
        index = (middle - places[0]) * sign / canvas.pixel
        found.append(torch.floor(index + 0.5 - 1e-3).long().clamp(0, len(places) - 1))
    return found[0], found[1]


def _mosaic(image: Tensor, canvas: Canvas) -> Tensor:
    rows, columns = bricks(canvas)
    tiles = image[..., rows, :][..., columns]
    pitch = 2 * BRICK
    x = torch.remainder(canvas.x[None, :], pitch) / pitch - 0.5
    y = torch.remainder(canvas.y[:, None], pitch) / pitch - 0.5
    soft = 1.2 * canvas.pixel / pitch
    far = (x * x + y * y).sqrt()
    stud = step(0.33 - far, soft)
    tilt = ((y - x) / (far + 0.08)) * 0.90
    rim = step(0.10 - (far - 0.30).abs(), soft)
    seam = step(torch.maximum(x.abs(), y.abs()) - 0.46, soft)
    shade = 0.05 * stud + 0.20 * rim * tilt - 0.20 * seam
    return tiles * (1 + shade) + 0.06 * (rim * tilt).clamp(min=0)


def _sketch(image: Tensor, canvas: Canvas) -> Tensor:
    reach = max(1, round(0.032 / canvas.pixel))
    across = (_shifted(image, -reach, 0) - _shifted(image, reach, 0)).abs().amax(1, keepdim=True)
    upward = (_shifted(image, 0, -reach) - _shifted(image, 0, reach)).abs().amax(1, keepdim=True)
    slope = (across**2 + upward**2).sqrt()
    line = step(slope - 0.20, 0.26)
    bright = _luma(image)
    x, y = canvas.x[None, :], canvas.y[:, None]
    wave = 0.5 + 0.5 * torch.cos((x - y) * (6.2832 / 0.177) + 0.5 * _grain(canvas, 0.3, "hand"))
    hatch = step(wave - 0.55, 0.5) * step(0.52 - bright, 0.35)
    tooth = 0.5 + 0.5 * _grain(canvas, 0.04, "tooth")
    wash = mix(rgb(_PAPER, image), (image * 1.12 + 0.10).clamp(0, 1), 0.40 + 0.10 * tooth)
    strong = image.amax(1, keepdim=True) - image.amin(1, keepdim=True)
    vivid = step(strong - 0.45, 0.3)
    wash = mix(wash, image, 0.50 * vivid)
    wash = mix(wash, rgb(_PENCIL, image), 0.30 * hatch * (1 - vivid))
    drawn = mix(wash, rgb(_PENCIL, image), (0.62 + 0.25 * tooth) * line)
    return drawn * (1 - 0.03 * tooth)


def finish(image: Tensor, style: Style, canvas: Canvas) -> Tensor:
    """Give rendered frames their style.

    Args:
        image: Colours in [0, 1], shape ``(f, 3, H, W)``.
        style: Which style; ``plain`` changes nothing.
        canvas: The pixels of the picture.

    Returns:
        Colours in [0, 1], shape ``(f, 3, H, W)``.
    """
    if style == "plain":
        return image
    passes = {"paper-cut": _paper, "mosaic": _mosaic, "sketch": _sketch}
    return passes[style](image.clamp(0, 1), canvas).clamp(0, 1)
