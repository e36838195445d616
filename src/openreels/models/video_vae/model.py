"""The video autoencoder: 8x8 in space, 4x in time, the first frame alone.

Patches first: everything works on the latent grid or twice it, never on pixels. Each latent is
encoded from its own frames only, so that a latent which is given says nothing about frames that
are not; decoding looks back in time, never ahead.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 3.1, names 21 latents for 5 s at 16 fps. Not given by
the paper: the autoencoder itself; this one is ours.
"""

from collections.abc import Iterable, Iterator

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.shapes import SPATIAL_STRIDE, TEMPORAL_STRIDE, check_num_frames
from openreels.models.video_vae.config import FIRST_VALUES, GROUP_VALUES, VideoVAEConfig
from openreels.models.video_vae.layers import Block, PerKind, frames_of, patches_of
from openreels.nn.causal_conv import PointwiseConv

Carried = tuple[Tensor | None, ...]
"""What the decoder's blocks remember of the latent before."""


class Encoder(nn.Module):
    """Frames to raw latents: a linear map plus a correction by residual blocks on two grids.

    ::

        frames  b F H W 3 -> linear, 8x8 of 1 or 4 frames                    -> b f h w c
                          -> linear, 4x4 of 1 frame          b F 2h 2w u
                          -> blocks (3x3)
                          -> linear, 2x2 of 1 or 4 frames    b f h w d
                          -> blocks (3x3) -> linear                          -> b f h w c (added)
    """

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        width, channels, front = config.encoder_width, config.latent_channels, config.front_width
        self.linear = PerKind((FIRST_VALUES, channels), (GROUP_VALUES, channels))
        self.stem = PointwiseConv(FIRST_VALUES // 4, front)
        self.front = nn.ModuleList(
            Block(front, looks_back=False) for _ in range(config.front_depth)
        )
        self.gather = PerKind((4 * front, width), (4 * TEMPORAL_STRIDE * front, width))
        self.blocks = nn.ModuleList(
            Block(width, looks_back=False) for _ in range(config.encoder_depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = PerKind((width, channels), (width, channels))
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, frames: Float[Tensor, "b F H W 3"], *, starts: bool
    ) -> Float[Tensor, "b f h w c"]:
        """Encode a piece of a stream; ``starts`` says that it begins with the first frame."""
        x = self.stem(patches_of(frames, num_frames=1, side=SPATIAL_STRIDE // 2))
        for block in self.front:
            x, _ = block(x)
        x = self.gather.gathered(x, starts=starts, side=2)
        for block in self.blocks:
            x, _ = block(x)
        linear = self.linear.gathered(frames, starts=starts, side=SPATIAL_STRIDE)
        return linear + self.head(self.norm(x), starts=starts)


class Decoder(nn.Module):
    """Raw latents to frames: a linear map plus a correction by residual blocks on two grids.

    ::

        latents  b f h w c -> linear, 8x8 of 1 or 4 frames                   -> b F H W 3
                           -> linear                         b f h w d
                           -> blocks (3x3, look back)
                           -> linear, 2x2 of 1 or 4 frames   b F 2h 2w u
                           -> blocks (3x3, look back) -> linear, 4x4         -> b F H W 3 (added)
    """

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        channels, width, upper = config.latent_channels, config.decoder_width, config.upper_width
        self.linear = PerKind((channels, FIRST_VALUES), (channels, GROUP_VALUES))
        self.stem = PerKind((channels, width), (channels, width))
        self.blocks = nn.ModuleList(
            Block(width, looks_back=True) for _ in range(config.decoder_depth)
        )
        self.spread = PerKind((width, 4 * upper), (width, 4 * TEMPORAL_STRIDE * upper))
        self.upper = nn.ModuleList(Block(upper, looks_back=True) for _ in range(config.upper_depth))
        self.norm = nn.LayerNorm(upper)
        self.head = PointwiseConv(upper, FIRST_VALUES // 4)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, latents: Float[Tensor, "b f h w c"], carried: Carried | None = None
    ) -> tuple[Float[Tensor, "b F H W 3"], Carried]:
        """Decode a piece of a stream; without ``carried`` it begins with the first frame."""
        starts = carried is None
        if carried is None:
            carried = (None,) * (len(self.blocks) + len(self.upper))
        x, after = self.stem(latents, starts=starts), []
        for block, past in zip(self.blocks, carried[: len(self.blocks)], strict=True):
            x, past = block(x, past)
            after.append(past)
        x = self.spread.spread(x, starts=starts, side=2)
        for block, past in zip(self.upper, carried[len(self.blocks) :], strict=True):
            x, past = block(x, past)
            after.append(past)
        detail = frames_of(self.head(self.norm(x)), num_frames=1, side=SPATIAL_STRIDE // 2)
        linear = self.linear.spread(latents, starts=starts, side=SPATIAL_STRIDE)
        return linear + detail, tuple(after)


class VideoVAE(nn.Module):
    """Pixels to normalised latents and back, causal in time.

    ::

        pixels b 3 4(f-1)+1 8h 8w -> encode -> latents b c f h w -> decode -> pixels

    Latent 0 is frame 0; latent ``j`` is frames ``4 j - 3`` to ``4 j``. Latents have zero mean and
    unit variance a channel, by the stored statistics of the training clips.

    Args:
        config: Sizes.
    """

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latent_std", torch.ones(config.latent_channels))
        self.latent_mean: Tensor
        self.latent_std: Tensor

    def encode(self, pixels: Pixels) -> VideoLatents:
        """Encode a whole clip.

        Args:
            pixels: ``4 k + 1`` frames in [-1, 1]; sides are multiples of 8.

        Returns:
            Normalised latents, ``k + 1`` of them; the same every time.

        Raises:
            ValueError: If the number of frames or a side does not fit.
        """
        check_num_frames(pixels.shape[2])
        _check_sides(pixels)
        return self._encoded(pixels, starts=True)

    def encode_stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Encode a clip that comes in pieces, yielding the latents of each.

        Args:
            chunks: Pixels; the first of ``4 k + 1`` frames, every later one of ``4 k``.

        Yields:
            Latents of each piece; together the same as ``encode`` of the whole clip.

        Raises:
            ValueError: If a piece is empty or of another number of frames, or a side does not fit.
        """
        for index, chunk in enumerate(chunks):
            if index == 0:
                yield self.encode(chunk)
                continue
            _check_sides(chunk)
            if chunk.shape[2] == 0 or chunk.shape[2] % TEMPORAL_STRIDE:
                raise ValueError(
                    "a chunk after the first must be a multiple of 4 frames, "
                    f"got {chunk.shape[2]}; cut the clip at frames 4k + 1"
                )
            yield self._encoded(chunk, starts=False)

    def decode(self, latents: VideoLatents) -> Pixels:
        """Decode a whole clip.

        Args:
            latents: Normalised latents, the first of them of the first frame.

        Returns:
            Pixels clamped to [-1, 1], ``4 (f - 1) + 1`` frames.

        Raises:
            ValueError: If there is no latent frame or the channels do not fit.
        """
        return self.reconstruct(latents).clamp(-1, 1)

    def decode_stream(
        self, latents: VideoLatents | Iterable[Tensor], *, chunk_frames: int = 1
    ) -> Iterator[Tensor]:
        """Decode piece by piece, in bounded memory; the pieces together equal ``decode``.

        Args:
            latents: A whole clip of latents, or pieces of one in order.
            chunk_frames: Latent frames decoded at a time when ``latents`` is a whole clip.

        Yields:
            Pixels clamped to [-1, 1]: the first piece holds the first frame.

        Raises:
            ValueError: If ``chunk_frames`` is not positive, or a piece is empty or does not fit.
        """
        if chunk_frames < 1:
            raise ValueError(f"chunk_frames must be at least 1, got {chunk_frames}")
        pieces = latents.split(chunk_frames, dim=2) if isinstance(latents, Tensor) else latents
        carried: Carried | None = None
        for piece in pieces:
            frames, carried = self.decoder(self._raw(piece), carried)
            yield rearrange(frames, "b F H W c -> b c F H W").clamp(-1, 1)

    def reconstruct(self, latents: VideoLatents) -> Pixels:
        """Decode without the clamp, for training."""
        frames, _ = self.decoder(self._raw(latents))
        return rearrange(frames, "b F H W c -> b c F H W")

    def _encoded(self, pixels: Pixels, *, starts: bool) -> VideoLatents:
        raw = self.encoder(rearrange(pixels, "b c F H W -> b F H W c"), starts=starts)
        return rearrange((raw - self.latent_mean) / self.latent_std, "b f h w c -> b c f h w")

    def _raw(self, latents: VideoLatents) -> Float[Tensor, "b f h w c"]:
        if latents.shape[1] != self.config.latent_channels or latents.shape[2] < 1:
            raise ValueError(
                f"latents must be (b, {self.config.latent_channels}, f >= 1, h, w), "
                f"got {tuple(latents.shape)}; encode a clip with this autoencoder"
            )
        return rearrange(latents, "b c f h w -> b f h w c") * self.latent_std + self.latent_mean


def _check_sides(pixels: Pixels) -> None:
    for name, side in (("height", pixels.shape[3]), ("width", pixels.shape[4])):
        if side < SPATIAL_STRIDE or side % SPATIAL_STRIDE:
            raise ValueError(
                f"{name} must be a positive multiple of {SPATIAL_STRIDE}, got {side}; "
                f"crop or pad to {max(1, round(side / SPATIAL_STRIDE)) * SPATIAL_STRIDE}"
            )
