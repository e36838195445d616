"""The camera: where the picture looks at a time, in closed form."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.stage.scene import Camera, Scene, Shot

PAN_RANGE = 0.2
"""A pan goes from minus to plus this many stage units over the clip (reversed to the left)."""
ZOOM_RANGE = 1.25
"""Magnification at the near end of a zoom."""

_PANS: dict[Camera, float] = {"pan right": 1.0, "pan left": -1.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Where the camera looks at each time."""

    x: Float[Tensor, " t"]
    """Stage x at the centre of the picture."""
    y: Float[Tensor, " t"]
    """Stage y at the centre of the picture."""
    zoom: Float[Tensor, " t"]
    """Magnification about the centre of the picture."""


def _move(camera: Camera, progress: Float[Tensor, " t"]) -> View:
    """A camera move from its start, 0, to its end, 1, about the middle of the stage."""
    x, still = _PANS.get(camera, 0.0) * PAN_RANGE * (2 * progress - 1), torch.zeros_like(progress)
    if camera == "zoom in":
        return View(x=x, y=still, zoom=ZOOM_RANGE**progress)
    if camera == "zoom out":
        return View(x=x, y=still, zoom=ZOOM_RANGE ** (1 - progress))
    return View(x=x, y=still, zoom=torch.ones_like(progress))


def all_shots(scene: Scene) -> tuple[Shot, ...]:
    """The shots of a scene with the first, which starts at 0."""
    return (Shot(start_s=0.0, place=scene.place, camera=scene.camera), *scene.shots)


def shot_numbers(scene: Scene, times: Float[Tensor, " t"]) -> list[int]:
    """Which shot shows at each time; a shot begins exactly at its cut."""
    starts = [shot.start_s for shot in all_shots(scene)]
    return [max(0, sum(start <= time for start in starts) - 1) for time in times.tolist()]


def scene_in_shot(scene: Scene, number: int) -> Scene:
    """The scene as one of its shots has it: place and camera of that shot, and no cuts."""
    shot = all_shots(scene)[number]
    return replace(scene, place=shot.place, camera=shot.camera, shots=())


def view(scene: Scene, times: Float[Tensor, " t"]) -> View:
    """Look up the camera at some times.

    A camera move lasts the whole shot, so it depends on the scene's length, not on frames.
    """
    shots = all_shots(scene)
    ends = (*(shot.start_s for shot in shots[1:]), scene.duration_s)
    numbers = torch.tensor(shot_numbers(scene, times), device=times.device)
    x, y, zoom = torch.zeros_like(times), torch.zeros_like(times), torch.ones_like(times)
    for number, (shot, end) in enumerate(zip(shots, ends, strict=True)):
        here = numbers == number
        progress = ((times - shot.start_s) / (end - shot.start_s)).clamp(0, 1)
        move = _move(shot.camera, progress)
        x = torch.where(here, move.x + shot.x, x)
        y = torch.where(here, move.y + shot.y, y)
        zoom = torch.where(here, move.zoom * shot.zoom, zoom)
    return View(x=x, y=y, zoom=zoom)
