"""Scenes to frames: place, props, shadows and actors, and the actors' masks.

Everything is evaluated at pixel centres in stage units, so a scene looks the same at every size and
frame rate. Actors are evaluated in a small window around them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.core.arrays import Pixels
from openreels.core.shapes import ClipShape
from openreels.stage.actors import outline, shade, surface
from openreels.stage.backgrounds import background
from openreels.stage.camera import View, scene_in_shot
from openreels.stage.effects import Part, altered, effect_of, parts, room, shine, turned
from openreels.stage.faces import draw_face, mouth
from openreels.stage.frames import Frames, air_of, frames_of
from openreels.stage.geometry import lane_of, radius
from openreels.stage.overlays import draw_overlays, no_masks, spread
from openreels.stage.paint import mix, step
from openreels.stage.physics import Pose, pose
from openreels.stage.scene import Scene
from openreels.stage.scenery import posts, rope, shadows
from openreels.stage.struck_looks import draw_instruments
from openreels.stage.styles import PAPER_SHADOW, Canvas, bricks, finish, paper_actor
from openreels.stage.weather import precipitation

_WINDOW = 1.42
"""Half side of an actor's window in radii; no outline reaches further, squashed or not."""


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


def _window(frames: Frames, index: int) -> _Window:
    size = radius(frames.scene.actors[index])
    height, width = len(frames.y), len(frames.x)
    zoom, camera_x = frames.zoom, frames.camera_x
    half = _WINDOW * room(effect_of(frames.scene, index))
    side = int(2 * half * size * zoom.max().item() / frames.pixel) + 4
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


def _paper_shadow(frames: Frames, index: int, window: _Window) -> Tensor:
    """Cover of the hard shadow that an actor cut from paper casts, shape ``(f, 1, h, w)``."""
    across, up = window.across - PAPER_SHADOW[0], window.up - PAPER_SHADOW[1]
    sine, cosine = torch.sin(window.angle), torch.cos(window.angle)
    u, v = cosine * across + sine * up, cosine * up - sine * across
    distance = outline(frames.scene.actors[index].shape, u, v)
    return 0.45 * step(-distance, window.soft)[:, None]


def _actor(image: Tensor, frames: Frames, index: int) -> Tensor:
    """Draw one actor into the frames, in place."""
    window, effect = _window(frames, index), effect_of(frames.scene, index)
    if effect is None:
        return _layer(image, frames, index, window)
    for window_of, part in _parts(frames, index, window):
        image = _layer(image, frames, index, window_of, part)
    distance = outline(frames.scene.actors[index].shape, window.across, window.up)
    light = shine(effect, (window.across, window.up), distance, frames.times)
    return image if light is None else _blend(image, window, *light)


def _parts(frames: Frames, index: int, window: _Window) -> list[tuple[_Window, Part | None]]:
    """The parts of an actor; more than one only where an effect takes it apart."""
    effect = effect_of(frames.scene, index)
    if effect is None:
        return [(window, None)]
    low = (frames.pose.bottom[index] - frames.pose.y[index]) / radius(frames.scene.actors[index])
    first = pose(frames.scene, torch.tensor([effect.start_s])).angle[index].item()
    angle = turned(effect, frames.pose.angle[index], first, frames.times)
    found = parts(effect, (window.across, window.up), low, angle, frames.times)
    held = replace(window, angle=angle.view(-1, 1, 1))
    return [(replace(held, across=part.across, up=part.up), part) for part in found]


def _layer(
    image: Tensor, frames: Frames, index: int, window: _Window, part: Part | None = None
) -> Tensor:
    """Draw a whole actor, or one part of it."""
    actor = frames.scene.actors[index]
    distance, at = surface(actor.shape, window.across, window.up, window.angle)
    colour, opacity = shade(actor, at, frames.scene.time_of_day)
    paper = frames.scene.style == "paper-cut"
    if paper:
        colour = paper_actor(actor, at, colour, distance)
    if actor.face is not None:
        opened = mouth(frames.scene, index, frames.times)
        colour, drawn = draw_face(actor, at, colour, opened, window.soft)
        opacity = torch.maximum(torch.as_tensor(opacity), drawn)
    cover = step(-distance, window.soft)[:, None] * opacity
    if part is not None:
        colour, kept = altered(part, at, colour, frames.times)
        cover = cover * kept
    elif paper:
        shadow = _paper_shadow(frames, index, window)
        whole = torch.maximum(cover, shadow)
        colour, cover = colour * (cover / whole.clamp(min=1e-3)), whole
    return _blend(image, window, colour, cover)


def _blend(image: Tensor, window: _Window, colour: Tensor, cover: Tensor) -> Tensor:
    """Mix colours into a window of the frames."""
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


def _weather(image: Tensor, frames: Frames, *, in_front: bool) -> Tensor:
    """Draw what falls behind or in front of the actors."""
    if frames.scene.weather == "clear":
        return image
    air = air_of(frames)
    return precipitation(image, frames.scene, air, in_front=in_front)


def _canvas(frames: Frames) -> Canvas:
    return Canvas(x=frames.x, y=frames.y, pixel=frames.pixel)


def _by_shot(frames: Frames) -> list[Frames]:
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


def _shot(frames: Frames) -> Tensor:
    """Draw the frames of one shot, shape ``(f, 3, H, W)``."""
    scene = frames.scene
    still = scene.camera == "static"
    keep = slice(0, 1) if still else slice(None)
    look = View(x=frames.camera_x[keep], y=frames.camera_y[keep], zoom=frames.zoom[keep])
    image = posts(background(scene, frames.x, frames.y, look), frames, still)
    image = shadows(draw_instruments(image, scene, air_of(frames)), frames)
    image = _weather(image, frames, in_front=False).contiguous()
    for index in _order(scene):
        if scene.actors[index].action == "swing":
            image = rope(image, frames, index)
        image = _actor(image, frames, index)
    image = _weather(image, frames, in_front=True)
    if scene.style == "sketch" and any(actor.face for actor in scene.actors):
        return _sketch_faces(frames, image)
    return finish(image, scene.style, _canvas(frames))


def _sketch_faces(frames: Frames, image: Tensor) -> Tensor:
    """Draw faces onto a sketch that is made without them: pencil lines would hide them."""
    bare = tuple(replace(actor, face=None) for actor in frames.scene.actors)
    scene = replace(frames.scene, actors=bare, lines=(), style="plain")
    plain, canvas = _shot(replace(frames, scene=scene)), _canvas(frames)
    face = step((image - plain).abs().amax(1, keepdim=True) - 0.06, 0.10)
    pale = mix(image, finish(image, "sketch", canvas), 0.15)
    return mix(finish(plain, "sketch", canvas), pale, face)


def _render(frames: Frames) -> Tensor:
    shots = [_shot(part) for part in _by_shot(frames)]
    image = shots[0] if len(shots) == 1 else torch.cat(shots)
    image = draw_overlays(image, frames.scene, frames.x, frames.y)
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
    times = torch.arange(first, first + shape.num_frames, dtype=torch.float64) / shape.fps
    return torch.stack([_render(frames_of(scene, shape, device, times)) for scene in scenes])


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
    masks = no_masks([len(scene.actors) for scene in scenes], shape, device)
    for mask, scene in zip(masks, scenes, strict=True):
        _mask(mask, frames_of(scene, shape, device))
    return masks


def _mask(mask: Tensor, frames: Frames) -> None:
    """Fill in the masks of one scene's actors, shape ``(a, f, H, W)``."""
    scene = frames.scene
    for index in _order(scene):
        window = _window(frames, index)
        inside = torch.zeros_like(window.flat, dtype=torch.bool)
        for here, part in _parts(frames, index, window):
            distance, at = surface(scene.actors[index].shape, here.across, here.up, here.angle)
            covered = distance < 0
            if part is not None:
                blank = torch.zeros_like(distance)[:, None].expand(-1, 3, -1, -1)
                covered &= altered(part, at, blank, frames.times)[1][:, 0] > 0.5
            inside |= covered.flatten(1)
        for other in range(len(scene.actors)):
            flat = mask[other].view(mask.shape[1], -1)
            old = flat.gather(1, window.flat)
            flat.scatter_(1, window.flat, inside if other == index else old & ~inside)
    if scene.style == "mosaic":
        rows, columns = bricks(_canvas(frames))
        mask.copy_(mask[..., rows, :][..., columns])
    for overlay in scene.overlays:
        mask &= spread(overlay, frames.x, frames.y)[1] <= 0.5


def render_moments(
    scene: Scene, times_s: Sequence[float], shape: ClipShape, device: str | torch.device = "cpu"
) -> tuple[Float[Tensor, "n 3 H W"], Bool[Tensor, "a n H W"]]:
    """Render stills of a scene at any times, with the visible pixels of every actor.

    Args:
        scene: The scene.
        times_s: Seconds from the start of the clip.
        shape: Size of the stills; its length is not used.
        device: Where to render.

    Returns:
        Pixels in [-1, 1] and masks as ``render_masks`` makes them.
    """
    frames = frames_of(scene, shape, device, torch.tensor(times_s, dtype=torch.float64))
    size = (len(scene.actors), len(times_s), shape.height, shape.width)
    mask = torch.zeros(size, dtype=torch.bool, device=device)
    _mask(mask, frames)
    return rearrange(_render(frames), "c f h w -> f c h w"), mask
