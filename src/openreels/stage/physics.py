"""Where every actor is at any time, and the exact times at which they touch something."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.stage.camera import view
from openreels.stage.geometry import GRAVITY, floor_y, half_size, lane_of, reach_down
from openreels.stage.motion import ROPE_LENGTH, Piece, Track, pendulum, sign_of, tracks
from openreels.stage.scene import Actor, Contact, Scene

FAST_IMPACT = 4.8
"""Speed of a full-loudness impact on the floor, stage units a second."""
FAST_KNOCK = 2.4
"""The same for a knock against a post or another actor."""
SQUASH_S = 0.05
_SQUASH = {"rubber": 0.22, "wood": 0.0, "metal": 0.0, "glass": 0.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """Where every actor is at some times, in stage units; float64 on the CPU."""

    x: Float[Tensor, "a t"]
    """Centre."""
    y: Float[Tensor, "a t"]
    """Centre."""
    angle: Float[Tensor, "a t"]
    """Radians, counter-clockwise."""
    squash: Float[Tensor, "a t"]
    """Height over its height at rest, about the lowest point; 1 is undeformed."""
    bottom: Float[Tensor, "a t"]
    """Height of the lowest point."""


def _swing_pose(scene: Scene, index: int, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    actor, rope = scene.actors[index], pendulum(scene, index)
    since = (times - actor.phase_s).clamp(min=0) % (2 * rope.half_s)
    since = torch.minimum(since, 2 * rope.half_s - since)
    angle = -sign_of(actor) * actor.height * torch.cos(rope.rate * since)
    x = rope.x + ROPE_LENGTH * torch.sin(angle)
    return x, rope.y - ROPE_LENGTH * torch.cos(angle), angle


def _piece_pose(
    scene: Scene, index: int, times: Tensor, pieces: tuple[Piece, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    actor = scene.actors[index]
    rows = torch.tensor(
        [
            (p.time_s, p.x, p.vx, p.clearance, p.vy, float(p.airborne), p.angle, p.turn)
            for p in pieces
        ],
        dtype=torch.float64,
    )
    which = torch.searchsorted(rows[:, 0].contiguous(), times, right=True).clamp(min=1) - 1
    start, x, vx, clearance, vy, airborne, angle, turn = rows[which].unbind(-1)
    since = times - start
    held = vy.isnan()
    rise = torch.where(held, 0.0, vy.nan_to_num() * since - GRAVITY / 2 * since**2) * airborne
    angle = angle + turn * since
    upright = torch.zeros_like(angle)
    support = reach_down(actor, torch.where(airborne > 0, upright, angle))
    floor = floor_y(scene, lane_of(scene, index))
    return x + vx * since, floor + clearance + rise + support, angle


def _squash(actor: Actor, track: Track, times: Tensor) -> Tensor:
    depth = torch.zeros_like(times)
    amount = _SQUASH[actor.moves_like or actor.material] + (0.08 if actor.action == "jump" else 0.0)
    for touch in track.touches:
        if touch.surface == "floor" and amount > 0:
            since = ((times - touch.time_s) / SQUASH_S).clamp(min=0)
            depth += amount * min(1.0, touch.speed / FAST_IMPACT) * since * torch.exp(1 - since)
    return 1 - depth.clamp(max=0.4)


def pose(scene: Scene, times: Float[Tensor, " t"]) -> Pose:
    """Place every actor of a scene at some times.

    Args:
        scene: The scene.
        times: Seconds from the start of the clip.

    Returns:
        Centres, angles, deformation and lowest points, in stage units.
    """
    times = times.to("cpu", torch.float64)
    rows = []
    for index, (actor, track) in enumerate(zip(scene.actors, tracks(scene), strict=True)):
        if actor.action == "swing":
            x, y, angle = _swing_pose(scene, index, times)
        else:
            x, y, angle = _piece_pose(scene, index, times, track.pieces)
        bottom = y - reach_down(actor, angle)
        rows.append((x, y, angle, _squash(actor, track, times), bottom))
    x, y, angle, squash, bottom = (torch.stack(column) for column in zip(*rows, strict=True))
    return Pose(x=x, y=y, angle=angle, squash=squash, bottom=bottom)


def contacts(scene: Scene) -> tuple[Contact, ...]:
    """Every audible contact of a scene, exact, in order of time.

    Returns:
        The contacts with ``0 <= time_s < duration_s``. A collision of two actors gives two, one
        for each that sounds.
    """
    half_width = half_size(scene.aspect_ratio)[0]
    found: list[Contact] = []
    for index, (actor, track) in enumerate(zip(scene.actors, tracks(scene), strict=True)):
        for touch in track.touches:
            if touch.time_s >= scene.duration_s:
                continue
            look = view(scene, torch.tensor([touch.time_s], dtype=torch.float64))
            x = (touch.x - look.x.item()) * look.zoom.item() / half_width
            fast = FAST_IMPACT if touch.surface == "floor" else FAST_KNOCK
            found.append(
                Contact(
                    time_s=touch.time_s,
                    actor=index,
                    surface=touch.surface,
                    speed=min(1.0, touch.speed / fast),
                    x=max(-1.0, min(1.0, x)),
                    material=actor.material,
                    size=actor.size,
                    shape=actor.shape,
                )
            )
    return tuple(sorted(found, key=lambda contact: (contact.time_s, contact.actor)))
