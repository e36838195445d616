"""Parts of the video autoencoder: patches of pixels, residual blocks, maps for both frame kinds."""

from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from openreels.core.shapes import TEMPORAL_STRIDE
from openreels.nn.causal_conv import CausalConv, PointwiseConv


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A part of a piece of a stream whose frames are grouped alike."""

    name: Literal["first", "rest"]
    """The first frame of a clip, or groups of frames."""
    part: slice
    """Where the part is in the piece."""
    num_frames: int
    """Frames of one latent."""


def patches_of(
    frames: Float[Tensor, "b f y x v"], *, num_frames: int, side: int
) -> Float[Tensor, "b g h w p"]:
    """Gather blocks of ``num_frames`` frames of ``side`` x ``side`` positions into one position."""
    return rearrange(
        frames, "b (g t) (h p) (w q) v -> b g h w (t p q v)", t=num_frames, p=side, q=side
    )


def frames_of(
    patches: Float[Tensor, "b g h w p"], *, num_frames: int, side: int
) -> Float[Tensor, "b f y x v"]:
    """Lay gathered blocks out again; the inverse of ``patches_of``."""
    return rearrange(
        patches, "b g h w (t p q v) -> b (g t) (h p) (w q) v", t=num_frames, p=side, q=side
    )


def kinds_of(num_frames: int, *, starts: bool, group: int = TEMPORAL_STRIDE) -> list[Kind]:
    """The parts of a piece of a stream: the first frame, if it starts there, and the groups.

    Args:
        num_frames: Frames of the piece; latents when ``group`` is 1.
        starts: Whether the piece begins the clip.
        group: Frames of one group.

    Returns:
        A part each of what there is, in order.
    """
    kinds = [Kind(name="first", part=slice(0, 1), num_frames=1)] if starts else []
    if num_frames > len(kinds):
        kinds.append(Kind(name="rest", part=slice(len(kinds), None), num_frames=group))
    return kinds


class PerKind(nn.Module):
    """Two linear maps: one for the latent of the first frame, one for those of four frames."""

    def __init__(self, first: tuple[int, int], rest: tuple[int, int]) -> None:
        super().__init__()
        self.first = PointwiseConv(*first)
        self.rest = PointwiseConv(*rest)

    def gathered(
        self, frames: Float[Tensor, "b f y x v"], *, starts: bool, side: int
    ) -> Float[Tensor, "b g h w o"]:
        """Map frames to latent positions: one for a whole block of frames, rows and columns."""
        return torch.cat(
            [
                getattr(self, kind.name)(
                    patches_of(frames[:, kind.part], num_frames=kind.num_frames, side=side)
                )
                for kind in kinds_of(frames.shape[1], starts=starts)
            ],
            dim=1,
        )

    def spread(
        self, latents: Float[Tensor, "b g h w i"], *, starts: bool, side: int
    ) -> Float[Tensor, "b f y x v"]:
        """Map latent positions to frames: the other way round."""
        return torch.cat(
            [
                frames_of(
                    getattr(self, kind.name)(latents[:, kind.part]),
                    num_frames=kind.num_frames,
                    side=side,
                )
                for kind in kinds_of(latents.shape[1], starts=starts)
            ],
            dim=1,
        )

    def forward(self, x: Float[Tensor, "b g h w i"], *, starts: bool) -> Float[Tensor, "b g h w o"]:
        """Map latent positions to latent positions."""
        return torch.cat(
            [
                getattr(self, kind.name)(x[:, kind.part])
                for kind in kinds_of(x.shape[1], starts=starts)
            ],
            dim=1,
        )


class Block(nn.Module):
    """Residual block: ``x + out(silu(conv(norm(x))))``; at the start of training it is ``x``.

    The norm is over the channels of one position, so that neither time nor the size of the picture
    enters it.
    """

    def __init__(self, width: int, *, looks_back: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = CausalConv(width, width, looks_back=looks_back)
        self.out = PointwiseConv(width, width)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, x: Float[Tensor, "b f h w d"], carried: Float[Tensor, "b 1 h w d"] | None = None
    ) -> tuple[Float[Tensor, "b f h w d"], Float[Tensor, "b 1 h w d"] | None]:
        """Refine a piece of a stream; returns it and what the next call is to be given."""
        hidden, carried = self.conv(self.norm(x), carried)
        return x + self.out(silu(hidden)), carried
