"""High-resolution keyframes of training clips: their latents, and what of them is given.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5, joint prediction. Not given by the paper: what of
a keyframe is given. Here it is what the mask gives of the clip, at the keyframe's own resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openreels.conditioning.keyframes import Keyframes, keyframe_frames, keyframe_places
from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR
from openreels.core.arrays import LatentMask, PerSample, VideoLatents
from openreels.core.modality import BranchInput
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape
from openreels.diffusion.path import add_noise, velocity_of
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.render import render_video
from openreels.stage.scene import Scene

LATENT_NOISE = 0.3
"""Largest standard deviation of the noise on latents of clips that keyframes or a refiner begin
from, as a base errs."""


def encode_keyframes(
    scenes: Sequence[Scene], shape: ClipShape, codec: VideoVAE
) -> Float[Tensor, "b c k y x"]:
    """Render the keyframes of scenes at the resolution and rate of a refined clip; encode them.

    Args:
        scenes: At least one.
        shape: Size of the low-resolution clips.
        codec: Autoencoder.

    Returns:
        Latents as those of the whole refined clip, a latent frame a keyframe.
    """
    made: list[Tensor] = []
    for place in keyframe_places(shape):
        frames = keyframe_frames(place)
        fine = ClipShape(
            num_frames=len(frames),
            height=SPACE_FACTOR * shape.height,
            width=SPACE_FACTOR * shape.width,
            fps=TIME_FACTOR * shape.fps,
        )
        pixels = render_video(scenes, fine, first=frames.start)
        made.append(codec.encode(pixels)[:, :, -1:])
    return torch.cat(made, dim=2)


def spoilt(clips: VideoLatents, seed: int, indices: Sequence[int]) -> VideoLatents:
    """Put noise on clips, as a base errs on its way: none on half of them, little on others.

    Args:
        clips: Clean latents.
        seed: Seed of the world.
        indices: Of the scenes, which seed the noise.

    Returns:
        Latents with noise of up to ``LATENT_NOISE``, uniformly drawn.
    """
    made: list[Tensor] = []
    for clip, index in zip(clips, indices, strict=True):
        source = generator(seed, "keyframe noise", index)
        strength = LATENT_NOISE * max(0.0, 2 * float(torch.rand((), generator=source)) - 1)
        made.append(clip + strength * torch.randn(clip.shape, generator=source))
    return torch.stack(made)


def keyframes_known(
    known: LatentMask, places: Sequence[int], stills: Sequence[bool]
) -> Bool[Tensor, "b k y x"]:
    """Find what of the keyframes is given.

    A picture that is given inside a clip is a likeness of four frames, not their latent, so nothing
    is given of a keyframe there but at the start, where a latent is one frame.

    Args:
        known: What of the low-resolution clips is given.
        places: Their latent frames that have keyframes.
        stills: Whether pictures are what is given, a sample.

    Returns:
        True where a keyframe is given.
    """
    some = known[:, list(places)]
    moving = torch.tensor([place > 0 for place in places], device=known.device)
    pictures = torch.tensor(list(stills), device=known.device)
    some = some & ~(pictures[:, None] & moving[None])[..., None, None]
    return repeat(some, "b k h w -> b k (h p) (w q)", p=SPACE_FACTOR, q=SPACE_FACTOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanKeyframes:
    """Keyframes of a batch before noise."""

    latents: VideoLatents
    """Theirs, a latent frame each."""
    stretched: VideoLatents | None
    """Of the clips at their size; None where there are none."""
    residual: float
    """What that which the clips lack is divided by, where that is what noise becomes; 0: noise
    becomes the keyframes, and ``stretched`` is not looked at (``MMDiTConfig.residual``)."""

    def noised(
        self, noise: Tensor, sigma: PerSample, *, known: LatentMask, places: tuple[int, ...]
    ) -> tuple[Keyframes, VideoLatents]:
        """Take keyframes some way to noise.

        Args:
            noise: Standard normal, of their size.
            sigma: Noise level of each sample.
            known: Where they are given; given ones lack nothing.
            places: Latent frames of the clip that they stand at.

        Returns:
            What the network sees of them, and the velocity that it should find.

        Raises:
            ValueError: If there is a residual and nothing that it is of.
        """
        clean, stretched = self.latents, None
        if self.residual:
            if self.stretched is None:
                raise ValueError("a residual is of clips at the keyframes' size, got none of them")
            stretched = self.stretched
            lacking = (clean - stretched).masked_fill(known.unsqueeze(1), 0.0)
            clean = lacking / self.residual
        seen = Keyframes(
            noisy=add_noise(clean, noise, sigma),
            places=places,
            known=known,
            given=self.latents,
            stretched=stretched,
        )
        return seen, velocity_of(clean, noise)


def draw_window(grid: tuple[int, int, int], source: torch.Generator) -> Int[Tensor, " m"]:
    """Draw a window of half the rows and columns, the same of every keyframe.

    Args:
        grid: Keyframes, and rows and columns of their tokens.
        source: Source of the draw.

    Returns:
        Indices of its tokens among those of all keyframes, keyframe by keyframe and row by row.
    """
    count, rows, columns = grid
    sides = window_sides(grid)
    top, left = (
        int(torch.randint(side - half + 1, (), generator=source))
        for side, half in zip((rows, columns), sides, strict=True)
    )
    index = torch.arange(count * rows * columns).view(count, rows, columns)
    return index[:, top : top + sides[0], left : left + sides[1]].flatten()


def window_sides(grid: tuple[int, int, int]) -> tuple[int, int]:
    """Rows and columns of a window, of those of a keyframe."""
    return max(1, grid[1] // 2), max(1, grid[2] // 2)


def only_window(inputs: BranchInput, window: Int[Tensor, " m"], *, num_clip: int) -> BranchInput:
    """Leave out the tokens of keyframes that are not in a window.

    Args:
        inputs: What ``with_keyframes`` gave.
        window: Tokens of the keyframes that stay.
        num_clip: Tokens of the clip and of the references before it, which stay, too.

    Returns:
        The rest, in order.
    """
    kept = torch.cat([torch.arange(num_clip), num_clip + window]).to(inputs.tokens.device)
    shown, tags, beside = inputs.attendable, inputs.tags, inputs.beside
    return replace(
        inputs,
        tokens=inputs.tokens[:, kept],
        positions=inputs.positions[:, kept],
        attendable=None if shown is None else shown[:, kept],
        tags=None if tags is None else tags[:, kept],
        beside=None if beside is None else (beside[0], *window_sides(beside)),
    )
