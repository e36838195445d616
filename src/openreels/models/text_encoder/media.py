"""Pictures, clips and sounds of a message as tokens beside its words."""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.protocols import AudioPart, ClipPart, ImagePart, Part
from openreels.models.text_encoder.config import PromptEncoderConfig

_NUM_PLACES = 2
"""Row and column of a latent cell within its picture, each in [0, 1]."""


class PictureReader(nn.Module):
    """Latents of pictures to a few tokens, as words would say them.

        n c h w -> linear of a cell, plus its place      n e h w
                -> depth x (norm, two convolutions)      n e h w
                -> a weighted mean of cells for a token  n k e
                -> mean over pictures, two layers        k d

    Not given by the paper, where a multimodal language model has encoders of its own. Latents are
    read in the place of pixels, because they are there already for the pixel path (eq. 8).
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        width, count = config.image_width, config.image_tokens
        self.cells = nn.Linear(config.image_channels, width)
        self.place = nn.Linear(_NUM_PLACES, width, bias=False)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(config.image_depth))
        self.queries = nn.Parameter(torch.randn(count, width) * width**-0.5)
        self.keys = nn.Linear(width, width)
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, config.width)
        self.kinds = nn.Parameter(0.5 * torch.randn(count, 2 * width))

    def forward(self, latents: Sequence[Float[Tensor, "c _ _"]]) -> Float[Tensor, "k d"]:
        """Read pictures of the same thing, of any sizes."""
        seen = torch.stack([self._pooled(one[None])[0] for one in latents]).mean(0)
        return self._told(seen)

    def read(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k d"]:
        """Read pictures of one size, each by itself."""
        return self._told(self._pooled(latents))

    def _pooled(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k e"]:
        cells = self.cells(rearrange(latents, "n c h w -> n h w c"))
        cells = cells + self.place(_places(*latents.shape[2:]).to(cells))
        grid = rearrange(cells, "n h w c -> n c h w")
        for block in self.blocks:
            grid = block(grid)
        flat = rearrange(grid, "n c h w -> n (h w) c")
        scores = self.queries @ self.keys(flat).mT * self.queries.shape[1] ** -0.5
        return scores.softmax(-1) @ flat

    def _told(self, seen: Float[Tensor, "*n k e"]) -> Float[Tensor, "*n k d"]:
        return self.out(functional.silu(self.hidden(seen) + self.kinds))


class _Block(nn.Module):
    """Two convolutions over the cells of a picture, added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, grid: Float[Tensor, "n e h w"]) -> Float[Tensor, "n e h w"]:
        return grid + self.second(functional.silu(self.first(self.norm(grid))))


class MediaIn(nn.Module):
    """Latents of pictures, clips and sounds to tokens of the encoder's width.

    pictures -> PictureReader                        k d
    clips    -> the same of every so many frames     f k d
    c l      -> patches of q latents                 n (c q)
             -> linear, plus the place               n d
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.config = config
        width, audio = config.width, config.audio_channels
        self.image = PictureReader(config) if config.image_channels else None
        clips = config.image_channels and config.clip_stride
        self.frames = nn.Linear(1, width) if clips else None
        self.audio = nn.Linear(audio * config.audio_patch, width) if audio else None
        self.places = nn.Linear(1, width, bias=False) if audio else None

    def forward(self, parts: Sequence[Part]) -> Float[Tensor, "n d"]:
        """Embed a part, or several pictures of the same thing.

        Args:
            parts: Pictures, or one clip or sound; words have no tokens here.

        Returns:
            Its tokens in order of time; none if the network does not read its kind.
        """
        first, size = parts[0], self.config.audio_patch
        if isinstance(first, ImagePart) and self.image is not None:
            return self.image([part.latents for part in parts if isinstance(part, ImagePart)])
        if isinstance(first, ClipPart) and self.image is not None and self.frames is not None:
            frames = rearrange(first.latents[:, :: self.config.clip_stride], "c f h w -> f c h w")
            tokens = self.image.read(frames)
            moved = tokens + self.frames(_middles(len(frames)).to(tokens)).unsqueeze(1)
            return moved.flatten(0, 1)
        if isinstance(first, AudioPart) and self.audio is not None and self.places is not None:
            padded = functional.pad(first.latents, (0, -first.latents.shape[1] % size))
            patches = rearrange(padded, "c (n q) -> n (c q)", q=size)
            return self.audio(patches) + self.places(_middles(len(patches)).to(patches))
        return next(self.parameters()).new_zeros(0, self.config.width)

    def num_tokens(self, part: Part) -> int:
        """How many tokens ``forward`` gives for a part, without computing them."""
        if isinstance(part, ImagePart) and self.image is not None:
            return self.config.image_tokens
        if isinstance(part, ClipPart) and self.frames is not None:
            return -(-part.latents.shape[1] // self.config.clip_stride) * self.config.image_tokens
        if isinstance(part, AudioPart) and self.audio is not None:
            return -(-part.latents.shape[1] // self.config.audio_patch)
        return 0


def _middles(count: int) -> Float[Tensor, "n 1"]:
    """The middles of equal steps from 0 to 1."""
    return ((torch.arange(count) + 0.5) / count).unsqueeze(1)


def _places(rows: int, columns: int) -> Float[Tensor, "h w 2"]:
    """Row and column of every cell, the middles of equal steps from 0 to 1."""
    axes = [_middles(count)[:, 0] for count in (rows, columns)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
