"""Low-rank changes of linear layers (LoRA, Hu et al. 2021, arXiv 2106.09685). Not of the paper."""

from collections.abc import Mapping, Sequence
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
    layers: tuple[str, ...] = ()
    """What the names of the layers begin with that change; empty is every linear layer."""
    whole: tuple[str, ...] = ()
    """Names of parameters that are trained themselves, beside the layers and in the place of their
    changes."""

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
        ValueError: If the rank is too large for every layer, or there is no such parameter.
    """
    prefixes = config.layers or ("",)
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and is_target(layer, config.rank)
        if name.startswith(prefixes) and f"{name}.weight" not in config.whole
    }
    if not layers:
        raise ValueError(
            f"rank must be small enough that two factors are fewer numbers than a layer, got "
            f"{config.rank}, which is too large for every layer; lower it"
        )
    known = dict(network.named_parameters())
    unknown = [name for name in config.whole if name not in known]
    if unknown:
        raise ValueError(f"whole must name parameters of the network, got {', '.join(unknown)}")
    network.requires_grad_(False)
    for layer in layers.values():
        change = LowRank(*(layer.out_features, layer.in_features), config, generator=generator).to(
            layer.weight
        )
        parametrize.register_parametrization(layer, "weight", change)
    for name in config.whole:
        known[name].requires_grad_(True)
    return tuple(layers)


def low_rank_factors(state: Mapping[str, Tensor], whole: Sequence[str] = ()) -> dict[str, Tensor]:
    """Pick what is trained out of a network's state, factors under the names that LoRA files have.

    Args:
        state: Tensors by the names of ``state_dict``.
        whole: Names of the parameters that are trained themselves.

    Returns:
        ``LAYER.lora_A.weight`` of (rank, in) and ``LAYER.lora_B.weight`` of (out, rank), and the
        whole parameters under their own names.
    """
    names = {f"{PART}0.down": "lora_A.weight", f"{PART}0.up": "lora_B.weight"}
    factors = {
        name.removesuffix(ending) + as_file: tensor
        for ending, as_file in names.items()
        for name, tensor in state.items()
        if name.endswith(ending)
    }
    return factors | {name: state[name] for name in whole}


@torch.no_grad()
def start_at(network: nn.Module, values: Mapping[str, Tensor], whole: Sequence[str] = ()) -> None:
    """Put changes that were trained before in the place of a network's own.

    Args:
        network: As ``add_low_rank`` left it; changed in place.
        values: Under the names that ``low_rank_factors`` gives, all of them and no other.
        whole: As for ``low_rank_factors``.

    Raises:
        ValueError: If names or shapes differ.
    """
    own = low_rank_factors(network.state_dict(), whole)
    odd = sorted(own.keys() ^ values.keys())
    odd += [name for name in own.keys() & values.keys() if own[name].shape != values[name].shape]
    if odd:
        raise ValueError(f"changes must have the layers and the rank of the run; not so {odd[:5]}")
    for name, tensor in own.items():  # state_dict shares the memory of the parameters
        tensor.copy_(values[name])
