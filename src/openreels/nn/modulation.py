"""Adaptive layer norm: the noise level sets shift, scale and gate of every sub-layer."""

from typing import Literal, NamedTuple, TypeAlias

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

ModulationKind: TypeAlias = Literal["table", "linear"]
"""How blocks differ: by a learned table, or by a linear layer of their own."""


class Clean(NamedTuple):
    """What noise level 0 asks of one sub-layer, for the tokens that carry no noise."""

    shift: Float[Tensor, "b 1 d"]
    """Added to the normalised input."""
    scale: Float[Tensor, "b 1 d"]
    """Multiplies the normalised input."""
    gate: Float[Tensor, "b 1 d"]
    """Multiplies the update."""
    where: Bool[Tensor, "b n 1"] | int
    """True at the tokens without noise; or how many there are, at the start of every sample."""


class AdaLN(NamedTuple):
    """What the noise level asks of one sub-layer."""

    shift: Float[Tensor, "b 1 d"]
    """Added to the normalised input."""
    scale: Float[Tensor, "b 1 d"]
    """Multiplies the normalised input; 1 at initialisation."""
    gate: Float[Tensor, "b 1 d"]
    """Multiplies the update; 0 at initialisation."""
    clean: Clean | None = None
    """What takes the place of all three at tokens without noise; None: there are none."""


def modulate(normalised: Float[Tensor, "b n d"], ada: AdaLN) -> Float[Tensor, "b n d"]:
    """Scale and shift the normalised input of a sub-layer."""
    shift, scale, clean = ada.shift, ada.scale, ada.clean
    if clean is None:
        return torch.addcmul(shift, normalised, scale)
    if isinstance(clean.where, int):
        still, noisy = normalised.tensor_split([clean.where], dim=1)
        parts = (torch.addcmul(clean.shift, still, clean.scale), torch.addcmul(shift, noisy, scale))
        return torch.cat(parts, dim=1)
    shift = torch.where(clean.where, clean.shift, shift)
    return torch.addcmul(shift, normalised, torch.where(clean.where, clean.scale, scale))


def add_gated(
    tokens: Float[Tensor, "b n d"], update: Float[Tensor, "b n d"], ada: AdaLN
) -> Float[Tensor, "b n d"]:
    """Add the update of a sub-layer through its gate."""
    gate, clean = ada.gate, ada.clean
    if clean is None:
        return torch.addcmul(tokens, update, gate)
    if isinstance(clean.where, int):
        pairs = ((slice(None, clean.where), clean.gate), (slice(clean.where, None), gate))
        parts = [torch.addcmul(tokens[:, part], update[:, part], own) for part, own in pairs]
        return torch.cat(parts, dim=1)
    return torch.addcmul(tokens, update, torch.where(clean.where, clean.gate, gate))


def leading(
    marked: Bool[Tensor, "b n"], attendable: Bool[Tensor, "b n"] | None
) -> Bool[Tensor, "b n 1"] | int:
    """Say shorter where all tokens that are marked stand at the start.

    Args:
        marked: True at some tokens.
        attendable: True where a token may be seen; others count as marked or not, as it suits.
            None means everywhere.

    Returns:
        How many tokens of every sample are marked; where it is not the same start, the marks.
    """
    count = int(marked.any(0).sum())
    at_start = marked if attendable is None else marked | ~attendable
    if bool(at_start[:, :count].all()) and not bool(marked[:, count:].any()):
        return count
    return marked.unsqueeze(-1)


def with_clean(noisy: AdaLN, still: AdaLN, where: Bool[Tensor, "b n 1"] | int) -> AdaLN:
    """Let tokens without noise be modulated as at noise level 0.

    Args:
        noisy: Of the noise level of the sample.
        still: Of noise level 0.
        where: True at tokens without noise, or their number at the start (``leading``).

    Returns:
        Both; what is chosen a token is built where it is used and nowhere kept.
    """
    return noisy._replace(clean=Clean(still.shift, still.scale, still.gate, where))


class Modulation(nn.Module):
    """Shift, scale and gate of all sub-layers of all blocks of one stream, in one product.

    ``linear`` is adaLN-Zero of DiT (Peebles and Xie 2022, arXiv 2212.09748): every block reads the
    noise features through weights of its own, ``3 * num_sublayers * width**2`` a block. ``table``
    is adaLN-single of PixArt (Chen et al. 2023, arXiv 2310.00426): one such layer for all blocks,
    plus a learned table a block, which saves about a third of a network's parameters.
    """

    def __init__(
        self, width: int, *, num_blocks: int, num_sublayers: int, kind: ModulationKind
    ) -> None:
        super().__init__()
        self.num_blocks = num_blocks
        self.num_sublayers = num_sublayers
        rows = 3 * num_sublayers
        shared = kind == "table"
        self.linear = nn.Linear(width, (1 if shared else num_blocks) * rows * width)
        self.table = nn.Parameter(torch.zeros(num_blocks, rows, width)) if shared else None

    def forward(self, features: Float[Tensor, "b d"]) -> list[list[AdaLN]]:
        """Compute what each block and sub-layer needs from the noise features.

        Returns:
            By block, then by sub-layer.
        """
        values = rearrange(
            self.linear(features), "b (l r d) -> l r b 1 d", r=3 * self.num_sublayers, d=self.width
        )
        if self.table is not None:
            values = values + self.table[:, :, None, None, :]
        values = rearrange(values, "l (s t) b 1 d -> t (l s) b 1 d", t=3)
        shifts, scales, gates = values.unbind(0)
        flat = [
            AdaLN(*parts)
            for parts in zip(shifts.unbind(0), (1 + scales).unbind(0), gates.unbind(0), strict=True)
        ]
        size = self.num_sublayers
        return [flat[start : start + size] for start in range(0, len(flat), size)]

    @property
    def width(self) -> int:
        """Channels of a token."""
        return self.linear.in_features
