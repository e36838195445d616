"""What stands around the actors and falls on the floor: posts, shadows and ropes."""

import torch
from einops import rearrange
from torch import Tensor

from openreels.stage.backgrounds import LIGHTS
from openreels.stage.effects import effect_of, remaining
from openreels.stage.frames import Frames
from openreels.stage.geometry import floor_y, lane_of, radius
from openreels.stage.motion import ROPE_LENGTH, pendulum, tracks
from openreels.stage.paint import mix, rgb, scaled, step

_POST_HALF = 0.05


def posts(image: Tensor, frames: Frames, still: bool) -> Tensor:
    """Draw the posts that actors knock against."""
    keep = slice(0, 1) if still else slice(None)
    zoom, camera_x = frames.zoom[keep, None], frames.camera_x[keep, None]
    x, y = frames.x / zoom + camera_x, frames.y / zoom + frames.camera_y[keep, None]
    soft = 1.5 * frames.pixel / zoom
    light = LIGHTS[frames.scene.time_of_day]
    outdoors = frames.scene.place not in {"room", "theatre"}
    tint = light.ground if outdoors else light.indoors
    for track in reversed(tracks(frames.scene)):
        for post in track.posts:
            middle = post.x - post.normal * _POST_HALF
            low = floor_y(frames.scene, post.lane)
            across = (x - middle) / _POST_HALF
            cover_x = step((1 - across.abs()) * _POST_HALF, soft)
            cover_y = step(y - low + 0.02, soft) * step(low + post.height - y, soft)
            round_ = (0.94 - 0.26 * across.clamp(-1, 1))[:, None, None, :]
            colour = (
                rgb(
                    scaled(
                        (0.66, 0.62, 0.58),
                        (max(tint[0], 0.5), max(tint[1], 0.5), max(tint[2], 0.56)),
                    ),
                    image,
                )
                * round_
            )
            cover = rearrange(cover_y, "f y -> f 1 y 1") * rearrange(cover_x, "f x -> f 1 1 x")
            image = mix(image, colour, cover)
    return image


def shadows(image: Tensor, frames: Frames) -> Tensor:
    """Darken the floor below the actors: stronger and tighter the closer they are."""
    zoom, dim = frames.zoom[:, None], torch.ones(())
    for index, actor in enumerate(frames.scene.actors):
        low = floor_y(frames.scene, lane_of(frames.scene, index))
        height = (frames.pose.bottom[index] - low).clamp(min=0)[:, None]
        width = radius(actor) * (0.85 + 0.35 * height)
        x = (frames.pose.x[index][:, None] - frames.camera_x[:, None]) * zoom
        across = torch.exp(-(((frames.x - x) / (zoom * width)) ** 2) * 1.6)
        rise = frames.y / zoom + frames.camera_y[:, None] - low + 0.015
        deep = torch.exp(-((rise / (0.24 * width)) ** 2))
        strength = 0.50 * torch.exp(-1.6 * height) * across
        effect = effect_of(frames.scene, index)
        if effect is not None:
            strength = strength * remaining(effect, frames.times)[:, None]
        dim = dim * (1 - deep[:, :, None] * strength[:, None, :])
    return image * dim[:, None]


def rope(image: Tensor, frames: Frames, index: int) -> Tensor:
    """Draw the rope of a swinging actor and the rod that holds it."""
    hook = pendulum(frames.scene, index)
    zoom, camera_x = frames.zoom.view(-1, 1, 1), frames.camera_x.view(-1, 1, 1)
    camera_y = frames.camera_y.view(-1, 1, 1)
    x, y = frames.x / zoom + camera_x - hook.x, frames.y[:, None] / zoom + camera_y - hook.y
    held = 1 - 0.75 * radius(frames.scene.actors[index]) / ROPE_LENGTH  # ends inside the rim
    end_x = held * (frames.pose.x[index] - hook.x).view(-1, 1, 1)
    end_y = held * (frames.pose.y[index] - hook.y).view(-1, 1, 1)
    along = ((x * end_x + y * end_y) / (end_x**2 + end_y**2)).clamp(0, 1)
    gap = ((x - along * end_x) ** 2 + (y - along * end_y) ** 2).sqrt()
    gap = torch.minimum(gap, torch.maximum(x.abs(), -y))
    cover = step(0.022 - gap, 1.5 * frames.pixel / zoom)[:, None]
    night = frames.scene.time_of_day == "night"
    return mix(image, rgb((0.42, 0.40, 0.40) if night else (0.40, 0.33, 0.27), image), cover)
