"""Empty places: the background of a scene with its weather and style, and nobody in it."""

from dataclasses import replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import ClipShape
from openreels.stage.backgrounds import background
from openreels.stage.camera import View
from openreels.stage.frames import air_of, frames_of
from openreels.stage.scene import Scene
from openreels.stage.styles import Canvas, finish
from openreels.stage.weather import precipitation


def emptied(scene: Scene) -> Scene:
    """The scene in one still, wide shot of its first place, without effects and overlays."""
    return replace(scene, camera="static", shots=(), overlays=(), effects=())


def render_place(
    scene: Scene, shape: ClipShape, device: str | torch.device = "cpu"
) -> Float[Tensor, "3 F H W"]:
    """Render the place of a scene with nobody in it.

    Args:
        scene: Its place, light, weather, style and camera are shown; not its actors, posts, cuts
            and overlays.
        shape: Size and frame rate of the clip.
        device: Where to render.

    Returns:
        Pixels in [-1, 1]. Where no actor, shadow or post is, they are those of the scene itself.
    """
    frames = frames_of(replace(scene, shots=()), shape, device)
    look = View(x=frames.camera_x, y=frames.camera_y, zoom=frames.zoom)
    image = background(frames.scene, frames.x, frames.y, look)
    if scene.weather != "clear":
        air = air_of(frames)
        image = precipitation(image, scene, air, in_front=False)
        image = precipitation(image, scene, air, in_front=True)
    image = finish(image, scene.style, Canvas(x=frames.x, y=frames.y, pixel=frames.pixel))
    return rearrange(image.clamp(0, 1) * 2 - 1, "f c h w -> c f h w")
