"""Moving averages of the weights: what a run exports."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of the trainable weights of a network.

    The decay warms up as ``(1 + n) / (10 + n)`` after ``n`` updates, so that the first weights,
    which are noise, are soon forgotten.

    Args:
        network: The average starts at its weights.
        decay: Share of the old average that a late update keeps, in [0, 1].
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self._network = network
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone() for name, parameter in network.named_parameters()
        }
        """The average, by parameter name."""

    def decay_at(self, num_updates: int) -> float:
        """Share of the old average that update number ``num_updates`` (from 0) keeps."""
        return min(self.decay, (1 + num_updates) / (10 + num_updates))

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network's weights."""
        share = 1 - self.decay_at(self.num_updates)
        own = list(self.weights.values())
        torch._foreach_lerp_(own, list(self._network.parameters()), share)  # pyright: ignore[reportPrivateImportUsage]
        self.num_updates += 1

    def state(self) -> dict[str, Tensor]:
        """The network's whole state with the averaged weights in the place of its own."""
        return {**self._network.state_dict(), **self.weights}

    @torch.no_grad()
    def restore(self, weights: Iterable[tuple[str, Tensor]], num_updates: int) -> None:
        """Take the average and the count of a checkpoint."""
        for name, tensor in weights:
            self.weights[name].copy_(tensor)
        self.num_updates = num_updates
