"""Rain and snow: how they tint a place, and what falls behind the actors and in front of them.

Streaks and flakes live in columns of the air, in layers that are nearer or further; each has a
place of its own that follows from the scene, and falls in closed form.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from openreels.core.seeding import generator
from openreels.stage.paint import Colour3, mix, rgb, scaled, step
from openreels.stage.scene import Scene, TimeOfDay, Weather

_BRIGHT: dict[TimeOfDay, Colour3] = {
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.72, 0.60, 0.62),
    "night": (0.30, 0.34, 0.46),
}
_GLOW: dict[TimeOfDay, Colour3] = {
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.92, 0.86, 0.88),
    "night": (0.62, 0.67, 0.80),
}
"""Light on what falls; milder than on the place, so that it shows at night."""
_DRAWS = 64
"""Columns and drops of a column after which the draws repeat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Air:
    """Where and when the pixels are; all broadcast to ``(f, H, W)``."""

    x: Tensor
    """Stage x from the middle of the picture."""
    y: Tensor
    """Stage y."""
    camera_x: Tensor
    """Stage x of the middle of the picture."""
    time: Tensor
    """Seconds from the start of the clip."""
    soft: Tensor
    """Stage units of about one and a half pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """Drops at one distance, in stage units and seconds."""

    column: float
    """Width of a column."""
    period: float
    """Height between two drops of a column."""
    speed: float
    half: float
    """Half width of a streak, or radius of a flake."""
    length: float
    """Length of a streak; 0 for a round flake."""
    cover: float
    """Opacity in [0, 1]."""
    parallax: float
    """Share of the camera's path that the layer follows."""
    in_front: bool
    """Whether it falls in front of the actors."""


_LAYERS: dict[Weather, tuple[_Layer, ...]] = {
    "clear": (),
    "rain": (
        _Layer(
            column=0.10, period=0.52, speed=2.9, half=0.010, length=0.17, cover=0.42,
            parallax=0.7, in_front=False,
        ),
        _Layer(
            column=0.15, period=0.70, speed=3.8, half=0.014, length=0.25, cover=0.58,
            parallax=1.0, in_front=False,
        ),
        _Layer(
            column=0.26, period=1.00, speed=5.0, half=0.019, length=0.36, cover=0.62,
            parallax=1.3, in_front=True,
        ),
    ),
    "snow": (
        _Layer(
            column=0.22, period=0.26, speed=0.38, half=0.022, length=0.0, cover=0.75,
            parallax=0.7, in_front=False,
        ),
        _Layer(
            column=0.30, period=0.38, speed=0.55, half=0.032, length=0.0, cover=0.90,
            parallax=1.0, in_front=False,
        ),
        _Layer(
            column=0.46, period=0.62, speed=0.80, half=0.044, length=0.0, cover=0.95,
            parallax=1.3, in_front=True,
        ),
    ),
}  # fmt: skip
_SLANT: dict[Weather, float] = {"clear": 0.0, "rain": 0.16, "snow": 0.25}
"""Drift to the right over fall."""
_SWAY, _SWAY_HZ = 0.035, 0.45


def overcast(image: Tensor, scene: Scene, up: Tensor, soft: Tensor) -> Tensor:
    """Tint a place by its weather: grey and wet in rain, white in snow.

    Args:
        image: Colours in [0, 1], broadcasting with ``(f, 3, H, W)``.
        scene: Its weather and light are used.
        up: Height above the horizon.
        soft: Stage units of about one and a half pixels.

    Returns:
        Tinted colours.
    """
    bright, ground = _BRIGHT[scene.time_of_day], step(-up, soft)
    if scene.weather == "snow":
        image = mix(image, rgb(scaled((0.80, 0.84, 0.90), bright), image), 0.55 * (1 - ground))
        near = (-up / 0.6).clamp(0, 1)
        white = mix(
            rgb(scaled((0.86, 0.90, 0.96), bright), image),
            rgb(scaled((0.97, 0.98, 1.0), bright), image),
            near,
        )
        return mix(image, white, 0.86 * ground)
    image = mix(image, rgb(scaled((0.50, 0.55, 0.62), bright), image), 0.70 * (1 - ground))
    wet = mix(image * 0.70, rgb(scaled((0.46, 0.52, 0.60), bright), image), 0.25)
    sheen = torch.exp(-(((up + 0.10) / 0.10) ** 2)) * 0.30
    wet = mix(wet, rgb(scaled((0.72, 0.78, 0.86), bright), image), sheen)
    return mix(image, wet, ground)


def _fallen(scene: Scene, layer: _Layer, draws: Tensor, air: Air) -> Tensor:
    """Cover of one layer in [0, 1], shape ``(f, H, W)``."""
    x = air.x + layer.parallax * air.camera_x + _SLANT[scene.weather] * air.y
    column = torch.floor(x / layer.column)
    which = torch.remainder(column, _DRAWS).long()
    pace, phase = draws[0, which, 0], draws[1, which, 0]
    fall = (air.y + layer.speed * (0.85 + 0.3 * pace) * air.time) / layer.period + phase
    drop = torch.floor(fall)
    number = torch.remainder(drop, _DRAWS).long()
    aside, turn = draws[2, which, number], draws[3, which, number]
    above = (fall - drop) * layer.period
    if layer.length:
        middle = (column + 0.2 + 0.6 * aside) * layer.column
        ends = layer.length / 2 - (above - layer.period / 2).abs()
        return layer.cover * step(layer.half - (x - middle).abs(), air.soft) * step(ends, air.soft)
    middle = (column + 0.35 + 0.3 * aside) * layer.column
    middle = middle + _SWAY * torch.sin(2 * math.pi * (_SWAY_HZ * air.time + turn))
    distance = ((x - middle) ** 2 + (above - layer.period / 2) ** 2 + 1e-12).sqrt()
    return layer.cover * step(layer.half - distance, air.soft)


def precipitation(image: Tensor, scene: Scene, air: Air, *, in_front: bool) -> Tensor:
    """Draw the rain or snow that falls behind or in front of the actors.

    Args:
        image: Colours in [0, 1], broadcasting with ``(f, 3, H, W)``.
        scene: Its weather, light and draws are used.
        air: Where and when the pixels are.
        in_front: Whether to draw the layer nearer than the actors, or those further.

    Returns:
        Colours in [0, 1], shape ``(f, 3, H, W)``.
    """
    colour: Colour3 = (0.98, 0.99, 1.0) if scene.weather == "snow" else (0.84, 0.90, 0.97)
    tint = rgb(scaled(colour, _GLOW[scene.time_of_day]), image)
    for number, layer in enumerate(_LAYERS[scene.weather]):
        draw = generator(scene.seed, "weather", scene.index, number)
        draws = torch.rand(4, _DRAWS, _DRAWS, generator=draw).to(image.device)
        if layer.in_front == in_front:
            image = mix(image, tint, _fallen(scene, layer, draws, air)[:, None])
    return image
