"""Sizes, outlines and materials of the actors and the measures of the stage, in stage units.

One stage unit is half of the picture's short side. x points right, y up, the origin is the centre
of the picture, angles turn counter-clockwise.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import size_for
from openreels.stage.scene import Actor, Material, Scene, Shape, Size

GRAVITY = 9.0
"""Stage units per second squared: a drop from the top of the picture takes about 0.55 s."""
FLOOR_MARGIN = 0.34
"""Height of the front lane above the bottom edge."""
LANE_STEP = 0.08
"""Each further actor stands this much further back (higher in the picture)."""

RADII: dict[Size, float] = {"small": 0.203, "medium": 0.297, "large": 0.406}
"""Radius of the ball of that size: 6.5, 9.5 and 13 pixels at a short side of 64."""
RESTITUTIONS: dict[Material, float] = {"rubber": 0.8, "wood": 0.42, "metal": 0.52, "glass": 0.6}
"""Speed after a contact with the floor over the speed before it."""
DENSITIES: dict[Material, float] = {"rubber": 1.0, "wood": 0.8, "metal": 2.0, "glass": 1.5}
"""Relative density; decides the masses of a collision."""

_Outline = tuple[tuple[tuple[float, float], ...], float]


def _regular(count: int, radius: float, first: float) -> tuple[tuple[float, float], ...]:
    turns = [first + 2 * math.pi * k / count for k in range(count)]
    return tuple((radius * math.cos(turn), radius * math.sin(turn)) for turn in turns)


HULLS: dict[Shape, _Outline] = {
    "ball": (((0.0, 0.0),), 1.0),
    "ring": (((0.0, 0.0),), 1.05),
    "cube": (_regular(4, 0.72 * math.sqrt(2), math.pi / 4), 0.14),
    "pyramid": (_regular(3, 1.14, math.pi / 2), 0.10),
    "star": (_regular(5, 1.12, math.pi / 2), 0.10),
}
"""Corners of the convex hull and the rounding around them, in radii, for an upright actor."""

SYMMETRY: dict[Shape, float] = {
    "ball": 0.0,
    "ring": 0.0,
    "cube": math.pi / 2,
    "pyramid": 2 * math.pi / 3,
    "star": 2 * math.pi / 5,
}
"""Smallest turn that leaves the outline as it is; 0 where any turn does."""


def radius(actor: Actor) -> float:
    """Radius of an actor in stage units."""
    return RADII[actor.size]


def mass(actor: Actor) -> float:
    """Mass of an actor: density times the area of its disc, in arbitrary units."""
    return DENSITIES[actor.moves_like or actor.material] * RADII[actor.size] ** 2


def reach(actor: Actor, direction: tuple[float, float]) -> float:
    """How far an upright actor reaches from its centre in a direction (a unit vector)."""
    corners, rounding = HULLS[actor.shape]
    far = max(x * direction[0] + y * direction[1] for x, y in corners)
    return radius(actor) * (far + rounding)


def reach_down(actor: Actor, angle: Float[Tensor, "*t"]) -> Float[Tensor, "*t"]:
    """How far a turned actor reaches below its centre."""
    corners, rounding = HULLS[actor.shape]
    sine, cosine = torch.sin(angle), torch.cos(angle)
    depths = torch.stack([-(sine * x + cosine * y) for x, y in corners])
    return radius(actor) * (depths.amax(0) + rounding)


def half_size(aspect_ratio: str) -> tuple[float, float]:
    """Half width and half height of the visible stage in stage units."""
    height, width = size_for(aspect_ratio, 64)
    return width / 64, height / 64


def floor_y(scene: Scene, lane: int = 0) -> float:
    """Height of the floor under a lane; lane 0 is the front."""
    return FLOOR_MARGIN - half_size(scene.aspect_ratio)[1] + LANE_STEP * lane


def lane_of(scene: Scene, actor: int) -> int:
    """The lane an actor stands in: the smaller in front, partners of a collision in one lane."""
    depths = [(RADII[other.size], number) for number, other in enumerate(scene.actors)]
    for number, other in enumerate(scene.actors):
        if other.partner is not None:
            depths[number] = max(depths[number], depths[other.partner])
    return sorted(set(depths)).index(depths[actor])
