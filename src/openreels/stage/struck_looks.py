"""Drums and bells in the picture: a drum flashes when it is struck, a bell swings."""

import math

import torch
from torch import Tensor

from openreels.stage.backgrounds import LIGHTS
from openreels.stage.events import Strike
from openreels.stage.geometry import floor_y, lane_of, radius
from openreels.stage.heard import strikes
from openreels.stage.motion import Post, start_of, tracks
from openreels.stage.paint import Colour3, mix, rgb, scaled, step
from openreels.stage.scene import Scene
from openreels.stage.weather import Air

DRUM_DEPTH = 0.17
"""Height of a drum's side in stage units."""
DRUM_RISE = 0.065
"""Half height of its head, which is seen from above."""
_FLASH_S = 0.09
_SWING_HZ = 1.7
_SWING_DECAY = 1.9
_SWING_RADIANS = 0.55
_SIDE: Colour3 = (0.44, 0.25, 0.17)
_HEAD: Colour3 = (0.86, 0.82, 0.73)
_RIM: Colour3 = (0.78, 0.62, 0.30)
_BRASS: Colour3 = (0.80, 0.62, 0.24)
_DARK: Colour3 = (0.30, 0.22, 0.10)


def draw_instruments(image: Tensor, scene: Scene, air: Air) -> Tensor:
    """Draw what the actors of a scene strike, behind all of them.

    Args:
        image: Colours in [0, 1], shape ``(f, 3, H, W)`` or one frame for all.
        scene: The scene.
        air: Where and when the pixels are.

    Returns:
        The image with the instruments; the same one where nobody plays.
    """
    if not any(actor.plays for actor in scene.actors):
        return image
    struck = strikes(scene)
    for index, (actor, track) in enumerate(zip(scene.actors, tracks(scene), strict=True)):
        mine = [strike for strike in struck if strike.actor == index]
        if actor.plays == "drum":
            image = _drum(image, scene, air, index, flash(mine, air.time))
        elif actor.plays == "bell":
            for post in track.posts:
                image = _bell(image, scene, air, (index, post), swing(mine, air.time))
    return image


def flash(struck: list[Strike], time: Tensor) -> Tensor:
    """How bright the head of a drum flashes, in [0, 1]; it dies within a quarter of a second."""
    level = torch.zeros_like(time)
    for strike in struck:
        since = time - strike.time_s
        level += strike.speed**0.5 * torch.exp(-since.clamp(min=0) / _FLASH_S) * (since >= 0)
    return level.clamp(max=1)


def swing(struck: list[Strike], time: Tensor) -> Tensor:
    """How far a bell swings, in radians: a damped sine from each strike on."""
    angle = torch.zeros_like(time)
    for strike in struck:
        since = (time - strike.time_s).clamp(min=0)
        sine = torch.sin(2 * math.pi * _SWING_HZ * since) * torch.exp(-_SWING_DECAY * since)
        angle += _SWING_RADIANS * (0.4 + 0.6 * strike.speed) * sine
    return angle


def _lit(colour: Colour3, scene: Scene) -> Colour3:
    light = LIGHTS[scene.time_of_day]
    tint = light.indoors if scene.place in {"room", "theatre"} else light.ground
    return scaled(colour, (max(tint[0], 0.5), max(tint[1], 0.5), max(tint[2], 0.56)))


def _drum(image: Tensor, scene: Scene, air: Air, index: int, bright: Tensor) -> Tensor:
    """A low drum under all places at which an actor lands."""
    actor, lane = scene.actors[index], lane_of(scene, index)
    touched = tracks(scene)[index].touches
    places = [touch.x for touch in touched if touch.time_s < scene.duration_s]
    places.append(start_of(scene, index))
    half = (max(places) - min(places)) / 2 + 0.75 * radius(actor) + 0.06
    across = (air.x - (max(places) + min(places)) / 2) / half
    arc = DRUM_RISE * (1 - across**2).clamp(min=0).sqrt()
    rise = air.y - floor_y(scene, lane)
    edge = half * (1 - across.abs())
    body = torch.minimum(torch.minimum(edge, arc - rise), rise + DRUM_DEPTH + arc)
    round_ = (1.0 - 0.42 * across.clamp(-1, 1) ** 2)[:, None]
    below = rise + arc  # depth under the rim, negative
    rim = torch.maximum(
        step(0.022 - below.abs(), air.soft), step(0.022 - (below + DRUM_DEPTH).abs(), air.soft)
    )
    side = mix(rgb(_lit(_SIDE, scene), image), rgb(_lit(_RIM, scene), image), rim[:, None])
    image = mix(image, side * round_, step(body, air.soft)[:, None])
    head = DRUM_RISE * (1 - (across**2 + (rise / DRUM_RISE) ** 2).clamp(min=1e-6).sqrt())
    skin = rgb(_lit(_HEAD, scene), image)
    skin = mix(0.9 * skin, rgb((1.0, 0.98, 0.92), image), bright[:, None])
    return mix(image, skin, step(head, air.soft)[:, None])


def _bell(image: Tensor, scene: Scene, air: Air, where: tuple[int, Post], angle: Tensor) -> Tensor:
    """A bell that hangs from the top of a post, rather on its far side."""
    index, post = where
    size = 0.5 * radius(scene.actors[index]) + 0.03
    hook_x = post.x - post.normal * max(0.05, 0.45 * size)
    hook_y = floor_y(scene, post.lane) + post.height + 0.04
    turn = -post.normal * angle
    x, y = air.x - hook_x, air.y - hook_y
    sine, cosine = torch.sin(turn), torch.cos(turn)
    along = (cosine * x + sine * y) / size
    down = (sine * x - cosine * y) / size  # 0 at the hook, 1.7 at the lip
    share = (down / 1.7).clamp(0, 1)
    width = 0.30 + 0.34 * share.sqrt() + 0.36 * share**5
    inside = torch.minimum(width - along.abs(), torch.minimum(down, 1.7 - down))
    shine = (1.08 - 0.5 * (along + 0.25).abs().clamp(max=1))[:, None]
    brass = rgb(_lit(_BRASS, scene), image) * shine
    clapper = 0.2 - ((along**2) + (down - 1.72) ** 2).sqrt()
    lip = step(0.10 - (down - 1.5).abs(), air.soft / size)[:, None]
    image = mix(image, rgb(_lit(_DARK, scene), image), step(clapper, air.soft / size)[:, None])
    brass = mix(brass, 0.72 * brass, lip)
    return mix(image, brass.clamp(0, 1), step(inside, air.soft / size)[:, None])
