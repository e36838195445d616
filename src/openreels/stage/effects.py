"""Effects: an actor falls apart into sparks, melts, swells, glows or breaks into shards.

An effect is a closed form in time: until its start nothing changes, then a progress from 0 to 1
bends the places at which the actor is evaluated, takes away parts of it, or adds light. Motion,
contacts and sound go on as without it. All numbers are ours.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.seeding import generator
from openreels.stage.actors import Surface
from openreels.stage.paint import Colour3, mix, rgb, step
from openreels.stage.scene import Effect, EffectKind, Scene

_ROOM: dict[EffectKind, float] = {
    "dissolve": 2.0, "melt": 1.5, "inflate": 1.8, "glow": 1.8, "shatter": 2.0,
}  # fmt: skip
"""How much further than the actor an effect reaches."""
_EMBER: Colour3 = (1.0, 0.80, 0.28)
_GLARE: Colour3 = (1.0, 0.97, 0.72)
_CELL = 0.20
_CELLS = 24
_SPARKS = 26
_SPARK_LIFE = 0.5
_FLATTEST = 0.20
_LARGEST = 1.55
_RINGS = 6
_SHARDS: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    *(
        (0.62 * math.cos(turn), 0.62 * math.sin(turn))
        for turn in (0.3 + 2 * math.pi * k / _RINGS for k in range(_RINGS))
    ),
)
"""Middles of the shards in the actor's own frame, in radii."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of an actor under an effect, and where it is evaluated."""

    effect: Effect
    number: int
    """Which part; 0 where there is but one."""
    across: Tensor
    """x from the actor's centre in radii, in a picture without the effect."""
    up: Tensor
    """y, the same."""


def effect_of(scene: Scene, actor: int) -> Effect | None:
    """The effect that an actor undergoes, if any."""
    return next((effect for effect in scene.effects if effect.actor == actor), None)


def progress(effect: Effect, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """How far an effect is: 0 until its start, 1 once it is complete, even in between."""
    return ((times - effect.start_s) / effect.duration_s).clamp(0, 1)


def remaining(effect: Effect, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Share of the actor that casts a shadow."""
    if effect.kind in {"dissolve", "shatter"}:
        return 1 - progress(effect, times)
    return torch.ones_like(times)


def room(effect: Effect | None) -> float:
    """How much larger a window must be that holds an actor with its effect."""
    return 1.0 if effect is None else _ROOM[effect.kind]


def turned(
    effect: Effect, angle: Float[Tensor, " f"], first: float, times: Float[Tensor, " f"]
) -> Float[Tensor, " f"]:
    """The angle of an actor under an effect: what melts or breaks turns no further.

    Args:
        effect: What happens to it.
        angle: Its angle without the effect.
        first: Its angle when the effect starts.
        times: Seconds from the start of the clip.

    Returns:
        Angles in radians.
    """
    stops = effect.kind in {"melt", "shatter"}
    return torch.where((times > effect.start_s) & stops, torch.full_like(angle, first), angle)


def parts(
    effect: Effect,
    at: tuple[Tensor, Tensor],
    low: Float[Tensor, " f"],
    angle: Float[Tensor, " f"],
    times: Float[Tensor, " f"],
) -> list[Part]:
    """Take an actor apart and bend it.

    Args:
        effect: What happens to it.
        at: Places x and y from its centre in radii, each broadcasting with ``(f, h, w)``.
        low: Its lowest point from its centre in radii, in each frame.
        angle: Its angle under the effect.
        times: Seconds from the start of the clip.

    Returns:
        Its parts, each with the places at which it is evaluated; together they are the actor
        until the effect starts.
    """
    (across, up), floor = at, low.view(-1, 1, 1)
    gone = progress(effect, times).view(-1, 1, 1)
    ease = gone * gone * (3 - 2 * gone)
    if effect.kind == "melt":
        flat, wide = 1 - (1 - _FLATTEST) * ease, 1 + 0.75 * ease
        up = (up - floor) / flat + floor
        across = across / (wide * (1 + 0.10 * ease * torch.sin(4.5 * up + 1.0)))
    elif effect.kind == "inflate":
        large = 1 + (_LARGEST - 1) * ease
        up, across = (up - floor) / large + floor, across / large
    elif effect.kind == "shatter":
        moved = (_flight(site, gone, floor, angle.view(-1, 1, 1)) for site in _SHARDS)
        return [
            Part(effect=effect, number=number, across=across - x, up=up - y)
            for number, (x, y) in enumerate(moved)
        ]
    return [Part(effect=effect, number=0, across=across, up=up)]


def _flight(
    site: tuple[float, float], gone: Tensor, floor: Tensor, angle: Tensor
) -> tuple[Tensor, Tensor]:
    """How far a shard has flown: outwards, up, and down to the floor."""
    x = torch.cos(angle) * site[0] - torch.sin(angle) * site[1]
    y = torch.sin(angle) * site[0] + torch.cos(angle) * site[1]
    fly_x = 1.5 * x * gone + 0.1 * y * gone
    fly_y = (0.7 + 0.9 * y) * gone - 2.6 * gone * gone
    rest = (floor + 0.25 - y).clamp(max=0.0)
    return fly_x, torch.maximum(fly_y, rest * (gone > 0))


def altered(
    part: Part, at: Surface, colour: Float[Tensor, "f 3 h w"], times: Float[Tensor, " f"]
) -> tuple[Float[Tensor, "f 3 h w"], Float[Tensor, "f 1 h w"]]:
    """Change the colours of a part and say what is left of it.

    Args:
        part: The part.
        at: Where its pixels are on the actor.
        colour: Its colours in [0, 1] without the effect.
        times: Seconds from the start of the clip.

    Returns:
        Colours in [0, 1], and the share of each pixel that is left, in [0, 1].
    """
    gone = progress(part.effect, times).view(-1, 1, 1)
    kept = torch.ones_like(at.u)
    if part.effect.kind == "shatter":
        far = torch.stack([(at.u - x) ** 2 + (at.v - y) ** 2 for x, y in _SHARDS])
        kept = (far.argmin(0) == part.number).to(colour.dtype)
    elif part.effect.kind == "dissolve":
        above = _grain(at) - (1.15 * gone - 0.10)
        kept = step(above, 0.10)
        edge = step(0.22 - above, 0.10) * (gone > 0)
        colour = mix(colour, rgb(_EMBER, colour), edge[:, None])
    elif part.effect.kind == "glow":
        colour = mix(
            colour, rgb(_GLARE, colour), (0.62 * gone * _pulse(part.effect, times))[:, None]
        )
    return colour, kept[:, None]


def _grain(at: Surface) -> Tensor:
    """Numbers in [0, 1] that are constant over small squares of the actor."""
    knots = torch.rand(_CELLS, _CELLS, generator=generator(0, "effect", "grain")).to(at.u.device)
    column, row = (torch.remainder(torch.floor(v / _CELL), _CELLS).long() for v in (at.u, at.v))
    return knots[row, column]


def _pulse(effect: Effect, times: Float[Tensor, " f"]) -> Float[Tensor, "f 1 1"]:
    """A glow beats three times in the time that it takes to set in."""
    turns = (times - effect.start_s) / effect.duration_s
    return (0.88 + 0.12 * torch.cos(6 * math.pi * turns)).view(-1, 1, 1)


def shine(
    effect: Effect, at: tuple[Tensor, Tensor], distance: Tensor, times: Float[Tensor, " f"]
) -> tuple[Float[Tensor, "f 3 h w"], Float[Tensor, "f 1 h w"]] | None:
    """Light that an effect adds around an actor.

    Args:
        effect: What happens to it.
        at: Places x and y from its centre in radii, each broadcasting with ``(f, h, w)``.
        distance: Signed distance to its upright outline in radii.
        times: Seconds from the start of the clip.

    Returns:
        Colours in [0, 1] and cover in [0, 1]; none for an effect without light.
    """
    if effect.kind == "glow":
        strong = 0.6 * progress(effect, times).view(-1, 1, 1) * _pulse(effect, times)
        cover = strong * torch.exp(-2.4 * distance.clamp(min=0.0)) * (distance > -0.2)
        edge = step(1.0 - (distance / 1.2).clamp(min=0.0), 0.6)
        return rgb(_GLARE, cover).expand(len(times), 3, *cover.shape[1:]), (cover * edge)[:, None]
    if effect.kind == "dissolve":
        cover = _sparks(effect, at, times)
        return rgb(_EMBER, cover).expand(len(times), 3, *cover.shape[1:]), cover[:, None]
    return None


def _sparks(effect: Effect, at: tuple[Tensor, Tensor], times: Float[Tensor, " f"]) -> Tensor:
    """Sparks that rise from where the actor was, one after the other."""
    draws = torch.rand(_SPARKS, 3, generator=generator(0, "effect", "sparks")).tolist()
    now = (times - effect.start_s) / effect.duration_s
    cover = torch.zeros_like(at[0] + at[1] + now.view(-1, 1, 1))
    for number, (turn, far, lean) in enumerate(draws):
        age = (now - number / _SPARKS).view(-1, 1, 1)
        x = 0.9 * math.sqrt(far) * math.cos(2 * math.pi * turn)
        y = 0.9 * math.sqrt(far) * math.sin(2 * math.pi * turn)
        x = x + 0.14 * torch.sin(9 * age + 6 * lean) + (lean - 0.5) * age
        y = y + 2.2 * age
        bright = (1 - age / _SPARK_LIFE).clamp(0, 1) * (age > 0)
        gap = ((at[0] - x) ** 2 + (at[1] - y) ** 2).sqrt()
        cover = torch.maximum(cover, bright * step(0.10 - gap, 0.12))
    return cover
