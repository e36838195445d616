"""Pictures, clips and sounds of a message as tokens beside its words."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.protocols import AudioPart, ClipPart, ImagePart, Part
from openreels.models.text_encoder.config import PromptEncoderConfig

_NUM_PLACES = 3
"""Time, row and column of a token within its part, each in [0, 1]."""


class MediaIn(nn.Module):
    """Latents of pictures, clips and sounds to tokens of the encoder's width.

        c f h w -> patches of p x p cells      n (c p p)
                -> linear, plus the place      n d
        c l     -> patches of q latents        n (c q)
                -> linear, plus the place      n d

    Not given by the paper, where a multimodal language model has encoders of its own. Latents are
    read in the place of pixels, because they are there already for the pixel path (eq. 8).
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.config = config
        width, image, audio = config.width, config.image_channels, config.audio_channels
        self.image = nn.Linear(image * config.image_patch**2, width) if image else None
        self.audio = nn.Linear(audio * config.audio_patch, width) if audio else None
        self.kinds = nn.Parameter(0.5 * torch.randn(3, width))
        self.place = nn.Linear(_NUM_PLACES, width, bias=False)

    def forward(self, part: Part) -> Float[Tensor, "n d"]:
        """Embed one part.

        Args:
            part: A picture, a clip or a sound; words have no tokens here.

        Returns:
            Its tokens, frame by frame and row by row; none if the network does not read its kind.
        """
        if isinstance(part, ImagePart) and self.image is not None:
            return self._seen(part.latents[:, None], self.kinds[0])
        if isinstance(part, ClipPart) and self.image is not None:
            return self._seen(part.latents[:, :: self.config.clip_stride], self.kinds[1])
        if isinstance(part, AudioPart) and self.audio is not None:
            size = self.config.audio_patch
            padded = functional.pad(part.latents, (0, -part.latents.shape[1] % size))
            patches = rearrange(padded, "c (n q) -> n (c q)", q=size)
            places = _places(patches.shape[0], 1, 1).to(patches)
            return self.audio(patches) + self.kinds[2] + self.place(places)
        return self.kinds.new_zeros(0, self.config.width)

    def num_tokens(self, part: Part) -> int:
        """How many tokens ``forward`` gives, without computing them."""
        size = self.config.image_patch
        if isinstance(part, ImagePart) and self.image is not None:
            return -(-part.latents.shape[1] // size) * -(-part.latents.shape[2] // size)
        if isinstance(part, ClipPart) and self.image is not None:
            frames = -(-part.latents.shape[1] // self.config.clip_stride)
            rows, columns = (-(-side // size) for side in part.latents.shape[2:])
            return frames * rows * columns
        if isinstance(part, AudioPart) and self.audio is not None:
            return -(-part.latents.shape[1] // self.config.audio_patch)
        return 0

    def _seen(
        self, latents: Float[Tensor, "c f h w"], kind: Float[Tensor, " d"]
    ) -> Float[Tensor, "n d"]:
        size = self.config.image_patch
        below, right = -latents.shape[2] % size, -latents.shape[3] % size
        padded = functional.pad(latents, (0, right, 0, below))
        patches = rearrange(padded, "c f (h p) (w q) -> f h w (c p q)", p=size, q=size)
        places = _places(*patches.shape[:3]).to(patches)
        embedded = functional.linear(patches.flatten(0, 2), *self._image_weights())
        return embedded + kind + self.place(places)

    def _image_weights(self) -> tuple[Tensor, Tensor | None]:
        if self.image is None:
            raise ValueError("pictures need image_channels, got 0; load an encoder that reads them")
        return self.image.weight, self.image.bias


def _places(frames: int, rows: int, columns: int) -> Float[Tensor, "n 3"]:
    """Where each token stands within its part: the middles of equal steps from 0 to 1."""
    axes = [(torch.arange(count) + 0.5) / count for count in (frames, rows, columns)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)
