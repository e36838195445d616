"""A whole run in one file: weights, averages, optimiser, position. No pickle, no random state.

Every draw follows from the seed and the step, so a run that goes on from here is bit for bit the
run that was never interrupted.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from openreels.core.config import from_dict, to_dict
from openreels.core.errors import CheckpointError
from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.training.buckets import BucketSampler, Cursor
from openreels.training.config import TrainConfig
from openreels.training.ema import WeightAverage
from openreels.training.optimizer import optimizer_state, restore_optimizer
from openreels.weights.checkpoint import load_state
from openreels.weights.tensors import read_tensors, write_tensors

FORMAT = 1
"""Version of the layout."""

logger = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class TrainState:
    """All that changes while a run goes on."""

    network: MMDiT
    """What is trained."""
    optimizer: torch.optim.Optimizer
    """Its optimiser."""
    averages: tuple[WeightAverage, ...]
    """Moving averages of the weights, one a decay."""
    sampler: BucketSampler
    """The data and how far it was read."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Seconds spent on them."""


def save_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Write a run to a file, atomically.

    Args:
        path: A ``.safetensors`` file; replaced when it exists.
        state: The run.
        config: Its config, kept in the header.
    """
    tensors = {f"network/{name}": value for name, value in state.network.state_dict().items()}
    for name, value in optimizer_state(state.optimizer, state.network).items():
        tensors[f"optimizer/{name}"] = value
    for index, average in enumerate(state.averages):
        tensors |= {f"average{index}/{name}": value for name, value in average.weights.items()}
    header = {
        "kind": "openreels training",
        "format": FORMAT,
        "config": to_dict(config),
        "step": state.step,
        "seconds": state.seconds,
        "num_updates": [average.num_updates for average in state.averages],
        "cursors": [to_dict(cursor) for cursor in state.sampler.cursors],
    }
    write_tensors(path, tensors, header)


def restore_state(path: Path, state: TrainState, config: TrainConfig) -> None:
    """Put a saved run into a new state of the same config.

    Args:
        path: What ``save_state`` wrote.
        state: A fresh state; changed in place.
        config: The run's config. Rates, steps and data shares may differ from the saved ones, which
            is logged; the model, the seed, the kind of optimiser, the averages, the
            distillation and low-rank changes may not.

    Raises:
        CheckpointError: If the file is damaged, no training state, or of another run.
    """
    tensors, header = read_tensors(path)
    if header.get("kind") != "openreels training" or header.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no training state of this version; choose another file")
    _check_config(path, header["config"], to_dict(config))
    load_state(state.network, _under(tensors, "network/"), path)
    restore_optimizer(state.optimizer, state.network, _under(tensors, "optimizer/"))
    for index, average in enumerate(state.averages):
        weights = _under(tensors, f"average{index}/")
        if weights.keys() != average.weights.keys():
            raise CheckpointError(f"{path} lacks the average number {index}; start a new run")
        average.restore(weights.items(), header["num_updates"][index])
    state.sampler.restore([from_dict(Cursor, cursor) for cursor in header["cursors"]])
    state.step, state.seconds = header["step"], header["seconds"]


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _check_config(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    model = to_dict(from_dict(MMDiTConfig, saved["model"], allow_missing=True))
    lora = saved.get("lora")
    if lora is not None:
        lora = to_dict(from_dict(LowRankConfig, lora, allow_missing=True))
    fixed = {
        "model": (model, wanted["model"]),
        "seed": (saved["seed"], wanted["seed"]),
        "optim.kind": (saved["optim"].get("kind", "adamw"), wanted["optim"]["kind"]),
        "ema_decays": (saved["optim"]["ema_decays"], wanted["optim"]["ema_decays"]),
        "distill": (saved.get("distill"), wanted["distill"]),
        "lora": (lora, wanted["lora"]),
    }
    for name, (old, new) in fixed.items():
        if old != new:
            raise CheckpointError(
                f"{path} is of a run with another {name} ({old}, not {new}); "
                "choose another folder, or start from its weights with init"
            )
    for name in wanted:
        if name not in fixed and saved.get(name) != wanted[name]:
            logger.warning("going on with another %s than before: %s", name, wanted[name])
