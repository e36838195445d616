"""Scenes to frames: place, props, shadows and actors, and the actors' masks.

Everything is evaluated at pixel centres in stage units, so a scene looks the same at every size and
frame rate. Actors are evaluated in a small window around them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool
from torch import Tensor

from openreels.core.arrays import Pixels
from openreels.core.shapes import ClipShape
from openreels.stage.actors import outline, shade, surface
from openreels.stage.backgrounds import LIGHTS, background
from openreels.stage.camera import View, scene_in_shot, shot_numbers, view
from openreels.stage.faces import draw_face, opening
from openreels.stage.geometry import floor_y, lane_of, radius
from openreels.stage.motion import ROPE_LENGTH, pendulum, tracks
from openreels.stage.overlays import axes, draw_overlays, spread
from openreels.stage.paint import mix, rgb, scaled, step
from openreels.stage.physics import Pose, pose
from openreels.stage.scene import Scene
from openreels.stage.styles import PAPER_SHADOW, Canvas, bricks, finish, paper_actor
from openreels.stage.weather import Air, precipitation

_WINDOW = 1.42
"""Half side of an actor's window in radii; no outline reaches further, squashed or not."""
_POST_HALF = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frames:
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


def _frames(scene: Scene, shape: ClipShape, device: str | torch.device, first: int = 0) -> _Frames:
    times = torch.arange(first, first + shape.num_frames, dtype=torch.float64) / shape.fps
    look, placed = view(scene, times), pose(scene, times)
    x, y = axes(shape, device)
    return _Frames(
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


def _posts(image: Tensor, frames: _Frames, still: bool) -> Tensor:
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


def _shadows(image: Tensor, frames: _Frames) -> Tensor:
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
        dim = dim * (1 - deep[:, :, None] * strength[:, None, :])
    return image * dim[:, None]


def _rope(image: Tensor, frames: _Frames, index: int) -> Tensor:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """A square part of each frame around an actor."""

    flat: Tensor
    """Index of its pixels in the flattened frame, shape ``(f, h w)``."""
    across: Tensor
    """x from the actor's centre in radii, shape ``(f, 1, w)``."""
    up: Tensor
    """y from the actor's centre in radii, shape ``(f, h, 1)``."""
    angle: Tensor
    soft: Tensor
    """Radii of about one pixel."""


def _window(frames: _Frames, index: int) -> _Window:
    size = radius(frames.scene.actors[index])
    height, width = len(frames.y), len(frames.x)
    zoom, camera_x = frames.zoom, frames.camera_x
    side = int(2 * _WINDOW * size * zoom.max().item() / frames.pixel) + 4
    camera_y = frames.camera_y
    x, y = (frames.pose.x[index] - camera_x) * zoom, (frames.pose.y[index] - camera_y) * zoom
    wide, high = min(side, width), min(side, height)
    left = (x / frames.pixel + width / 2 - wide / 2).round().clamp(0, width - wide)
    top = (height / 2 - y / frames.pixel - high / 2).round().clamp(0, height - high)
    columns = left.long()[:, None] + torch.arange(wide, device=x.device)
    rows = top.long()[:, None] + torch.arange(high, device=x.device)
    squash = frames.pose.squash[index][:, None]
    scale = (zoom * size)[:, None]
    across = (frames.x[columns] - x[:, None]) / scale * squash.sqrt()
    bottom = ((frames.pose.bottom[index] - camera_y) * zoom)[:, None]
    rise = (frames.pose.y[index] - frames.pose.bottom[index])[:, None] / size
    up = (frames.y[rows] - bottom) / scale / squash - rise
    return _Window(
        flat=rearrange(rows[:, :, None] * width + columns[:, None, :], "f h w -> f (h w)"),
        across=across[:, None, :],
        up=up[:, :, None],
        angle=frames.pose.angle[index].view(-1, 1, 1),
        soft=(1.3 * frames.pixel / scale)[:, :, None],
    )


def _paper_shadow(frames: _Frames, index: int, window: _Window) -> Tensor:
    """Cover of the hard shadow that an actor cut from paper casts, shape ``(f, 1, h, w)``."""
    across, up = window.across - PAPER_SHADOW[0], window.up - PAPER_SHADOW[1]
    sine, cosine = torch.sin(window.angle), torch.cos(window.angle)
    u, v = cosine * across + sine * up, cosine * up - sine * across
    distance = outline(frames.scene.actors[index].shape, u, v)
    return 0.45 * step(-distance, window.soft)[:, None]


def _actor(image: Tensor, frames: _Frames, index: int) -> Tensor:
    """Draw one actor into the frames, in place."""
    actor, window = frames.scene.actors[index], _window(frames, index)
    distance, at = surface(actor.shape, window.across, window.up, window.angle)
    colour, opacity = shade(actor, at, frames.scene.time_of_day)
    paper = frames.scene.style == "paper-cut"
    if paper:
        colour = paper_actor(actor, at, colour, distance)
    if actor.face is not None:
        opened = opening(actor.face, frames.times)
        colour, drawn = draw_face(actor, at, colour, opened, window.soft)
        opacity = torch.maximum(torch.as_tensor(opacity), drawn)
    cover = step(-distance, window.soft)[:, None] * opacity
    if paper:
        shadow = _paper_shadow(frames, index, window)
        whole = torch.maximum(cover, shadow)
        colour, cover = colour * (cover / whole.clamp(min=1e-3)), whole
    height, width = image.shape[-2:]
    flat = rearrange(image, "f c y x -> f c (y x)")
    where = window.flat[:, None].expand(-1, 3, -1)
    below = flat.gather(2, where)
    drawn = mix(below, rearrange(colour, "f c h w -> f c (h w)"), cover.flatten(2))
    flat = flat.scatter_(2, where, drawn)
    return rearrange(flat, "f c (y x) -> f c y x", y=height, x=width)


def _order(scene: Scene) -> list[int]:
    """Actors from the back to the front."""
    return sorted(range(len(scene.actors)), key=lambda k: (-lane_of(scene, k), -k))


def _weather(image: Tensor, frames: _Frames, *, in_front: bool) -> Tensor:
    """Draw what falls behind or in front of the actors."""
    if frames.scene.weather == "clear":
        return image
    zoom = frames.zoom.view(-1, 1, 1)
    air = Air(
        x=frames.x / zoom,
        y=frames.y[:, None] / zoom + frames.camera_y.view(-1, 1, 1),
        camera_x=frames.camera_x.view(-1, 1, 1),
        time=frames.times.view(-1, 1, 1),
        soft=1.5 * frames.pixel / zoom,
    )
    return precipitation(image, frames.scene, air, in_front=in_front)


def _canvas(frames: _Frames) -> Canvas:
    return Canvas(x=frames.x, y=frames.y, pixel=frames.pixel)


def _by_shot(frames: _Frames) -> list[_Frames]:
    """The frames of each shot, with the scene as it is in that shot."""
    if not frames.scene.shots:
        return [frames]
    parts = []
    for number in sorted(set(frames.shots)):
        mine = [k for k, shot in enumerate(frames.shots) if shot == number]
        here = torch.tensor(mine, device=frames.times.device)
        rows = {name: getattr(frames.pose, name)[:, here] for name in Pose.__dataclass_fields__}
        part = replace(
            frames,
            scene=scene_in_shot(frames.scene, number),
            camera_x=frames.camera_x[here],
            camera_y=frames.camera_y[here],
            zoom=frames.zoom[here],
            pose=Pose(**rows),
            times=frames.times[here],
            shots=(0,) * len(mine),
        )
        parts.append(part)
    return parts


def _shot(frames: _Frames) -> Tensor:
    """Draw the frames of one shot, shape ``(f, 3, H, W)``."""
    scene = frames.scene
    still = scene.camera == "static"
    keep = slice(0, 1) if still else slice(None)
    look = View(x=frames.camera_x[keep], y=frames.camera_y[keep], zoom=frames.zoom[keep])
    image = _posts(background(scene, frames.x, frames.y, look), frames, still)
    image = _weather(_shadows(image, frames), frames, in_front=False).contiguous()
    for index in _order(scene):
        if scene.actors[index].action == "swing":
            image = _rope(image, frames, index)
        image = _actor(image, frames, index)
    image = _weather(image, frames, in_front=True)
    if scene.style == "sketch" and any(actor.face for actor in scene.actors):
        return _sketch_faces(frames, image)
    return finish(image, scene.style, _canvas(frames))


def _sketch_faces(frames: _Frames, image: Tensor) -> Tensor:
    """Draw faces onto a sketch that is made without them: pencil lines would hide them."""
    bare = tuple(replace(actor, face=None) for actor in frames.scene.actors)
    scene = replace(frames.scene, actors=bare, style="plain")
    plain, canvas = _shot(replace(frames, scene=scene)), _canvas(frames)
    face = step((image - plain).abs().amax(1, keepdim=True) - 0.06, 0.10)
    pale = mix(image, finish(image, "sketch", canvas), 0.15)
    return mix(finish(plain, "sketch", canvas), pale, face)


def _render(scene: Scene, shape: ClipShape, device: str | torch.device, first: int) -> Tensor:
    frames = _frames(scene, shape, device, first)
    parts = [_shot(part) for part in _by_shot(frames)]
    image = parts[0] if len(parts) == 1 else torch.cat(parts)
    image = draw_overlays(image, scene, frames.x, frames.y)
    return rearrange(image.clamp(0, 1) * 2 - 1, "f c y x -> c f y x")


def render_video(
    scenes: Sequence[Scene],
    shape: ClipShape,
    device: str | torch.device = "cpu",
    *,
    first: int = 0,
) -> Pixels:
    """Render scenes to frames.

    Frame ``j`` shows the scene at ``(first + j) / fps`` seconds. The visible stage keeps its short
    side, so a shape of another ratio than the scene's shows more or less of it at the ends.

    Args:
        scenes: At least one scene.
        shape: Size and frame rate of every clip.
        device: Where to render.
        first: Frames of the scenes that are left out at the start.

    Returns:
        Pixels in [-1, 1].

    Raises:
        ValueError: If there is no scene.
    """
    if not scenes:
        raise ValueError("scenes must hold at least one scene, got none")
    return torch.stack([_render(scene, shape, device, first) for scene in scenes])


def render_masks(
    scenes: Sequence[Scene], shape: ClipShape, device: str | torch.device = "cpu"
) -> Bool[Tensor, "b a F H W"]:
    """Find the visible pixels of every actor.

    Args:
        scenes: At least one scene.
        shape: Size and frame rate of every clip.
        device: Where to render.

    Returns:
        True where a pixel shows more than half of that actor and no actor in front of it, nor an
        overlay by more than half. ``a`` is the largest number of actors of any scene; missing
        actors are all False.

    Raises:
        ValueError: If there is no scene.
    """
    if not scenes:
        raise ValueError("scenes must hold at least one scene, got none")
    most = max(len(scene.actors) for scene in scenes)
    size = (len(scenes), most, shape.num_frames, shape.height, shape.width)
    masks = torch.zeros(size, dtype=torch.bool, device=device)
    for mask, scene in zip(masks, scenes, strict=True):
        frames = _frames(scene, shape, device)
        for index in _order(scene):
            window = _window(frames, index)
            turned = surface(scene.actors[index].shape, window.across, window.up, window.angle)
            inside = (turned[0] < 0).flatten(1)
            for other in range(len(scene.actors)):
                flat = mask[other].view(shape.num_frames, -1)
                old = flat.gather(1, window.flat)
                flat.scatter_(1, window.flat, inside if other == index else old & ~inside)
        if scene.style == "mosaic":
            rows, columns = bricks(_canvas(frames))
            mask.copy_(mask[..., rows, :][..., columns])
        for overlay in scene.overlays:
            mask &= spread(overlay, frames.x, frames.y)[1] <= 0.5
    return masks
