"""Encode and decode large pictures in tiles.

Each tile is worked out with a margin of neighbours that is then thrown away. With a margin of at
least the network's reach the result equals the whole picture's to rounding; a smaller margin is
faster and leaves a seam.
"""

from collections.abc import Iterator

import torch

from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.shapes import SPATIAL_STRIDE
from openreels.models.video_vae.model import VideoVAE


def decode_tiled(
    vae: VideoVAE, latents: VideoLatents, *, tile: int = 32, overlap: int | None = None
) -> Pixels:
    """Decode in square tiles; peak memory follows the tile, not the picture.

    Args:
        vae: The autoencoder.
        latents: Normalised latents of a whole clip.
        tile: Side of what a tile contributes, in latents.
        overlap: Margin on each side that is decoded and thrown away, in latents; the decoder's
            reach, where tiled equals whole, when None.

    Returns:
        Pixels in [-1, 1].

    Raises:
        ValueError: If ``tile`` is not positive or ``overlap`` is negative.
    """
    margin = vae.config.decoder_reach if overlap is None else overlap
    rows = []
    for row in _spans(latents.shape[3], tile, margin):
        tiles = []
        for column in _spans(latents.shape[4], tile, margin):
            piece = vae.decode(latents[..., row.wide, column.wide])
            tiles.append(piece[..., row.kept(SPATIAL_STRIDE), column.kept(SPATIAL_STRIDE)])
        rows.append(torch.cat(tiles, dim=4))
    return torch.cat(rows, dim=3)


def encode_tiled(
    vae: VideoVAE, pixels: Pixels, *, tile: int = 32, overlap: int | None = None
) -> VideoLatents:
    """Encode in square tiles; peak memory follows the tile, not the picture.

    Args:
        vae: The autoencoder.
        pixels: A whole clip in [-1, 1]; sides are multiples of 8.
        tile: Side of what a tile contributes, in latents (8 pixels each).
        overlap: Margin on each side that is encoded and thrown away, in latents; the encoder's
            reach, where tiled equals whole, when None.

    Returns:
        Normalised latents.

    Raises:
        ValueError: If ``tile`` is not positive, ``overlap`` is negative, or a side does not fit.
    """
    for side in pixels.shape[3:]:
        if side % SPATIAL_STRIDE:
            raise ValueError(
                f"sides must be multiples of {SPATIAL_STRIDE}, got {side}; crop or pad"
            )
    margin = vae.config.encoder_reach if overlap is None else overlap
    rows = []
    for row in _spans(pixels.shape[3] // SPATIAL_STRIDE, tile, margin):
        tiles = []
        for column in _spans(pixels.shape[4] // SPATIAL_STRIDE, tile, margin):
            piece = vae.encode(pixels[..., row.wide_pixels, column.wide_pixels])
            tiles.append(piece[..., row.kept(1), column.kept(1)])
        rows.append(torch.cat(tiles, dim=4))
    return torch.cat(rows, dim=3)


class _Span:
    """A stretch of one side: what a tile contributes and what it is worked out from."""

    def __init__(self, begin: int, end: int, margin: int, side: int) -> None:
        self.begin, self.end = begin, end
        self.from_, self.to = max(0, begin - margin), min(side, end + margin)

    @property
    def wide(self) -> slice:
        return slice(self.from_, self.to)

    @property
    def wide_pixels(self) -> slice:
        return slice(self.from_ * SPATIAL_STRIDE, self.to * SPATIAL_STRIDE)

    def kept(self, scale: int) -> slice:
        return slice((self.begin - self.from_) * scale, (self.end - self.from_) * scale)


def _spans(side: int, tile: int, margin: int) -> Iterator[_Span]:
    if tile < 1 or margin < 0:
        raise ValueError(
            f"tile must be at least 1 and overlap not negative, got {tile} and {margin}"
        )
    for begin in range(0, side, tile):
        yield _Span(begin, min(begin + tile, side), margin, side)
