"""Parameter groups, the learning rate over a run, and the optimiser's state by name."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from openreels.core.errors import CheckpointError
from openreels.training.config import OptimConfig

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW remembers of a parameter."""


def make_optimizer(network: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only.

    Args:
        network: Its parameters that require gradients are trained.
        config: Rates.

    Returns:
        The optimiser; the fused kernel, which is the fast one on a CPU too.
    """
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr,
        betas=config.betas,
        fused=True,
    )


def learning_rate(config: OptimConfig, step: int, progress: float) -> float:
    """Learning rate of one step: warm-up, constant, and a fall at the end.

    Args:
        config: Rates.
        step: Steps done before this one.
        progress: Share of the run that is done, in steps or in time, in [0, 1].

    Returns:
        The rate, > 0.
    """
    rate = config.lr * min(1.0, (step + 1) / max(1, config.warmup_steps))
    begin = 1 - config.anneal_fraction
    if config.anneal_fraction == 0 or progress <= begin:
        return rate
    done = min(1.0, (progress - begin) / config.anneal_fraction)
    fall = done if config.anneal == "linear" else (1 - math.cos(math.pi * done)) / 2
    return rate * (1 - fall * (1 - config.final_lr_share))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_state(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """What the optimiser remembers, as ``<moment>/<parameter name>``; empty before a first step."""
    return {
        f"{moment}/{name}": optimizer.state[parameter][moment]
        for name, parameter in network.named_parameters()
        if parameter in optimizer.state
        for moment in MOMENTS
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, network: nn.Module, state: Mapping[str, Tensor]
) -> None:
    """Give the optimiser back what ``optimizer_state`` took.

    Args:
        optimizer: A new optimiser of the same parameters.
        network: The network whose parameters it trains.
        state: Moments by name.

    Raises:
        CheckpointError: If a moment of a parameter is missing, or one belongs to no parameter.
    """
    left = dict(state)
    for name, parameter in network.named_parameters():
        keys = {moment: f"{moment}/{name}" for moment in MOMENTS}
        present = [key for key in keys.values() if key in left]
        if not present:
            continue
        if len(present) < len(keys):
            missing = sorted(set(keys.values()) - set(present))
            raise CheckpointError(f"the optimiser's state has no {missing[0]}; use another file")
        moments = {moment: left.pop(key) for moment, key in keys.items()}
        optimizer.state[parameter] = {
            moment: value.to(parameter.device).clone() for moment, value in moments.items()
        }
    if left:
        raise CheckpointError(
            f"the optimiser's state has {sorted(left)[0]}, which belongs to no parameter; "
            "use the checkpoint of this network"
        )
