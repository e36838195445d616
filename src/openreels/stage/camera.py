"""The camera: where the picture looks at a time, in closed form."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.stage.scene import Camera, Scene

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
    zoom: Float[Tensor, " t"]
    """Magnification about the centre of the picture."""


def view(scene: Scene, times: Float[Tensor, " t"]) -> View:
    """Look up the camera at some times.

    A camera move lasts the whole clip, so it depends on the scene's length, not on frames.
    """
    progress = (times / scene.duration_s).clamp(0, 1)
    x = _PANS.get(scene.camera, 0.0) * PAN_RANGE * (2 * progress - 1)
    if scene.camera == "zoom in":
        return View(x=x, zoom=ZOOM_RANGE**progress)
    if scene.camera == "zoom out":
        return View(x=x, zoom=ZOOM_RANGE ** (1 - progress))
    return View(x=x, zoom=torch.ones_like(times))
