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
_CLIP_DEPTH = 2
_SOUND_DEPTH = 3
_SOUND_PATCH = 4
"""Audio latents that are read as one: 0.09 s."""
SOUND_PAD = 16
"""Sounds are continued with silence of the autoencoder, zeros, to a multiple of this."""


class _Reader(nn.Module):
    """What was seen or heard to a few tokens: a weighted mean for each, then two layers.

    Args:
        width: Channels of what is read.
        count: Tokens.
        config: Width of the tokens.
    """

    def __init__(self, width: int, count: int, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(count, width) * width**-0.5)
        self.keys = nn.Linear(width, width)
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, config.width)
        self.kinds = nn.Parameter(0.5 * torch.randn(count, 2 * width))

    def pool(self, flat: Float[Tensor, "n m e"]) -> Float[Tensor, "n k e"]:
        """The mean of all places that each token asks for."""
        scores = self.queries @ self.keys(flat).mT * self.queries.shape[1] ** -0.5
        return scores.softmax(-1) @ flat

    def tell(self, seen: Float[Tensor, "*n k e"]) -> Float[Tensor, "*n k d"]:
        """What the tokens say."""
        return self.out(functional.silu(self.hidden(seen) + self.kinds))


class _Eye(_Reader):
    """A reader of pictures or frames, cell by cell.

    Args:
        width: Channels of a cell.
        count: Tokens.
        depth: Pairs of convolutions.
        config: Channels of the latents, and width of the tokens.
    """

    def __init__(self, width: int, count: int, depth: int, config: PromptEncoderConfig) -> None:
        super().__init__(width, count, config)
        self.cells = nn.Linear(config.image_channels, width)
        self.place = nn.Linear(_NUM_PLACES, width, bias=False)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))

    def look(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n m e"]:
        """The cells of every picture, each with its place and what is around it."""
        cells = self.cells(rearrange(latents, "n c h w -> n h w c"))
        cells = cells + self.place(_places(*latents.shape[2:]).to(cells))
        grid = rearrange(cells, "n h w c -> n c h w")
        for block in self.blocks:
            grid = block(grid)
        return rearrange(grid, "n c h w -> n (h w) c")


class PictureReader(_Eye):
    """Latents of pictures to a few tokens, as words would say them.

        n c h w -> linear of a cell, plus its place      n e h w
                -> depth x (norm, two convolutions)      n e h w
                -> a weighted mean of cells for a token  n k e
                -> mean over pictures, two layers        k d

    Not given by the paper, where a multimodal language model has encoders of its own. Latents are
    read in the place of pixels, because they are there already for the pixel path (eq. 8).
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__(config.image_width, config.image_tokens, config.image_depth, config)

    def forward(self, latents: Sequence[Float[Tensor, "c _ _"]]) -> Float[Tensor, "k d"]:
        """Read pictures of the same thing, of any sizes."""
        seen = [self.pool(self.look(one[None]))[0] for one in latents]
        return self.tell(torch.stack(seen).mean(0))

    def read(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k d"]:
        """Read pictures of one size, each by itself."""
        return self.tell(self.pool(self.look(latents)))


class ClipReader(_Eye):
    """Latents of clips to a few tokens, as words would say what happens in them.

        n c f h w -> linear of a cell, plus its place          n f e h w
                  -> depth x (norm, two convolutions)          n f e h w
                  -> two weighted means of the cells of a frame, put together, plus its time  n f e
                  -> depth x (norm, two convolutions in time)  n f e
                  -> a weighted mean of frames for a token, two layers  n k d

    The means know where what they look at is, as every cell has its place. Ours.
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        width = config.clip_width
        super().__init__(width, config.clip_tokens, _CLIP_DEPTH, config)
        self.looks = nn.Linear(width, 2)
        self.frame = nn.Linear(2 * width, width)
        self.time = nn.Linear(1, width, bias=False)
        self.steps = nn.ModuleList(_Block(width, in_time=True) for _ in range(_CLIP_DEPTH))

    def read(self, latents: Float[Tensor, "n c f h w"]) -> Float[Tensor, "n k d"]:
        """Read clips of one size, each by itself."""
        count = latents.shape[0]
        flat = self.look(rearrange(latents, "n c f h w -> (n f) c h w"))
        means = self.looks(flat).softmax(1).mT @ flat
        frames = self.frame(rearrange(means, "(n f) two e -> n f (two e)", n=count))
        frames = frames + self.time(_middles(frames.shape[1]).to(frames))
        line = rearrange(frames, "n f e -> n e f")
        for block in self.steps:
            line = block(line)
        return self.tell(self.pool(rearrange(line, "n e f -> n f e")))


class SoundReader(_Reader):
    """Latents of sounds to a few tokens, as words would say them.

        n c l -> linear of four latents                n e m
              -> depth x (norm, two convolutions)      n e m
              -> a weighted mean for a token, two layers  n k d

    Ours.
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        width = config.sound_width
        super().__init__(width, config.sound_tokens, config)
        self.patches = nn.Linear(_SOUND_PATCH * config.audio_channels, width)
        self.blocks = nn.ModuleList(_Block(width, in_time=True) for _ in range(_SOUND_DEPTH))

    def read(self, latents: Float[Tensor, "n c l"]) -> Float[Tensor, "n k d"]:
        """Read sounds of one length, each by itself."""
        padded = functional.pad(latents, (0, -latents.shape[2] % SOUND_PAD))
        patches = rearrange(padded, "n c (m q) -> n m (c q)", q=_SOUND_PATCH)
        line = rearrange(self.patches(patches), "n m e -> n e m")
        for block in self.blocks:
            line = block(line)
        return self.tell(self.pool(rearrange(line, "n e m -> n m e")))


class _Block(nn.Module):
    """Two convolutions over the cells of a picture or the steps of a clip, added to them."""

    def __init__(self, width: int, *, in_time: bool = False) -> None:
        super().__init__()
        make = nn.Conv1d if in_time else nn.Conv2d
        self.norm = nn.GroupNorm(1, width)
        self.first = make(width, width, 3, padding=1)
        self.second = make(width, width, 3, padding=1)

    def forward(self, grid: Float[Tensor, "n e *m"]) -> Float[Tensor, "n e *m"]:
        return grid + self.second(functional.silu(self.first(self.norm(grid))))


class MediaIn(nn.Module):
    """Latents of pictures, clips and sounds to tokens of the encoder's width: a reader a kind."""

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.config = config
        sees = config.image_channels
        self.image = PictureReader(config) if sees else None
        self.clip = ClipReader(config) if sees and config.clip_tokens else None
        self.sound = SoundReader(config) if config.audio_channels else None

    def forward(self, parts: Sequence[Part]) -> Float[Tensor, "n d"]:
        """Embed a part, or several pictures of the same thing.

        Args:
            parts: Pictures, or one clip or sound; words have no tokens here.

        Returns:
            Its tokens; none if the network does not read its kind.
        """
        first = parts[0]
        if isinstance(first, ImagePart) and self.image is not None:
            return self.image([part.latents for part in parts if isinstance(part, ImagePart)])
        if isinstance(first, ClipPart) and self.clip is not None:
            return self.clip.read(first.latents[None])[0]
        if isinstance(first, AudioPart) and self.sound is not None:
            return self.sound.read(first.latents[None])[0]
        return next(self.parameters()).new_zeros(0, self.config.width)

    def num_tokens(self, part: Part) -> int:
        """How many tokens ``forward`` gives for a part, without computing them."""
        if isinstance(part, ImagePart) and self.image is not None:
            return self.config.image_tokens
        if isinstance(part, ClipPart) and self.clip is not None:
            return self.config.clip_tokens
        if isinstance(part, AudioPart) and self.sound is not None:
            return self.config.sound_tokens
        return 0


def _middles(count: int) -> Float[Tensor, "n 1"]:
    """The middles of equal steps from 0 to 1."""
    return ((torch.arange(count) + 0.5) / count).unsqueeze(1)


def _places(rows: int, columns: int) -> Float[Tensor, "h w 2"]:
    """Row and column of every cell, the middles of equal steps from 0 to 1."""
    axes = [_middles(count)[:, 0] for count in (rows, columns)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
