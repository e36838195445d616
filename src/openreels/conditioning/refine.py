"""What the refiner sees: a low-resolution clip stretched to its size, and what of it is given.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5: low-resolution latents, linearly interpolated to
the target size, with the latents of high-resolution keyframes put over them and, in inpainting, the
source put over what is not edited; channels I of eq. 7. A mask, channel M, tells keep from refine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.shapes import (
    ClipShape,
    frames_in_latent,
    frames_of_latents,
)
from openreels.media.clip import pixels_of

SPACE_FACTOR = 4
"""How much finer the refiner's pixels are. Not given by the paper: the low resolution."""
TIME_FACTOR = 2
"""How many more frames the refiner makes: 16 to 32 a second, as in the paper."""

Reading: TypeAlias = Literal["pixels", "latents"]
"""How a low-resolution clip is brought to the target size.

``latents`` is the paper's: its latents are interpolated. A latent of our autoencoder stands for 8x8
pixels whatever a pixel is; stretched, it draws the same small pattern several times over.
``pixels`` interpolates the frames, bicubic in space and linear in time, and encodes them: 10 dB
nearer to the true clip (``docs/refiner.md``), so it is what the shipped refiner is trained with.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What of a refined clip is there already, at its size and on its frames."""

    source: UInt8[Tensor, "F H W 3"] | None = None
    """A source; None where there is none."""
    known: Bool[Tensor, "F H W"] | None = None
    """True where ``source`` is returned."""
    stills: tuple[tuple[int, UInt8[Tensor, "H W 3"]], ...] = ()
    """Pictures that the clip passes through, by latent frame: keyframes that were given."""
    latents: tuple[tuple[int, Float[Tensor, "1 c 1 h w"]], ...] = ()
    """Latents that the base made at the size of the result, by latent frame: its keyframes."""


def refined_num_frames(num_frames: int, factor: int = TIME_FACTOR) -> int:
    """Frames of the refined clip: one more between every two (81 at 16 fps give 161 at 32 fps).

    ``4k + 1`` frames give ``8k + 1``, and ``l`` latents ``2 (l - 1) + 1``.
    """
    return factor * (num_frames - 1) + 1


def refined_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width of a refined clip of a shorter side, in the shape of the low one.

    Args:
        height: Rows of the low-resolution clip.
        width: Its columns.
        short_side: Pixels of the shorter side; rounded up to a multiple of 16.

    Returns:
        ``(height, width)``, multiples of 16; exactly four times the low ones for four times the
        side.
    """
    short = -(-short_side // 16) * 16
    long = max(short, round(max(height, width) * short / (min(height, width) * 16)) * 16)
    return (short, long) if height <= width else (long, short)


def stretch_frames(
    low: Float[Tensor, "c t h w"],
    *,
    height: int,
    width: int,
    factor: int = TIME_FACTOR,
    frames: range | None = None,
) -> Float[Tensor, "c F H W"]:
    """Interpolate frames: bicubic in space, linear in time.

    Args:
        low: Frames in [-1, 1]; frame ``i`` is frame ``factor * i`` of the result.
        height: Rows of the result.
        width: Columns of the result.
        factor: Steps of the result to one of ``low``, >= 1.
        frames: Which frames of the result are made; None is all, ``factor (t - 1) + 1``.

    Returns:
        Frames in [-1, 1].
    """
    frames = range(refined_num_frames(low.shape[1], factor)) if frames is None else frames
    some = rearrange(low, "c t h w -> t c h w")
    if some.shape[-2:] != (height, width):
        some = F.interpolate(some, size=(height, width), mode="bicubic", antialias=True)
        some = some.clamp(-1, 1)
    places = torch.arange(frames.start, frames.stop, device=low.device)
    before = places // factor
    share = (places % factor / factor).to(some.dtype)
    after = (before + 1).clamp(max=len(some) - 1)
    mixed = some[before].lerp(some[after], rearrange(share, "F -> F 1 1 1"))
    return rearrange(mixed, "F c H W -> c F H W")


def stretch_latents(low: VideoLatents, shape: ClipShape) -> Float[Tensor, "b c F H W"]:
    """Interpolate latents linearly in space and time, as the paper does.

    Args:
        low: Latents of the low-resolution clip.
        shape: Size of the result; its latents are those of ``low`` in time, or
            ``factor (l - 1) + 1`` of them.

    Returns:
        Latents of that size.
    """
    size = (shape.num_latent_frames, shape.latent_height, shape.latent_width)
    in_space = F.interpolate(low, size=(low.shape[2], *size[1:]), mode="trilinear")
    if low.shape[2] == size[0]:
        return in_space
    return F.interpolate(in_space, size=size, mode="trilinear", align_corners=True)


def time_factor(num_low: int, num_high: int) -> int:
    """Steps of the refined clip to one of the low-resolution clip.

    Raises:
        ValueError: If there is no such whole number.
    """
    if num_low == num_high:
        return 1
    if num_low < 2 or (num_high - 1) % (num_low - 1):
        raise ValueError(
            f"a clip of n frames is refined to k (n - 1) + 1 frames, got {num_low} and {num_high}; "
            "hold the last frame to make it fit"
        )
    return (num_high - 1) // (num_low - 1)


def pieces_of(num_latents: int, size: int) -> Iterator[range]:
    """Runs of latent frames of a size, the last one shorter."""
    for start in range(0, num_latents, size):
        yield range(start, min(start + size, num_latents))


def frames_of_piece(piece: range) -> range:
    """The frames that a run of latent frames covers."""
    return range(frames_in_latent(piece.start).start, frames_of_latents(piece.stop))


def stretched_pieces(
    low: UInt8[Tensor, "t h w 3"], shape: ClipShape, held: Held, *, size: int
) -> Iterator[Pixels]:
    """Stretched frames with the source over what is given, some latents at a time.

    Args:
        low: Low-resolution frames.
        shape: Size of the refined clip.
        held: What is given of it.
        size: Latent frames a piece; memory follows it.

    Yields:
        Pixels in [-1, 1] of consecutive pieces, for ``VideoVAE.encode_stream``.
    """
    factor = time_factor(len(low), shape.num_frames)
    for piece in pieces_of(shape.num_latent_frames, size):
        frames = frames_of_piece(piece)
        first, last = frames.start // factor, -(-(frames.stop - 1) // factor)
        pixels = stretch_frames(
            pixels_of(low[first : last + 1].numpy())[0],
            height=shape.height,
            width=shape.width,
            factor=factor,
            frames=range(frames.start - first * factor, frames.stop - first * factor),
        )
        if held.source is not None and held.known is not None:
            source = pixels_of(held.source[frames.start : frames.stop].numpy())[0]
            pixels = torch.where(held.known[frames.start : frames.stop], source, pixels)
        yield rearrange(pixels, "c F H W -> 1 c F H W")
