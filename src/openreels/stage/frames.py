"""A scene at the times of its frames: camera, poses, and the pixels in stage units."""

from dataclasses import dataclass

import torch
from torch import Tensor

from openreels.core.shapes import ClipShape
from openreels.stage.camera import shot_numbers, view
from openreels.stage.overlays import axes
from openreels.stage.physics import Pose, pose
from openreels.stage.scene import Scene
from openreels.stage.weather import Air


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """One scene's frames on their device, in float32."""

    scene: Scene
    x: Tensor
    """Picture x of the columns, stage units before the camera."""
    y: Tensor
    """Picture y of the rows."""
    pixel: float
    """Stage units a pixel, before the camera."""
    camera_x: Tensor
    camera_y: Tensor
    zoom: Tensor
    pose: Pose
    times: Tensor
    """Seconds from the start of the clip."""
    shots: tuple[int, ...]
    """Which shot each frame is of."""


def frames_of(
    scene: Scene, shape: ClipShape, device: str | torch.device, times: Tensor | None = None
) -> Frames:
    """Look up everything that drawing a scene needs.

    Args:
        scene: The scene.
        shape: Size and frame rate.
        device: Where to draw.
        times: Seconds from the start of the clip; those of the shape's frames if not given.

    Returns:
        Camera, poses and pixels.
    """
    if times is None:
        times = torch.arange(shape.num_frames, dtype=torch.float64) / shape.fps
    look, placed = view(scene, times), pose(scene, times)
    x, y = axes(shape, device)
    return Frames(
        scene=scene,
        x=x,
        y=y,
        pixel=2 / min(shape.height, shape.width),
        camera_x=look.x.to(device, torch.float32),
        camera_y=look.y.to(device, torch.float32),
        zoom=look.zoom.to(device, torch.float32),
        pose=Pose(**{
            name: getattr(placed, name).to(device, torch.float32)
            for name in Pose.__dataclass_fields__
        }),
        times=times.to(device, torch.float32),
        shots=tuple(shot_numbers(scene, times)),
    )


def air_of(frames: Frames) -> Air:
    """Where and when rain or snow falls in the frames."""
    zoom = frames.zoom.view(-1, 1, 1)
    return Air(
        x=frames.x / zoom,
        y=frames.y[:, None] / zoom + frames.camera_y.view(-1, 1, 1),
        camera_x=frames.camera_x.view(-1, 1, 1),
        time=frames.times.view(-1, 1, 1),
        soft=1.5 * frames.pixel / zoom,
    )
