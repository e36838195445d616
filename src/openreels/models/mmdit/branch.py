"""One branch of the twin MMDiT: what stands around its blocks, and the blocks."""

import math
from typing import cast

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import Context
from openreels.core.modality import BranchInput
from openreels.models.mmdit.block import NUM_SUBLAYERS, NUM_TEXT_SUBLAYERS, Block, Hidden
from openreels.models.mmdit.config import MMDiTConfig
from openreels.nn.grid_conv import GridConv
from openreels.nn.modulation import AdaLN, Modulation, modulate
from openreels.nn.norm import layer_norm


class Head(nn.Module):
    """Tokens to velocities, after a last adaLN."""

    def __init__(self, width: int, num_channels: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, num_channels)

    def forward(
        self, tokens: Float[Tensor, "b n w"], features: Float[Tensor, "b w"]
    ) -> Float[Tensor, "b n p"]:
        """Normalise, modulate and project."""
        shift, scale = self.modulation(features).unsqueeze(1).chunk(2, dim=-1)
        return self.out(modulate(layer_norm(tokens), AdaLN(shift, 1 + scale, scale)))


class Branch(nn.Module):
    """Everything that one modality owns."""

    def __init__(
        self,
        config: MMDiTConfig,
        *,
        num_in: int,
        num_out: int,
        num_truths: int,
        gated: bool = False,
        near: GridConv | None = None,
    ) -> None:
        super().__init__()
        width, kind = config.width, config.modulation
        self.token_in = nn.Linear(num_in, width)
        self.near = near
        self.context_in = nn.Linear(config.context_width, width)
        self.modulation = Modulation(
            width, num_blocks=config.depth, num_sublayers=NUM_SUBLAYERS, kind=kind
        )
        self.text_modulation = Modulation(
            width, num_blocks=config.num_dual, num_sublayers=NUM_TEXT_SUBLAYERS, kind=kind
        )
        self.blocks = nn.ModuleList([
            Block(config, dual=index < config.num_dual, gated=gated)
            for index in range(config.depth)
        ])
        self.head = Head(width, num_out)
        self.truth = nn.Linear(width, num_truths) if num_truths else None

    def enter(self, tokens: Float[Tensor, "b m p"], context: Context) -> Hidden:
        """Bring tokens and prompt to the width of the branch."""
        return Hidden(self.token_in(tokens), self.context_in(layer_norm(context)))

    def look_around(
        self,
        entered: Float[Tensor, "b m w"],
        given: BranchInput,
        tokens: Float[Tensor, "b m p"],
        features: Float[Tensor, "b w"],
    ) -> Float[Tensor, "b m w"]:
        """Add to the tokens of the clip what is near them on its grid, and so for keyframes.

        Args:
            entered: Tokens at the width of the branch.
            given: Where the grid is.
            tokens: Tokens as they were given.
            features: What the noise level and the prompt say.

        Returns:
            The tokens; those of references as they were.

        Raises:
            ValueError: If there is no grid.
        """
        if self.near is None:
            return entered
        first, last, grid = _grid_of(given)
        update = self.near(tokens[:, first:last], features, grid)
        if given.beside is not None:
            some = tokens[:, last : last + math.prod(given.beside)]
            update = torch.cat([update, self._alone(some, features, given.beside)], dim=1)
        behind = entered.shape[1] - first - update.shape[1]
        return entered + nn.functional.pad(update, (0, 0, first, behind))

    def _alone(
        self,
        tokens: Float[Tensor, "b m p"],
        features: Float[Tensor, "b w"],
        grid: tuple[int, int, int],
    ) -> Float[Tensor, "b m w"]:
        """What is near the tokens of keyframes, each of which has nothing before or behind it."""
        if self.near is None:
            raise ValueError("what is near a token is seen by convolutions, got none")
        count, rows, columns = grid
        update = self.near(
            rearrange(tokens, "b (k n) p -> (b k) n p", k=count),
            repeat(features, "b w -> (b k) w", k=count),
            (1, rows, columns),
        )
        return rearrange(update, "(b k) n w -> b (k n) w", k=count)

    def tell_near(
        self, given: BranchInput, features: Float[Tensor, "b w"]
    ) -> Float[Tensor, "b n k"] | None:
        """Tell of the tokens of the clip what is true by what is near them, as logits."""
        if self.near is None:
            return None
        first, last, grid = _grid_of(given)
        return self.near.tell(given.tokens[:, first:last], features, grid)

    def tell(self, tokens: Float[Tensor, "b n w"]) -> Float[Tensor, "b n k"] | None:
        """Read off tokens on their way what is true of them, as logits."""
        return None if self.truth is None else self.truth(layer_norm(tokens))

    def block(self, index: int) -> Block:
        """Return one block, by its place."""
        return cast(Block, self.blocks[index])

    def modulations(self, features: Float[Tensor, "b w"]) -> list[tuple[list[AdaLN], list[AdaLN]]]:
        """Modulations of tokens and text by block; single blocks share theirs with the text."""
        tokens = self.modulation(features)
        text = self.text_modulation(features)
        return list(zip(tokens, text + tokens[len(text) :], strict=True))


def _grid_of(given: BranchInput) -> tuple[int, int, tuple[int, int, int]]:
    """First token of the grid, first token behind it, and its sides."""
    if given.grid is None:
        raise ValueError("what is near a token needs the grid of the clip, got None")
    return given.grid_start, given.grid_start + math.prod(given.grid), given.grid
