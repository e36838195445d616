"""Low-rank changes of the base: those that a user names, and those of a model's folder. Ours.

A model may hold two files of them beside ``mmdit.safetensors``:
``mmdit-references-lora.safetensors``, what the base needs to read references and sources in
context, and ``mmdit-world-lora.safetensors``, what it needs to show all that words ask for.
Requests with references or a source run on the base with the first, all others on the base with
the second, so that neither has to give way to the other.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from openreels.conditioning.conditions import Conditions
from openreels.models.mmdit.model import MMDiT
from openreels.weights.checkpoint import load_network, save_network
from openreels.weights.lora import (
    LoraHeader,
    add_changes,
    copy_to_change,
    read_any_header,
    read_lora,
    read_lora_header,
)

REFERENCES_FILE = "mmdit-references-lora.safetensors"
"""Changes of the base for requests with references or a source in context; a model need not have
them."""
WORLD_LORA_FILE = "mmdit-world-lora.safetensors"
"""Changes of the base for requests without them; a model need not have them either."""
NAMES = "tag_table"
"""The parameter with the names of references, which a base need not have."""


def add_lora(network: MMDiT, path: str | Path, *, scale: float = 1.0) -> None:
    """Add low-rank changes to a base in place, and names of references where it has none.

    Args:
        network: The base.
        path: A file that ``weights.lora.save_lora`` wrote.
        scale: How much of the change is added.

    Raises:
        CheckpointError: If the file does not fit.
    """
    tensors, header = read_lora(path)
    _add(network, tensors, header, Path(path), scale)


def merge_files(
    base: str | Path, parts: Sequence[tuple[str | Path, float]], path: str | Path
) -> None:
    """Write a base with low-rank changes in it to one file, atomically.

    Args:
        base: Weights that the files change.
        parts: Files of low-rank changes, at least one, and how much of each is added.
        path: A ``.safetensors`` file; replaced when it exists.

    Raises:
        ValueError: If there is no file.
        CheckpointError: If a file is missing, damaged or does not fit. Then nothing is written.
    """
    if not parts:
        raise ValueError("a merge needs at least one file of low-rank changes, got none")
    network = load_network(Path(base), kind=MMDiT)
    told: list[dict[str, Any]] = []
    for file, share in parts:
        add_lora(network, file, scale=share)
        told.append(dict(read_lora_header(file).metadata) | {"share": share})
    story = read_any_header(base).metadata
    save_network(path, network, metadata=story | {"merged": told})


def _add(
    network: MMDiT, tensors: Mapping[str, Tensor], header: LoraHeader, path: Path, scale: float
) -> None:
    if NAMES in header.config.whole and NAMES in tensors and network.tag_table is None:
        network.make_names(tensors[NAMES].shape[0])
    add_changes(network, tensors, header, source=path, scale=scale)


def find_referenced(folder: Path, base: MMDiT) -> MMDiT | None:
    """Load what reads references, of a model's folder; None where it has none.

    Args:
        folder: With or without ``REFERENCES_FILE``.
        base: The base, which stays as it is; what the changes leave alone is shared with it.

    Raises:
        CheckpointError: If the file does not fit the base.
    """
    path = folder / REFERENCES_FILE
    return _changed(base, path).requires_grad_(False) if path.exists() else None


def with_world(folder: Path, base: MMDiT) -> MMDiT:
    """Load what shows all that words ask for, of a model's folder.

    Args:
        folder: With or without ``WORLD_LORA_FILE``.
        base: The base, which stays as it is; what the changes leave alone is shared with it.

    Returns:
        The base with the changes, frozen; the base itself where the folder has none.

    Raises:
        CheckpointError: If the file does not fit the base.
    """
    path = folder / WORLD_LORA_FILE
    return _changed(base, path).requires_grad_(False) if path.exists() else base


def _changed(base: MMDiT, path: Path) -> MMDiT:
    """A copy of the base with the changes of a file."""
    tensors, header = read_lora(path)
    network = copy_to_change(base, tensors)
    _add(network, tensors, header, path, 1.0)
    return network


def taught_by(folder: Path) -> tuple[str, ...]:
    """Read which tasks the changes for references were trained for.

    Args:
        folder: With or without ``REFERENCES_FILE``.

    Returns:
        Names of ``conditioning.tasks``; empty if there is no file or it does not say.

    Raises:
        CheckpointError: If the file is damaged.
    """
    path = folder / REFERENCES_FILE
    told = read_lora_header(path).metadata.get("taught", ()) if path.exists() else ()
    return tuple(str(name) for name in told)


def base_for(conditions: Conditions, base: MMDiT, referenced: MMDiT | None) -> MMDiT:
    """The network that runs: the base, or the one with the changes for what stands before the clip.

    Args:
        conditions: What was made of a request.
        base: The base.
        referenced: The same with the changes; None where the model has none.

    Returns:
        One of them.
    """
    return base if referenced is None or not conditions.in_context else referenced
