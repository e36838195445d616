"""Low-rank changes on disk: safetensors with the keys of LoRA files, and adding them to a network.

The keys are ``LAYER.lora_A.weight`` and ``LAYER.lora_B.weight``, as in the field's files, and the
names of parameters that were trained as a whole; the header says of which network they are, their
scale, and a story. Not of the paper.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from openreels.core.config import from_dict, to_dict
from openreels.core.errors import CheckpointError
from openreels.models.registry import name_of
from openreels.nn.low_rank import LowRankConfig
from openreels.weights.checkpoint import NetworkHeader, checked_header
from openreels.weights.tensors import (
    as_dtype,
    check_format,
    read_header,
    read_tensors,
    write_tensors,
)

T = TypeVar("T", bound=nn.Module)
FORMAT = 1
"""Version of the layout; a reader refuses what it does not know."""
KIND = "openreels lora"
"""What the header says that the file is."""
_EARLIER: dict[str, Any] = {"layers": [], "whole": []}
"""What files say that were written before there was a choice of layers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraHeader:
    """What a file of low-rank changes says about itself."""

    network: str
    """Name in ``models.registry`` of the network that it changes."""
    config: LowRankConfig
    """Rank and scale."""
    metadata: dict[str, Any]
    """Whatever the writer told."""


def save_lora(
    path: str | Path,
    network: nn.Module,
    factors: Mapping[str, Tensor],
    config: LowRankConfig,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write low-rank changes to one file in half precision, atomically.

    Args:
        path: A ``.safetensors`` file; replaced when it exists.
        network: The registered network that they change.
        factors: As ``nn.low_rank.low_rank_factors`` gives them, with whole parameters.
        config: Rank and scale.
        metadata: JSON values that tell where they come from.

    Raises:
        ValueError: If the network is not registered, or there is no factor.
    """
    if not factors:
        raise ValueError("a LoRA file must hold changes, got none; add them to the network first")
    write_lora(
        path,
        factors,
        LoraHeader(network=name_of(network), config=config, metadata=dict(metadata or {})),
    )


def write_lora(path: str | Path, tensors: Mapping[str, Tensor], header: LoraHeader) -> None:
    """Write low-rank changes under a header that is at hand, in half precision, atomically.

    Args:
        path: A ``.safetensors`` file; replaced when it exists.
        tensors: As ``read_lora`` gives them.
        header: What the file is to say about itself.
    """
    told = {
        "kind": KIND,
        "format": FORMAT,
        "network": header.network,
        "config": to_dict(header.config),
        "metadata": header.metadata,
    }
    write_tensors(Path(path), as_dtype(tensors, torch.float16), told)


def read_any_header(path: str | Path) -> LoraHeader | NetworkHeader:
    """Read what a file of low-rank changes or of whole weights says about itself.

    Raises:
        CheckpointError: If the file is missing, damaged or neither.
    """
    path = Path(path)
    header = read_header(path)
    return _checked(path, header) if header.get("kind") == KIND else checked_header(path, header)


def read_lora_header(path: str | Path) -> LoraHeader:
    """Read what a file of low-rank changes says about itself.

    Raises:
        CheckpointError: If the file is missing, damaged or no such file.
    """
    return _checked(Path(path), read_header(Path(path)))


def read_lora(path: str | Path) -> tuple[dict[str, Tensor], LoraHeader]:
    """Read low-rank changes as stored, on the CPU, and what the file says about itself.

    Raises:
        CheckpointError: If the file is missing, damaged or no such file.
    """
    tensors, header = read_tensors(Path(path))
    return tensors, _checked(Path(path), header)


def _checked(path: Path, header: Mapping[str, Any]) -> LoraHeader:
    if header.get("kind") != KIND:
        raise CheckpointError(
            f"{path} must hold low-rank changes, it holds something else; choose a file that "
            "openreels train wrote for a run with lora"
        )
    check_format(path, header, FORMAT)
    try:
        return LoraHeader(
            network=str(header["network"]),
            config=from_dict(LowRankConfig, _EARLIER | header["config"]),
            metadata=dict(header["metadata"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the header of {path} does not fit: {error}") from error


def copy_to_change(network: T, tensors: Mapping[str, Tensor]) -> T:
    """A copy of a network that may be changed; what the changes leave alone is shared with it.

    Args:
        network: Stays as it is; frozen, since what is shared should not learn in two places.
        tensors: What ``read_lora`` gave.

    Returns:
        The copy, without the changes.
    """
    own = {
        f"{name.rsplit('.lora_', 1)[0]}.weight" if ".lora_" in name else name for name in tensors
    }
    shared = {id(value): value for name, value in network.named_parameters() if name not in own}
    return copy.deepcopy(network, shared)


def with_changes(network: T, tensors: Mapping[str, Tensor], header: LoraHeader, source: Path) -> T:
    """A frozen copy of a network with low-rank changes, which shares what they leave alone with it.

    Args:
        network: As for ``copy_to_change``.
        tensors: What ``read_lora`` gave.
        header: The same.
        source: The file, for messages.

    Raises:
        CheckpointError: As ``add_changes``.
    """
    changed = copy_to_change(network, tensors)
    add_changes(changed, tensors, header, source=source)
    return changed.requires_grad_(False)


@torch.no_grad()
def add_changes(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    header: LoraHeader,
    *,
    source: Path,
    scale: float = 1.0,
) -> None:
    """Add low-rank changes to the weights of a network, in its own dtype and in place.

    Parameters that the file holds as a whole go as far towards what it holds.

    Args:
        network: Of the kind that the file was made for; other weights of it than those that the
            changes were trained on are taken as they are.
        tensors: What ``read_lora`` gave.
        header: The same.
        source: The file, for messages.
        scale: How much of the change is added; 0 changes nothing, a negative number takes away.

    Raises:
        CheckpointError: If the file is of another network, or has a layer that the network has not
            or in another shape. Then nothing was changed.
    """
    if header.network != name_of(network):
        raise CheckpointError(
            f"{source} changes the network {header.network}, got {name_of(network)}; choose another"
        )
    weights = {
        name: layer.weight
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear)
    }
    known = dict(network.named_parameters())
    whole = whole_parameters(source, tensors, known, header.config.whole)
    factors = {name: tensor for name, tensor in tensors.items() if name not in whole}
    changes = [(weights[name], a, b) for name, a, b in factor_pairs(source, factors, weights)]
    share = scale * header.config.alpha / header.config.rank
    for weight, a, b in changes:
        weight += (share * (b.float() @ a.float())).to(weight)
    for name, value in whole.items():
        known[name].lerp_(value.to(known[name]), scale)


def whole_parameters(
    path: Path, tensors: Mapping[str, Tensor], known: Mapping[str, Tensor], names: Iterable[str]
) -> dict[str, Tensor]:
    """What a file holds as a whole, checked against the network.

    Args:
        path: The file, for messages.
        tensors: All that it holds.
        known: Every parameter of the network, by name.
        names: What is wanted of them.

    Raises:
        CheckpointError: If one is missing on either side, or has another shape.
    """
    names = tuple(names)
    for name in names:
        if name not in tensors or name not in known or tensors[name].shape != known[name].shape:
            raise CheckpointError(
                f"{path} does not fit the network: {name} must be one of its parameters, in its "
                "shape; choose a file that was made for it"
            )
    return {name: tensors[name] for name in names}


def factor_pairs(
    path: Path, tensors: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> list[tuple[str, Tensor, Tensor]]:
    """Both factors of every layer, checked against its weight.

    Args:
        path: The file, for messages.
        tensors: Its factors, without what it holds as a whole.
        weights: [out, in] of every linear layer of the network, by the layer's name.

    Returns:
        Name, first factor [rank, in] and second factor [out, rank] of each, by name.

    Raises:
        CheckpointError: If a layer is unknown, lacks a factor, or has another shape.
    """
    layers = sorted({name.rsplit(".lora_", 1)[0] for name in tensors})
    found: list[tuple[str, Tensor, Tensor]] = []
    for name in layers:
        a, b = (tensors.get(f"{name}.lora_{letter}.weight") for letter in "AB")
        if name not in weights or a is None or b is None:
            raise CheckpointError(
                f"{path} does not fit the network: {name} must be one of its linear layers with "
                "both factors; choose a file that was made for it"
            )
        got, wanted = (b.shape[0], a.shape[1]), tuple(weights[name].shape)
        if got != wanted or a.shape[0] != b.shape[1]:
            raise CheckpointError(
                f"{path} does not fit the network: {name} must change a weight of {wanted}, got "
                f"factors of {tuple(b.shape)} and {tuple(a.shape)}"
            )
        found.append((name, a, b))
    return found
