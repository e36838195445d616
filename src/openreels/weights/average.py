"""The mean of two files of weights: what one run learnt and another kept, in one network.

Weights of runs that began at the same weights may be averaged (Wortsman et al. 2022, *Model soups*,
arXiv 2203.05482; with the weights that a run began at, *Robust fine-tuning of zero-shot models*,
arXiv 2109.01903). Not of the paper.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from openreels.core.errors import CheckpointError
from openreels.weights.lora import read_any_header
from openreels.weights.tensors import read_header, read_tensors, write_tensors

TAUGHT = "taught"
"""What of the metadata both files add to: the tasks that they were trained for."""


def average_files(
    first: str | Path, second: str | Path, path: str | Path, *, share: float = 0.5
) -> None:
    """Write the mean of two files of one network, or of low-rank changes of one, atomically.

    Of low-rank changes both factors are averaged, not their products: that is a mean of the changes
    only as far as both runs are near to where they began.

    Args:
        first: Weights, or low-rank changes.
        second: The same of the same config.
        path: A ``.safetensors`` file; replaced when it exists.
        share: Of the second, in [0, 1]; the first has the rest.

    Raises:
        ValueError: If the share is outside its range.
        CheckpointError: If a file is missing or damaged, or both do not hold the same tensors of
            the same network. Then nothing is written.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be in [0, 1], got {share:g}")
    first, second = Path(first), Path(second)
    one, other = read_any_header(first), read_any_header(second)
    alike = (type(one), one.network, one.config) == (type(other), other.network, other.config)
    tensors, others = read_tensors(first)[0], read_tensors(second)[0]
    if not alike or _shapes(tensors) != _shapes(others):
        raise CheckpointError(
            f"only weights of one network and config have a mean, {first} and {second} differ; "
            "choose two files of runs with one beginning"
        )
    made = {name: _mean(tensor, others[name], share) for name, tensor in tensors.items()}
    told = _story(one.metadata, other.metadata, share)
    write_tensors(Path(path), made, read_header(first) | {"metadata": told})


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _mean(first: Tensor, second: Tensor, share: float) -> Tensor:
    if not first.is_floating_point():
        return first if share < 0.5 else second  # counters and indices have no mean
    return torch.lerp(first.double(), second.double(), share).to(first.dtype)


def _story(first: Mapping[str, Any], second: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Where the mean comes from; what both say goes on to be true of it."""
    both = {name: value for name, value in first.items() if second.get(name) == value}
    taught = sorted({*first.get(TAUGHT, ()), *second.get(TAUGHT, ())})
    parts = [dict(first) | {"share": round(1 - share, 6)}, dict(second) | {"share": share}]
    return both | ({TAUGHT: taught} if taught else {}) | {"mean_of": parts}
