"""High-resolution keyframes among the tokens of a low-resolution clip.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5: the base predicts all frames at low resolution and
keyframes at high resolution jointly. Not given by the paper: how many there are, where they stand
and how the network tells them apart. Here a keyframe is one latent frame of the refined clip, every
two seconds from the start. Its tokens follow those of the clip, at their time on the one clock and
at their place in the picture, counted in cells of the low-resolution grid. Where nothing of it is
given its channels I hold the clip at the keyframe's size (``conditioning.stretched``), or, where
both are made in one pass and there is none yet, say which part of a low-resolution cell a fine one
is (``place_code``); those of the clip are the latents of black, so the two differ.
"""

from dataclasses import dataclass, replace

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Shaped
from torch import Tensor

from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR
from openreels.core.arrays import LatentMask, VideoLatents
from openreels.core.modality import BranchInput
from openreels.core.shapes import TEMPORAL_STRIDE, ClipShape, latent_time_s
from openreels.nn.patchify import patchify, unpatchify

KEYFRAME_EVERY_S = 2.0
"""Seconds between keyframes: 8 in 15 s. Not given by the paper: ours."""


def keyframe_places(shape: ClipShape) -> tuple[int, ...]:
    """Latent frames of the low-resolution clip that have a keyframe: at 0, 2, 4, ... seconds.

    Args:
        shape: Size of the low-resolution clip.

    Returns:
        Indices in order, one at least.
    """
    step = max(1, round(KEYFRAME_EVERY_S * float(shape.latent_fps)))
    return tuple(range(0, max(1, shape.num_latent_frames - 1), step))


def refined_place(place: int) -> int:
    """The latent frame of the refined clip at the time of one of the low-resolution clip."""
    return TIME_FACTOR * place


def keyframe_frames(place: int) -> range:
    """Frames of the refined clip that a keyframe is encoded from; its latent is the last of them.

    An autoencoder takes the first frame that it sees alone, so the four frames of a later latent
    are encoded with the one before them. Ours looks at no others: it is that of the whole clip.

    Args:
        place: Latent frame of the low-resolution clip.

    Returns:
        One frame at the start of the clip, five elsewhere.
    """
    last = TEMPORAL_STRIDE * refined_place(place)
    return range(max(0, last - TEMPORAL_STRIDE), last + 1)


def keyframe_positions(
    places: tuple[int, ...], shape: ClipShape, *, grid: tuple[int, int], patch: int
) -> Float[Tensor, "n 3"]:
    """Positions of keyframe tokens: seconds, row and column in low-resolution cells.

    Args:
        places: Latent frames of the low-resolution clip.
        shape: Size of that clip.
        grid: Rows and columns of a keyframe in its own latents.
        patch: Latent cells a side of one token.

    Returns:
        One a token, keyframe by keyframe and row by row.
    """
    seconds = [float(latent_time_s(place, shape.fps)) for place in places]
    rows, columns = (
        (torch.arange(fine // patch) + 0.5) * patch * (low / fine)
        for fine, low in zip(grid, (shape.latent_height, shape.latent_width), strict=True)
    )
    axes = torch.meshgrid(torch.tensor(seconds), rows, columns, indexing="ij")
    return rearrange(torch.stack(axes), "a k h w -> (k h w) a")


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyframes:
    """High-resolution latent frames beside a low-resolution clip.

    Raises:
        ValueError: If there is not a place for each.
    """

    noisy: VideoLatents
    """Noisy latents, a latent frame each."""
    places: tuple[int, ...]
    """Latent frames of the low-resolution clip that they stand at."""
    known: LatentMask | None = None
    """True where a keyframe is given; None is nowhere."""
    given: VideoLatents | None = None
    """Latents of what is given; None is nothing."""
    stretched: VideoLatents | None = None
    """Latents of the clip at their size (``conditioning.stretched``); None is ``place_code``."""

    def __post_init__(self) -> None:
        if self.noisy.shape[2] != len(self.places):
            raise ValueError(
                "there must be a place for each keyframe, got "
                f"{self.noisy.shape[2]} and {len(self.places)}"
            )


def place_code(keyframes: VideoLatents) -> VideoLatents:
    """Say of every fine cell which part of a coarse one it is.

    A quarter of a cell turns the positions of tokens too little to be told from the next.

    Args:
        keyframes: Latents of that size.

    Returns:
        One in the channel of the place, of 4x4, modulo the channels; zeros in all others.
    """
    rows, columns = (torch.arange(side) % SPACE_FACTOR for side in keyframes.shape[-2:])
    place = (SPACE_FACTOR * rows[:, None] + columns) % keyframes.shape[1]
    code = torch.nn.functional.one_hot(place, keyframes.shape[1])
    return rearrange(code, "h w c -> 1 c 1 h w").to(keyframes).expand_as(keyframes)


def with_keyframes(
    clip: BranchInput, keyframes: Keyframes, *, shape: ClipShape, patch: int
) -> BranchInput:
    """Put the tokens of keyframes behind those of a clip.

    Args:
        clip: Tokens of the low-resolution clip, from ``video_branch``, after its references.
        keyframes: What follows them.
        shape: Size of the low-resolution clip.
        patch: Latent cells a side of one token.

    Returns:
        All tokens; the grid is still that of the clip, which stays where it was.
    """
    noisy, known, given = keyframes.noisy, keyframes.known, keyframes.given
    mask = torch.zeros_like(noisy[:, :1]) if known is None else known.unsqueeze(1).to(noisy.dtype)
    free = place_code(noisy) if keyframes.stretched is None else keyframes.stretched.to(noisy.dtype)
    content = (1 - mask) * free
    content = content if given is None else content + given.to(noisy.dtype) * mask
    tokens = patchify(torch.cat([noisy, content, mask], dim=1), patch)
    grid = (noisy.shape[3], noisy.shape[4])
    positions = keyframe_positions(keyframes.places, shape, grid=grid, patch=patch).to(noisy.device)
    more, shown, tags = (0, tokens.shape[1]), clip.attendable, clip.tags
    return replace(
        clip,
        tokens=torch.cat([clip.tokens, tokens], dim=1),
        positions=torch.cat(
            [clip.positions, repeat(positions, "n a -> b n a", b=noisy.shape[0])], dim=1
        ),
        attendable=None if shown is None else torch.nn.functional.pad(shown, more, value=True),
        tags=None if tags is None else torch.nn.functional.pad(tags, more),
        beside=(noisy.shape[2], grid[0] // patch, grid[1] // patch),
    )


def split_keyframes(
    tokens: Float[Tensor, "b n p"], *, num_clip: int, grid: tuple[int, int, int], patch: int
) -> tuple[Float[Tensor, "b m p"], VideoLatents]:
    """Take the network's output apart: tokens of the clip, latents of the keyframes.

    Args:
        tokens: A velocity a token, in the order of ``with_keyframes``.
        num_clip: Tokens of the clip and of the references before it.
        grid: Keyframes, rows and columns in their latents.
        patch: Latent cells a side of one token.

    Returns:
        What belongs to the clip, and to the keyframes.
    """
    return tokens[:, :num_clip], unpatchify(tokens[:, num_clip:], grid=grid, patch=patch)


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedKeyframes:
    """What a base is asked to make beside a clip, and what of it is given."""

    places: tuple[int, ...]
    """Latent frames of the low-resolution clip that they stand at."""
    latents: VideoLatents
    """Latents of what is given, a latent frame each; zeros elsewhere."""
    known: LatentMask
    """True where they are given; those are returned as they are."""
    stretched: VideoLatents | None = None
    """Latents of the clip at their size, as far as it is made; None where it is not looked at."""

    @property
    def grid(self) -> tuple[int, int, int]:
        """Keyframes, rows and columns in their latents."""
        count, rows, columns = self.latents.shape[2:]
        return (count, rows, columns)


def join_cells(
    clip: Shaped[Tensor, "*a f h w"], keyframes: Shaped[Tensor, "*a k y x"]
) -> Shaped[Tensor, "*a n"]:
    """Lay the cells of a clip and of its keyframes in one row, as one sample of a solver.

    Args:
        clip: Latents of a clip, or a mask over them.
        keyframes: Those of its keyframes.

    Returns:
        The cells of the clip, then those of the keyframes.
    """
    return torch.cat([clip.flatten(-3), keyframes.flatten(-3)], dim=-1)


def part_cells(
    cells: Shaped[Tensor, "*a n"],
    *,
    clip: tuple[int, int, int],
    keyframes: tuple[int, int, int],
) -> tuple[Shaped[Tensor, "*a f h w"], Shaped[Tensor, "*a k y x"]]:
    """Take a row of cells apart; the inverse of ``join_cells``.

    Args:
        cells: What ``join_cells`` laid in a row.
        clip: Latent frames, rows and columns of the clip.
        keyframes: Keyframes, rows and columns of each.

    Returns:
        What belongs to the clip, and to the keyframes.
    """
    count = clip[0] * clip[1] * clip[2]
    return cells[..., :count].unflatten(-1, clip), cells[..., count:].unflatten(-1, keyframes)
