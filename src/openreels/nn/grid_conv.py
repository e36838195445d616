"""What lies next to a token on the grid of a clip, seen by convolution before attention."""

from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.nn.modulation import AdaLN, modulate
from openreels.nn.norm import layer_norm

NEAR_TAPS = 27
"""Cells that one convolution sees: 3 x 3 x 3."""


class GridConv(nn.Module):
    """A few convolutions of 3x3x3 cells of the grid: every token learns what is near it.

    How things move against each other is seen between neighbours in space and time, and attention
    has to learn first what a neighbour is. Frames are images of a 2-D convolution whose channels
    hold the frame before and the one behind as well: on CPUs that is several times faster than 3-D
    convolutions. Outside the grid there are zeros. Ours.

    Args:
        num_in: Channels of a token as the network is given it.
        width: Channels of a token inside the network.
        hidden: Channels between the convolutions.
        depth: Convolutions, >= 1; the reach is as many cells to each side.
        num_truths: Numbers that a token tells of what is true, from what is near it alone.
    """

    def __init__(
        self, num_in: int, width: int, *, hidden: int, depth: int, num_truths: int = 0
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(3 * num_in, hidden, 3, padding=1)
        self.later = nn.ModuleList([
            nn.Conv2d(3 * hidden, hidden, 3, padding=1) for _ in range(depth - 1)
        ])
        self.modulation = nn.Linear(width, 2 * hidden * depth)
        self.grid_out = nn.Linear(hidden, width)
        self.truth = nn.Linear(hidden, num_truths) if num_truths else None

    def forward(
        self,
        tokens: Float[Tensor, "b n p"],
        features: Float[Tensor, "b w"],
        grid: tuple[int, int, int],
    ) -> Float[Tensor, "b n w"]:
        """Look around every token.

        Args:
            tokens: In the order frame, row, column.
            features: What the noise level and the prompt say, for modulations in between.
            grid: Frames, rows and columns.

        Returns:
            Updates of the tokens; zero in a new network.
        """
        return self.grid_out(self._seen(tokens, features, grid))

    def tell(
        self,
        tokens: Float[Tensor, "b n p"],
        features: Float[Tensor, "b w"],
        grid: tuple[int, int, int],
    ) -> Float[Tensor, "b n k"] | None:
        """Read off what is near what is true, as logits; arguments as for ``forward``."""
        if self.truth is None:
            return None
        return self.truth(layer_norm(self._seen(tokens, features, grid)))

    def _seen(
        self,
        tokens: Float[Tensor, "b n p"],
        features: Float[Tensor, "b w"],
        grid: tuple[int, int, int],
    ) -> Float[Tensor, "b n m"]:
        """What the convolutions find, before the last layer; arguments as for ``forward``."""
        shifts, scales = self.modulation(features).unsqueeze(1).chunk(2, dim=-1)
        ada = [
            AdaLN(shift, 1 + scale, scale)
            for shift, scale in zip(
                *(x.chunk(len(self.later) + 1, dim=-1) for x in (shifts, scales)), strict=True
            )
        ]
        hidden = _convolved(self.first, tokens, grid)
        for conv, one in zip(self.later, ada, strict=False):
            active = nn.functional.silu(modulate(layer_norm(hidden), one))
            hidden = hidden + _convolved(cast(nn.Conv2d, conv), active, grid)
        return nn.functional.silu(modulate(layer_norm(hidden), ada[-1]))


def _convolved(
    conv: nn.Conv2d, tokens: Float[Tensor, "b n c"], grid: tuple[int, int, int]
) -> Float[Tensor, "b n d"]:
    """Convolve every frame with the ones beside it."""
    frames, rows, columns = grid
    images = rearrange(tokens, "b (f h w) c -> b f c h w", f=frames, h=rows, w=columns)
    padded = nn.functional.pad(images, (0, 0, 0, 0, 0, 0, 1, 1))
    beside = torch.cat([padded[:, :-2], images, padded[:, 2:]], dim=2)
    out = conv(rearrange(beside, "b f c h w -> (b f) c h w"))
    return rearrange(out, "(b f) d h w -> b (f h w) d", b=tokens.shape[0])
