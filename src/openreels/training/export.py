"""The averaged weights of a run, written for use: a whole network, or low-rank changes of one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from openreels.core.config import to_dict
from openreels.nn.low_rank import LowRankConfig, low_rank_factors
from openreels.pipelines.fast import FAST_FILE, FAST_LORA_FILE, MARK
from openreels.pipelines.keyframed import KEYFRAMES_FILE, LAG, RESIDUAL
from openreels.pipelines.low_rank import NAMES, REFERENCES_FILE
from openreels.training.checkpoint import TrainState
from openreels.training.config import TrainConfig
from openreels.training.dataset import ShardDataset
from openreels.weights.checkpoint import save_network
from openreels.weights.lora import save_lora


def export_file(config: TrainConfig) -> str:
    """Name of the exported weights: what a model's folder calls them."""
    if config.lora is not None and config.distill is not None:
        return FAST_LORA_FILE
    if config.lora is not None and config.model.keyframes:
        return KEYFRAMES_FILE
    if config.lora is not None:
        return REFERENCES_FILE if NAMES in config.lora.whole else "lora.safetensors"
    return "mmdit.safetensors" if config.distill is None else FAST_FILE


def kept_of(config: LowRankConfig) -> LowRankConfig:
    """What is written of low-rank changes: all but what reads truths, which generates nothing.

    A run may so ask for truths that the base of its changes cannot tell.
    """
    return replace(config, whole=tuple(name for name in config.whole if ".truth." not in name))


def export_weights(folder: Path, state: TrainState, config: TrainConfig) -> None:
    """Write every average of a run, in half precision.

    Args:
        folder: Of the run; the first average has the name of ``export_file``.
        state: The run.
        config: Its config.
    """
    story: dict[str, Any] = {
        "recipe": config.name,
        "steps": state.step,
        "seconds": round(state.seconds),
    }
    if taught := taught_in(state):
        story["taught"] = list(taught)
    if config.distill is not None:
        story |= {MARK: to_dict(config.distill.mark)}
    if config.model.keyframes:
        story |= {LAG: config.sigma.keyframe_lag, RESIDUAL: config.model.residual}
    stem = "lora" if config.lora is not None else "mmdit"
    for index, average in enumerate(state.averages):
        name = f"{stem}-ema{average.decay}.safetensors" if index else export_file(config)
        told = story | {"ema_decay": average.decay}
        if config.lora is not None:
            kept = kept_of(config.lora)
            factors = low_rank_factors(average.state(), kept.whole)
            save_lora(folder / name, state.network, factors, kept, metadata=told)
            continue
        save_network(
            folder / name,
            state.network,
            metadata=told,
            dtype=torch.float16,
            state=average.state(),
        )


def taught_in(state: TrainState) -> tuple[str, ...]:
    """Tasks with references or a source that a run has lessons of, in alphabetical order.

    Args:
        state: The run.

    Returns:
        Rows of ``conditioning.tasks``. A region that moves teaches those that do not.
    """
    found: set[str] = set()
    for bucket in state.sampler.buckets:
        if isinstance(bucket.dataset, ShardDataset):
            found |= bucket.dataset.tasks()
    if "inpaint_moving" in found:
        found.add("inpaint_fixed")
    return tuple(sorted(found))
