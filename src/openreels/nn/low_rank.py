"""Low-rank changes of linear layers (LoRA, Hu et al. 2021, arXiv 2106.09685). Not of the paper."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

PART = "parametrizations.weight."
"""What stands in the name of a parameter between its layer and ``original`` or ``0.down``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LowRankConfig:
    """How much may change.

    Raises:
        ValueError: If a number is not positive.
    """

    rank: int = 16
    """Rank of every change, >= 1."""
    alpha: float = 16.0
    """The change is ``alpha / rank`` times the product of both factors, > 0."""

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.alpha > 0:
            raise ValueError(
                f"rank must be at least 1 and alpha positive, got {self.rank} and {self.alpha:g}"
            )


class LowRank(nn.Module):
    """A weight plus the scaled product of two factors, the second of which starts at zero.

    Args:
        num_out: Rows of the weight.
        num_in: Columns of the weight.
        config: Rank and scale.
        generator: CPU source of the first factor; None takes the global one.
    """

    def __init__(
        self,
        num_out: int,
        num_in: int,
        config: LowRankConfig,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.scale = config.alpha / config.rank
        first = torch.randn(config.rank, num_in, generator=generator) * num_in**-0.5
        self.down = nn.Parameter(first)
        self.up = nn.Parameter(torch.zeros(num_out, config.rank))

    def forward(self, weight: Float[Tensor, "o i"]) -> Float[Tensor, "o i"]:
        """Add the change."""
        return torch.addmm(weight, self.up, self.down, alpha=self.scale)


def is_target(layer: nn.Module, rank: int) -> bool:
    """Whether a layer is linear and two factors of that rank are fewer numbers than its weight."""
    if not isinstance(layer, nn.Linear):
        return False
    return rank * (layer.in_features + layer.out_features) < layer.in_features * layer.out_features


def add_low_rank(
    network: nn.Module, config: LowRankConfig, *, generator: torch.Generator | None = None
) -> tuple[str, ...]:
    """Freeze a network and give its linear layers changes of low rank, which alone are trained.

    At first nothing changes: one factor of every product is zero.

    Args:
        network: Changed in place.
        config: Rank and scale.
        generator: CPU source of the factors that are not zero; None takes the global one.

    Returns:
        Names of the layers.

    Raises:
        ValueError: If the rank is too large for every layer.
    """
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and is_target(layer, config.rank)
    }
    if not layers:
        raise ValueError(
            f"rank must be small enough that two factors are fewer numbers than a layer, got "
            f"{config.rank}, which is too large for every layer; lower it"
        )
    network.requires_grad_(False)
    for layer in layers.values():
        change = LowRank(*(layer.out_features, layer.in_features), config, generator=generator).to(
            layer.weight
        )
        parametrize.register_parametrization(layer, "weight", change)
    return tuple(layers)


def low_rank_factors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pick the factors out of a network's state, under the names that LoRA files have.

    Args:
        state: Tensors by the names of ``state_dict``.

    Returns:
        ``LAYER.lora_A.weight`` of (rank, in) and ``LAYER.lora_B.weight`` of (out, rank).
    """
    names = {f"{PART}0.down": "lora_A.weight", f"{PART}0.up": "lora_B.weight"}
    return {
        name.removesuffix(ending) + as_file: tensor
        for ending, as_file in names.items()
        for name, tensor in state.items()
        if name.endswith(ending)
    }
