"""Parameter groups, the learning rate over a run, and the optimiser's state by name."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from openreels.core.errors import CheckpointError
from openreels.training.config import OptimConfig
from openreels.training.muon import MEMORY, Muon

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW remembers of a parameter."""
STACKED = ("qkv", "kv")
"""Layers whose weight is several square matrices, one below the other."""


class Together(torch.optim.Optimizer):
    """Several optimisers, each of parameters of its own, that step as one.

    Args:
        optimizers: Their groups and their state become those of this one.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        super().__init__([group for one in optimizers for group in one.param_groups], {})
        self.optimizers = tuple(optimizers)
        for one in optimizers:
            one.state = self.state

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Let every optimiser take its step."""
        loss = None if closure is None else closure()
        for one in self.optimizers:
            one.step()
        return loss


def make_optimizer(
    network: nn.Module, config: OptimConfig, *, bf16: bool = False
) -> torch.optim.Optimizer:
    """AdamW, or Muon for the hidden matrices and AdamW for the rest; only matrices decay.

    Args:
        network: Its parameters that require gradients are trained.
        config: Kind and rates.
        bf16: Whether Muon computes in bfloat16.

    Returns:
        The optimiser; of AdamW the fused kernel, which is the fast one on a CPU too.
    """
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    is_muon = config.kind == "muon"
    hidden = {name: p for name, p in trained.items() if is_muon and is_hidden(name, p)}
    others = [p for name, p in trained.items() if name not in hidden]
    groups = [
        {"params": [p for p in others if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr,
        betas=config.betas,
        fused=True,
    )
    if not hidden:
        return adam
    by_pieces: dict[int, list[Tensor]] = {}
    for name, parameter in hidden.items():
        by_pieces.setdefault(num_pieces(name, parameter), []).append(parameter)
    muon = Muon(
        [
            {"params": members, "pieces": pieces, "factor": config.hidden_rate}
            for pieces, members in sorted(by_pieces.items())
        ],
        lr=config.lr * config.hidden_rate,
        weight_decay=config.weight_decay,
        bf16=bf16,
    )
    return Together([adam, muon])


def is_hidden(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is the weight of a linear layer inside a block, and no modulation.

    Convolutions of what is near count too, but for the first, which sees the tokens themselves.
    """
    parts = name.split(".")
    if parts[-1] != "weight" or any("modulation" in part for part in parts):
        return False
    if "near" in parts:
        return "later" in parts
    return "blocks" in parts and parameter.ndim == 2


def num_pieces(name: str, parameter: Tensor) -> int:
    """Square matrices in a hidden weight: 3 in a ``qkv`` of (3w, w), 2 in a ``kv`` of (2w, w)."""
    rows, columns = len(parameter), parameter[0].numel()
    is_stacked = name.split(".")[-2] in STACKED and rows % columns == 0
    return rows // columns if is_stacked else 1


def is_annealing(config: OptimConfig, progress: float) -> bool:
    """Whether the rate falls at a share of the run in [0, 1]."""
    return config.anneal_fraction > 0 and progress > 1 - config.anneal_fraction


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
    if not is_annealing(config, progress):
        return rate
    done = min(1.0, (progress - 1) / config.anneal_fraction + 1)
    fall = done if config.anneal == "linear" else (1 - math.cos(math.pi * done)) / 2
    return rate * (1 - fall * (1 - config.final_lr_share))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, times the ``factor`` of a group that has one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)


def optimizer_state(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """What the optimiser remembers, as ``<moment>/<parameter name>``; empty before a first step."""
    remembered = _remembered(optimizer)
    return {
        f"{moment}/{name}": optimizer.state[parameter][moment]
        for name, parameter in network.named_parameters()
        if parameter in optimizer.state
        for moment in remembered[parameter]
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
    remembered = _remembered(optimizer)
    for name, parameter in network.named_parameters():
        keys = {moment: f"{moment}/{name}" for moment in remembered.get(parameter, ())}
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


def _remembered(optimizer: torch.optim.Optimizer) -> dict[Tensor, tuple[str, ...]]:
    return {
        parameter: MEMORY if "pieces" in group else MOMENTS
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
