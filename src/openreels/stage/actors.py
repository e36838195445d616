"""What actors look like: outlines as signed distances, shading and materials."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from openreels.stage.geometry import HULLS
from openreels.stage.paint import Colour3, mix, step
from openreels.stage.scene import Actor, Colour, Material, Shape, TimeOfDay

COLOUR_VALUES: dict[Colour, Colour3] = {
    "red": (0.88, 0.13, 0.13),
    "orange": (0.97, 0.51, 0.08),
    "yellow": (0.98, 0.87, 0.16),
    "green": (0.15, 0.66, 0.22),
    "cyan": (0.14, 0.82, 0.88),
    "blue": (0.15, 0.32, 0.90),
    "purple": (0.54, 0.20, 0.80),
    "pink": (0.98, 0.50, 0.76),
}
"""Red, green and blue in [0, 1]; the hues are at least 24 degrees apart."""

ACTOR_LIGHTS: dict[TimeOfDay, Colour3] = {
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.98, 0.90, 0.86),
    "night": (0.80, 0.81, 0.90),
}
"""Factor on the actors; milder than on the place, so that colours can still be told."""

LIGHT = (-0.48, 0.60, 0.64)
"""Direction of the light: upper left, toward the viewer."""
_FLAT = math.hypot(LIGHT[0], LIGHT[1])
_BEVELS: dict[Shape, float] = {
    "ball": 1.0,
    "ring": 0.26,
    "cube": 0.26,
    "pyramid": 0.42,
    "star": 0.34,
}
_RING_MIDDLE, _RING_HALF = 0.77, 0.28


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """Shading inputs at each pixel of an actor, in radii."""

    u: Tensor
    """x in the actor's own frame, which turns with it."""
    v: Tensor
    """y in the actor's own frame."""
    across: Tensor
    """x in the picture's frame."""
    up: Tensor
    """y in the picture's frame."""
    slope: Tensor
    """How steep the surface is, 0 facing the viewer to 1 edge on."""
    facing: Tensor
    """How the slope faces the light in the picture plane, -1 to 1."""


def _wheel(u: Tensor, v: Tensor, shape: tuple[int, float, float]) -> Tensor:
    """Distance to a star polygon with a tip on top: ``(tips, tip radius, notch radius)``."""
    count, tip, notch = shape
    sector = 2 * math.pi / count
    around = torch.atan2(u, v)
    folded = (torch.remainder(around + sector / 2, sector) - sector / 2).abs()
    far = (u * u + v * v).sqrt()
    x, y = far * torch.cos(folded), far * torch.sin(folded)
    end_x, end_y = notch * math.cos(sector / 2), notch * math.sin(sector / 2)
    edge_x, edge_y = end_x - tip, end_y
    along = ((x - tip) * edge_x + y * edge_y) / (edge_x**2 + edge_y**2)
    along = along.clamp(0, 1)
    gap = ((x - tip - along * edge_x) ** 2 + (y - along * edge_y) ** 2 + 1e-12).sqrt()
    inside = (x - tip) * edge_y - y * edge_x < 0
    return torch.where(inside, -gap, gap)


def outline(shape: Shape, u: Tensor, v: Tensor) -> Tensor:
    """Signed distance to the outline of an upright actor, in radii; negative inside."""
    corners, rounding = HULLS[shape]
    if shape == "ball":
        return (u * u + v * v + 1e-12).sqrt() - rounding
    if shape == "ring":
        return ((u * u + v * v + 1e-12).sqrt() - _RING_MIDDLE).abs() - _RING_HALF
    if shape == "cube":
        half = corners[0][0]
        x, y = u.abs() - half, v.abs() - half
        outside = (x.clamp(min=0) ** 2 + y.clamp(min=0) ** 2 + 1e-12).sqrt()
        return outside + torch.maximum(x, y).clamp(max=0) - rounding
    tip = math.hypot(*corners[0])
    if shape == "pyramid":
        return _wheel(u, v, (3, tip, tip / 2)) - rounding
    return _wheel(u, v, (5, tip, 0.52 * tip)) - rounding


def surface(shape: Shape, across: Tensor, up: Tensor, angle: Tensor) -> tuple[Tensor, Surface]:
    """Signed distance and shading inputs of a turned actor at points in radii."""
    sine, cosine = torch.sin(angle), torch.cos(angle)
    u, v = cosine * across + sine * up, cosine * up - sine * across
    distance = outline(shape, u, v)
    near = 0.1
    light_x, light_y = LIGHT[0] / _FLAT, LIGHT[1] / _FLAT
    light_u = cosine * light_x + sine * light_y
    light_v = cosine * light_y - sine * light_x
    ahead = outline(shape, u + near * light_u, v + near * light_v)
    behind = outline(shape, u - near * light_u, v - near * light_v)
    facing = ((ahead - behind) / (2 * near)).clamp(-1, 1)
    slope = 1 - (-distance / _BEVELS[shape]).clamp(0, 1)
    return distance, Surface(u=u, v=v, across=across, up=up, slope=slope, facing=facing)


def _lit(at: Surface) -> tuple[Tensor, Tensor]:
    """Diffuse light and the cosine to the half vector, both about [0, 1]."""
    upright = (1 - at.slope * at.slope).clamp(min=0).sqrt()
    diffuse = (_FLAT * at.slope * at.facing + LIGHT[2] * upright).clamp(-0.2, 1)
    half = 0.424 * at.slope * at.facing + 0.906 * upright
    return diffuse, half.clamp(0, 1)


def _rubber(at: Surface, base: Tensor) -> tuple[Tensor, Tensor | float]:
    diffuse, _ = _lit(at)
    stripe = step(0.17 - at.v.abs(), 0.16) * 0.55
    colour = mix(base, 0.25 * base + 0.70, stripe)
    return colour * (0.66 + 0.40 * diffuse), 1.0


def _wood(at: Surface, base: Tensor) -> tuple[Tensor, Tensor | float]:
    diffuse, _ = _lit(at)
    grain = 0.5 + 0.5 * torch.sin(8.5 * at.v + 1.6 * torch.sin(1.9 * at.u + 0.6))
    timber = torch.tensor((0.62, 0.44, 0.26), dtype=base.dtype, device=base.device)
    dark = mix(base * 0.66, timber.view(1, 3, 1, 1) * 0.8, 0.30)
    return mix(base * 0.96, dark, 0.75 * grain) * (0.66 + 0.42 * diffuse), 1.0


def _metal(at: Surface, base: Tensor) -> tuple[Tensor, Tensor | float]:
    diffuse, half = _lit(at)
    band = 0.5 + 0.5 * torch.sin(4.2 * (at.up + 0.25 * at.across) + 0.3)
    colour = mix(base * 0.58, mix(base, torch.ones_like(base), 0.22), band)
    return colour * (0.84 + 0.26 * diffuse) + 0.70 * half**18, 1.0


def _glass(at: Surface, base: Tensor) -> tuple[Tensor, Tensor | float]:
    _, half = _lit(at)
    rim = at.slope**3
    below = (-at.facing * at.slope).clamp(0, 1)
    colour = base * (0.84 + 0.24 * below) + 0.26 * rim
    shine = half**14 * step(at.facing * at.slope - 0.28, 0.35)
    return colour + 0.85 * shine, 0.68 + 0.30 * torch.maximum(rim, shine)


_MATERIALS: dict[Material, Callable[[Surface, Tensor], tuple[Tensor, Tensor | float]]] = {
    "rubber": _rubber,
    "wood": _wood,
    "metal": _metal,
    "glass": _glass,
}


def shade(actor: Actor, at: Surface, time_of_day: TimeOfDay) -> tuple[Tensor, Tensor | float]:
    """Colour an actor's surface.

    Args:
        actor: Its colour and material are used.
        at: Shading inputs of shape ``(f, h, w)``.
        time_of_day: Light.

    Returns:
        Colours in [0, 1] of shape ``(f, 3, h, w)`` and opacity in [0, 1].
    """
    wide = Surface(**{name: getattr(at, name)[:, None] for name in Surface.__dataclass_fields__})
    base = torch.tensor(COLOUR_VALUES[actor.colour], dtype=at.u.dtype, device=at.u.device)
    colour, opacity = _MATERIALS[actor.material](wide, base.view(1, 3, 1, 1))
    light = torch.tensor(ACTOR_LIGHTS[time_of_day], dtype=at.u.dtype, device=at.u.device)
    return (colour * light.view(1, 3, 1, 1)).clamp(0, 1), opacity
