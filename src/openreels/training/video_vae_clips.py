"""Clips that the video autoencoder learns from: rendered as it trains, reused a few times.

Rendering costs about as much as a training step, so every kind of clip has a pool: each visit adds
a few new clips, which replace the oldest, and draws a batch from all. A batch is a function of the
seed and the step alone, so that a run that is resumed sees what it would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from openreels.core.arrays import Pixels
from openreels.core.seeding import generator
from openreels.core.shapes import ASPECT_RATIOS, ClipShape
from openreels.media.clip import from_bytes, to_bytes
from openreels.stage.render import render_video
from openreels.stage.world import WorldSettings, sample_scene

PLAIN = WorldSettings()
"""Scenes without weather, styles, faces and overlays."""
LOOKS = WorldSettings(
    weather_share=0.3,
    style_share=0.5,
    face_share=0.3,
    words_share=0.15,
    subtitle_share=0.1,
    watermark_share=0.1,
    logo_share=0.1,
)
"""Scenes with all of them; looks alone, the picture does not hear."""


@runtime_checkable
class Renderer(Protocol):
    """Makes numbered clips."""

    def __call__(self, indices: Sequence[int], shape: ClipShape) -> Pixels:
        """Render clips by number, in [-1, 1]; the same number is the same clip."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One kind of clip: where it comes from, how large, how often."""

    render: Renderer
    """Source of the clips."""
    shape: ClipShape
    """Size that is rendered."""
    batch_size: int
    """Clips of one batch."""
    weight: float
    """How often the kind is drawn, relative to the others."""
    crop_px: int | None = None
    """Side of the square that is cut at random out of each clip of a batch; None keeps all."""
    crop_frames: int | None = None
    """Frames, 4k + 1, that are cut at random out of each clip; None keeps all."""
    pool_size: int = 96
    """Clips kept at most."""
    fresh: int = 2
    """New clips a visit."""


class ClipPools:
    """Batches of every kind of clip, by step."""

    def __init__(self, buckets: Sequence[Bucket], *, seed: int) -> None:
        self.buckets = tuple(buckets)
        self.seed = seed
        self._weights = torch.tensor([bucket.weight for bucket in buckets], dtype=torch.float64)
        self._pools: list[dict[int, UInt8[Tensor, "3 F H W"]]] = [{} for _ in self.buckets]
        self._visits = [0] * len(self.buckets)
        self._next_step = 0

    def batch(self, step: int) -> Pixels:
        """The batch of a step.

        Args:
            step: Number of the step; usually one more than the last, any other costs a replay.

        Returns:
            Clips of one kind in [-1, 1].
        """
        if step < self._next_step:
            self._visits = [0] * len(self.buckets)
            self._next_step = 0
        index = 0
        while self._next_step <= step:
            index = self._kind(self._next_step)
            self._visits[index] += 1
            self._next_step += 1
        return self._draw(index, step)

    def _kind(self, step: int) -> int:
        draw = generator(self.seed, "kind", step)
        return int(torch.multinomial(self._weights, 1, generator=draw))

    def _draw(self, index: int, step: int) -> Pixels:
        bucket, pool = self.buckets[index], self._pools[index]
        end = bucket.batch_size + self._visits[index] * bucket.fresh
        held = range(max(0, end - bucket.pool_size), end)
        for number in [number for number in pool if number not in held]:
            del pool[number]
        missing = [number for number in held if number not in pool]
        if missing:
            clips = bucket.render(missing, bucket.shape)
            pool.update(zip(missing, to_bytes(clips), strict=True))
        draw = generator(self.seed, "draw", step)
        chosen = torch.randperm(len(held), generator=draw)[: bucket.batch_size].tolist()
        clips = [_crop(pool[held[number]], bucket, draw) for number in chosen]
        flipped = torch.rand(len(clips), generator=draw) < 0.5
        clips = [clip.flip(-1) if flip else clip for clip, flip in zip(clips, flipped, strict=True)]
        return from_bytes(torch.stack(clips))


def _crop(clip: Tensor, bucket: Bucket, draw: torch.Generator) -> Tensor:
    sides = (bucket.crop_frames, bucket.crop_px, bucket.crop_px)
    for axis, side in enumerate(sides, start=1):
        if side is not None:
            begin = torch.randint(0, clip.shape[axis] - side + 1, (), generator=draw)
            clip = clip.narrow(axis, int(begin), side)
    return clip


def stage_clips(seed: int, world: WorldSettings = PLAIN) -> Renderer:
    """Clips of a world of the Stage, in the shape of the picture nearest to the size asked for."""

    def render(indices: Sequence[int], shape: ClipShape) -> Pixels:
        settings = replace(world, aspect_ratio=_ratio_of(shape))
        return render_video([sample_scene(seed, i, settings=settings) for i in indices], shape)

    return render


def _ratio_of(shape: ClipShape) -> str:
    def gap(name: str) -> float:
        wide, high = ASPECT_RATIOS[name]
        return abs(log(shape.width / shape.height) - log(wide / high))

    return min(ASPECT_RATIOS, key=gap)


def stage_buckets(seed: int) -> tuple[Bucket, ...]:
    """The mix of the shipped autoencoder: mostly the Stage at 64 px, some of it at 256 px.

    A fifth has looks that plain scenes do not have.

    Args:
        seed: Of the scenes; use another for clips that are held out.

    Returns:
        Kinds of clips whose batches cost about the same.
    """
    stage, looks, texture = stage_clips(seed), stage_clips(seed, LOOKS), texture_clips(seed)

    def small(
        height: int, width: int, batch_size: int, weight: float, render: Renderer = stage
    ) -> Bucket:
        shape = ClipShape(num_frames=49, height=height, width=width)
        return Bucket(
            render=render, shape=shape, batch_size=batch_size, weight=weight, crop_frames=17
        )

    def cuts(render: Renderer, weight: float) -> Bucket:
        shape = ClipShape(num_frames=17, height=256, width=256)
        return Bucket(
            render=render, shape=shape, batch_size=6, weight=weight, crop_px=96, crop_frames=9,
            fresh=1,
        )  # fmt: skip

    return (
        small(64, 64, 8, 0.28),
        small(64, 64, 8, 0.16, looks),
        Bucket(
            render=stage,
            shape=ClipShape(num_frames=33, height=64, width=64),
            batch_size=4,
            weight=0.08,
        ),
        small(64, 80, 6, 0.06),
        small(64, 112, 5, 0.06),
        small(80, 64, 6, 0.03),
        small(112, 64, 5, 0.03),
        cuts(stage, 0.17),
        cuts(looks, 0.06),
        Bucket(
            render=texture,
            shape=ClipShape(num_frames=17, height=64, width=64),
            batch_size=8,
            weight=0.07,
            fresh=4,
        ),
    )


def texture_clips(seed: int) -> Renderer:
    """Pictures of no world: moving textures, gradients and shapes of any colour, some still.

    They keep the autoencoder from knowing the palette of one world only.
    """

    def render(indices: Sequence[int], shape: ClipShape) -> Pixels:
        return torch.stack([_texture_clip(seed, index, shape) for index in indices])

    return render


def _texture_clip(seed: int, index: int, shape: ClipShape) -> Float[Tensor, "3 F H W"]:
    draw = generator(seed, "texture", index)
    picture = _texture(shape, draw)
    times = torch.arange(shape.num_frames)
    still = bool(torch.rand((), generator=draw) < 0.3)
    speed = torch.zeros(2) if still else torch.randn(2, generator=draw) * 1.5
    frames = []
    for time in times.tolist():
        offset = [round(float(value) * time) for value in speed]
        frames.append(torch.roll(picture, offset, dims=(1, 2)))
    clip = torch.stack(frames, dim=1)
    for _ in range(int(torch.randint(0, 4, (), generator=draw))):
        clip = _with_disc(clip, draw)
    return clip.clamp(-1, 1)


def _texture(shape: ClipShape, draw: torch.Generator) -> Float[Tensor, "3 H W"]:
    """Sum of smooth noise at several scales, each with its own colour."""
    picture = torch.rand(3, 1, 1, generator=draw) * 1.6 - 0.8
    size = (shape.height, shape.width)
    for cells in (2, 4, 8, 16):
        noise = torch.randn(1, 1, cells, cells, generator=draw)
        smooth = interpolate(noise, size=size, mode="bicubic")[0]
        colour = torch.randn(3, 1, 1, generator=draw)
        strength = torch.rand((), generator=draw) ** 2 * 0.8 / cells**0.5
        picture = picture + strength * colour * smooth
    return picture.clamp(-1, 1)


def _with_disc(clip: Float[Tensor, "3 F H W"], draw: torch.Generator) -> Float[Tensor, "3 F H W"]:
    """Paint a moving ellipse with an outline."""
    _, num_frames, height, width = clip.shape
    unit = min(height, width)
    times = torch.arange(num_frames).float()
    start = torch.rand(2, generator=draw) * torch.tensor([height, width])
    speed = torch.randn(2, generator=draw) * unit / 40
    radii = (torch.rand(2, generator=draw) * 0.2 + 0.04) * unit
    rows = rearrange(torch.arange(height) + 0.5, "y -> 1 y 1")
    columns = rearrange(torch.arange(width) + 0.5, "x -> 1 1 x")
    dy = (rows - rearrange(start[0] + speed[0] * times, "t -> t 1 1")) / radii[0]
    dx = (columns - rearrange(start[1] + speed[1] * times, "t -> t 1 1")) / radii[1]
    distance = ((dx.square() + dy.square()).sqrt() - 1) * radii.min()
    inside = (0.5 - distance).clamp(0, 1)
    rim = (1.5 - distance.abs()).clamp(0, 1)
    fill, edge = torch.rand(2, 3, 1, 1, 1, generator=draw) * 2 - 1
    clip = clip + (fill - clip) * inside
    return clip + (edge - clip) * rim * float(torch.rand((), generator=draw) < 0.5)
