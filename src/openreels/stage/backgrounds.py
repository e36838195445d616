"""The six places as smooth gradients and a few large soft shapes, by day, dusk and night."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from openreels.core.seeding import generator
from openreels.stage.camera import View
from openreels.stage.geometry import floor_y, half_size
from openreels.stage.paint import Colour3, mix, rgb, scaled, step
from openreels.stage.scene import Place, Scene, TimeOfDay
from openreels.stage.weather import overcast

HORIZON = 0.34
"""Height of the horizon above the front lane's floor."""
FAR_PARALLAX = 0.35
"""Share of the camera's path that the distance follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """Light of a time of day."""

    top: Colour3
    """Sky overhead."""
    low: Colour3
    """Sky at the horizon."""
    ground: Colour3
    """Factor on everything outdoors but the sky."""
    indoors: Colour3
    """Factor on everything indoors."""
    disc: Colour3
    """Sun or moon."""
    disc_y: float
    """Height of the disc above the horizon."""


LIGHTS: dict[TimeOfDay, Light] = {
    "day": Light(
        top=(0.50, 0.72, 0.93),
        low=(0.84, 0.92, 0.96),
        ground=(1.0, 1.0, 1.0),
        indoors=(1.0, 1.0, 1.0),
        disc=(1.0, 0.97, 0.82),
        disc_y=0.98,
    ),
    "dusk": Light(
        top=(0.42, 0.36, 0.58),
        low=(0.98, 0.66, 0.46),
        ground=(0.78, 0.60, 0.58),
        indoors=(0.86, 0.66, 0.54),
        disc=(1.0, 0.80, 0.50),
        disc_y=0.30,
    ),
    "night": Light(
        top=(0.04, 0.06, 0.16),
        low=(0.15, 0.19, 0.36),
        ground=(0.33, 0.37, 0.52),
        indoors=(0.36, 0.36, 0.48),
        disc=(0.86, 0.90, 0.98),
        disc_y=0.92,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """Coordinates of the pixels for painting a place; all broadcast to ``(f, 1, H, W)``."""

    far: Tensor
    """Stage x of the distance at each column."""
    near: Tensor
    """Stage x of the floor at each column."""
    up: Tensor
    """Height above the horizon at each row."""
    soft: Tensor
    """Stage units of about one and a half pixels."""
    top: float
    """Height of the picture's top above the horizon."""
    left: float
    """Half width of the picture."""
    dice: tuple[float, ...]
    """Eight numbers in [0, 1] that vary a place from scene to scene."""


def _sky(at: Ground, light: Light, tint: Colour3 = (1.0, 1.0, 1.0)) -> Tensor:
    rise = (at.up / at.top).clamp(0, 1)
    low, top = rgb(scaled(light.low, tint), at.up), rgb(scaled(light.top, tint), at.up)
    sky = mix(low, top, 1 - (1 - rise) ** 1.6)
    x = (2 * at.dice[0] - 1) * 0.7 * at.left
    distance = ((at.far - x) ** 2 + (at.up - light.disc_y) ** 2).sqrt()
    glow = torch.exp(-((distance / 0.45) ** 2)) * 0.35
    sky = mix(sky, rgb(light.disc, at.up), glow)
    return mix(sky, rgb(light.disc, at.up), step(0.15 - distance, 2 * at.soft))


def _ridge(at: Ground, x: Tensor, size: tuple[float, float], seed: float) -> Tensor:
    """Signed height above a rolling ridge of a given height and wavelength."""
    height, length = size
    turn = 2 * math.pi * seed
    wave = torch.sin(x * (2 * math.pi / length) + turn)
    wave = wave + 0.4 * torch.sin(x * (5.3 / length) + 2.6 * turn)
    return height * (1 + 0.45 * wave) - at.up


def _floor(at: Ground, back: Colour3, front: Colour3) -> Tensor:
    depth = (-at.up / (HORIZON + 0.34)).clamp(0, 1)
    return mix(rgb(back, at.up), rgb(front, at.up), depth)


def _meadow(at: Ground, light: Light) -> Tensor:
    lit = light.ground
    image = _sky(at, light)
    hills = rgb(scaled((0.60, 0.76, 0.68), lit), at.up)
    image = mix(image, hills, step(_ridge(at, at.far, (0.30, 2.6), at.dice[1]), 2 * at.soft))
    hills = rgb(scaled((0.50, 0.70, 0.50), lit), at.up)
    image = mix(image, hills, step(_ridge(at, at.far, (0.13, 1.9), at.dice[2]), 2 * at.soft))
    x = (0.45 + 0.4 * at.dice[3]) * at.left * (1 if at.dice[4] < 0.5 else -1)
    trunk = step(0.045 - (at.far - x).abs(), at.soft) * step(0.4 - at.up, at.soft)
    image = mix(image, rgb(scaled((0.50, 0.40, 0.32), lit), at.up), trunk)
    crown = ((at.far - x) ** 2 + ((at.up - 0.55) * 0.85) ** 2).sqrt()
    image = mix(image, rgb(scaled((0.42, 0.62, 0.44), lit), at.up), step(0.27 - crown, 2 * at.soft))
    floor = _floor(at, scaled((0.58, 0.74, 0.46), lit), scaled((0.44, 0.62, 0.36), lit))
    return mix(image, floor, step(-at.up, at.soft))


def _beach(at: Ground, light: Light) -> Tensor:
    lit = light.ground
    image = _sky(at, light, (0.98, 1.0, 1.0))
    sea = mix(
        rgb(scaled((0.40, 0.72, 0.80), lit), at.up),
        rgb(scaled((0.22, 0.52, 0.68), lit), at.up),
        (at.up / 0.28).clamp(0, 1),
    )
    image = mix(image, sea, step(0.28 - at.up, at.soft))
    shore = 0.03 + 0.025 * torch.sin(at.near * 3.2 + 6.3 * at.dice[1])
    foam = rgb(scaled((0.93, 0.96, 0.95), lit), at.up)
    image = mix(image, foam, step(shore + 0.035 - at.up, 2 * at.soft))
    sand = _floor(at, scaled((0.88, 0.80, 0.62), lit), scaled((0.94, 0.87, 0.69), lit))
    return mix(image, sand, step(shore - at.up, 2 * at.soft))


def _desert(at: Ground, light: Light) -> Tensor:
    lit = light.ground
    image = _sky(at, light, (1.0, 0.93, 0.82))
    x = (2 * at.dice[1] - 1) * 0.8 * at.left
    slope = (at.far - x).abs() - 0.30 + 0.25 * at.up
    mesa = step(-slope, 2 * at.soft) * step(0.48 - at.up, 2 * at.soft)
    image = mix(image, rgb(scaled((0.76, 0.52, 0.40), lit), at.up), mesa)
    dune = _ridge(at, at.far, (0.22, 2.2), at.dice[2])
    image = mix(image, rgb(scaled((0.90, 0.72, 0.50), lit), at.up), step(dune, 2 * at.soft))
    dune = _ridge(at, at.far, (0.10, 1.5), at.dice[3])
    image = mix(image, rgb(scaled((0.83, 0.63, 0.42), lit), at.up), step(dune, 2 * at.soft))
    floor = _floor(at, scaled((0.88, 0.68, 0.46), lit), scaled((0.78, 0.57, 0.38), lit))
    return mix(image, floor, step(-at.up, 2 * at.soft))


def _window(at: Ground, image: Tensor, light: Light) -> Tensor:
    x = (2 * at.dice[1] - 1) * 0.5 * at.left
    inside = torch.maximum((at.far - x).abs() - 0.34, (at.up - 0.72).abs() - 0.34)
    frame = rgb(scaled((0.95, 0.93, 0.90), light.indoors), at.up)
    image = mix(image, frame, step(0.06 - inside, at.soft))
    rise = ((at.up - 0.38) / 0.68).clamp(0, 1)
    pane = mix(rgb(light.low, at.up), rgb(light.top, at.up), rise)
    bars = torch.minimum((at.far - x).abs(), (at.up - 0.72).abs())
    return mix(image, pane, step(-inside, at.soft) * step(bars - 0.025, at.soft))


def _room(at: Ground, light: Light) -> Tensor:
    lit = light.indoors
    walls: tuple[Colour3, ...] = ((0.86, 0.82, 0.76), (0.74, 0.80, 0.82), (0.84, 0.77, 0.78))
    wall = scaled(walls[int(at.dice[2] * 2.999)], lit)
    image = mix(rgb(wall, at.up), rgb(scaled(wall, (0.88, 0.88, 0.90)), at.up), at.up.clamp(0, 1))
    image = _window(at, image, light)
    board = rgb(scaled((0.95, 0.93, 0.90), lit), at.up)
    image = mix(image, board, step(0.05 - at.up, at.soft))
    floor = _floor(at, scaled((0.58, 0.45, 0.35), lit), scaled((0.70, 0.56, 0.44), lit))
    return mix(image, floor, step(-at.up, at.soft))


def _theatre(at: Ground, light: Light) -> Tensor:
    lit = light.indoors
    folds = 0.5 + 0.5 * torch.sin(at.far * 7.0 + 6.3 * at.dice[1])
    dark, bright = scaled((0.34, 0.13, 0.19), lit), scaled((0.50, 0.20, 0.26), lit)
    image = mix(rgb(dark, at.up), rgb(bright, at.up), folds)
    image = image * (1.05 - 0.25 * (at.up / at.top).clamp(0, 1))
    x = (2 * at.dice[2] - 1) * 0.3 * at.left
    spot = ((at.far - x) / 0.75) ** 2 + ((at.up - 0.30) / 0.75) ** 2
    image = mix(image, rgb((0.98, 0.82, 0.66), at.up), 0.30 * torch.exp(-spot))
    hem = at.top - 0.20 - 0.05 * torch.cos(at.far * 5.0)
    valance = rgb(scaled((0.62, 0.46, 0.26), lit), at.up)
    image = mix(image, valance, step(at.up - hem, 2 * at.soft))
    floor = _floor(at, scaled((0.38, 0.27, 0.22), lit), scaled((0.54, 0.39, 0.29), lit))
    floor = mix(floor, rgb((0.98, 0.84, 0.68), at.up), 0.22 * torch.exp(-spot))
    return mix(image, floor, step(-at.up, at.soft))


def _street(at: Ground, light: Light) -> Tensor:
    lit = light.ground
    image = _sky(at, light, (0.92, 0.94, 0.95))
    lamp: Colour3 = (0.98, 0.86, 0.56) if light.disc_y < 0.95 else (0.84, 0.90, 0.94)
    pane = rgb(lamp if light.ground[0] < 0.9 else (0.80, 0.87, 0.92), at.up)
    hues: tuple[Colour3, ...] = ((0.66, 0.60, 0.62), (0.56, 0.60, 0.66), (0.70, 0.62, 0.54))
    width, offset = 0.62, at.dice[1]
    cell = torch.floor(at.far / width + offset)
    across = (at.far / width + offset - cell - 0.5) * width
    for number, hue in enumerate(hues):
        mine = (torch.remainder(cell, 3) == number).to(at.up.dtype)
        height = 0.60 + 0.55 * at.dice[2 + number]
        body = step(0.28 - across.abs(), at.soft) * step(height - at.up, at.soft) * mine
        image = mix(image, rgb(scaled(hue, lit), at.up), body)
        rows = (at.up - height + 0.24).abs()
        panes = torch.maximum((across.abs() - 0.13).abs() - 0.055, rows - 0.085)
        image = mix(image, pane, 0.8 * step(-panes, 2 * at.soft) * mine)
    kerb = rgb(scaled((0.72, 0.71, 0.70), lit), at.up)
    image = mix(image, kerb, step(0.06 - at.up, at.soft))
    road = _floor(at, scaled((0.42, 0.43, 0.47), lit), scaled((0.52, 0.53, 0.56), lit))
    return mix(image, road, step(-at.up, at.soft))


_PAINTERS: dict[Place, Callable[[Ground, Light], Tensor]] = {
    "meadow": _meadow,
    "beach": _beach,
    "desert": _desert,
    "room": _room,
    "theatre": _theatre,
    "street": _street,
}


def background(scene: Scene, x: Tensor, y: Tensor, look: View) -> Tensor:
    """Paint the place of a scene.

    Args:
        scene: The scene; its place, light, weather and textures are used.
        x: Picture x of the columns in stage units before the camera, shape ``(W,)``.
        y: Picture y of the rows, shape ``(H,)``.
        look: Where the camera looks in each frame.

    Returns:
        Colours in [0, 1], shape ``(f, 3, H, W)``.
    """
    camera_x, camera_y, zoom = (v.view(-1, 1, 1, 1) for v in (look.x, look.y, look.zoom))
    half_width, half_height = half_size(scene.aspect_ratio)
    horizon = floor_y(scene) + HORIZON
    draws = torch.rand(8, generator=generator(scene.seed, "place", scene.index))
    columns = x.view(1, 1, 1, -1) / zoom
    at = Ground(
        far=columns + FAR_PARALLAX * camera_x,
        near=columns + camera_x,
        up=y.view(1, 1, -1, 1) / zoom + camera_y - horizon,
        soft=1.5 * (x[1] - x[0]) / zoom,
        top=half_height - horizon,
        left=half_width,
        dice=tuple(draws.tolist()),
    )
    image = _PAINTERS[scene.place](at, LIGHTS[scene.time_of_day])
    if scene.weather != "clear":
        image = overcast(image, scene, at.up, at.soft)
    return image.expand(zoom.shape[0], 3, len(y), len(x))
