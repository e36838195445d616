"""Low-rank changes of the base: those that a user names, and those for references and edits.

A model may hold ``mmdit-references-lora.safetensors`` beside ``mmdit.safetensors``: what the base
needs to read references and sources in context. Requests that have any run on the base with these
changes, all others on the base itself, so that neither has to give way to the other. Ours.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from openreels.conditioning.conditions import Conditions
from openreels.models.mmdit.model import MMDiT
from openreels.weights.lora import (
    LoraHeader,
    add_changes,
    copy_to_change,
    read_lora,
    read_lora_header,
)

REFERENCES_FILE = "mmdit-references-lora.safetensors"
"""Changes of the base for requests with references or a source in context; a model need not have
them."""
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
    if not path.exists():
        return None
    tensors, header = read_lora(path)
    network = copy_to_change(base, tensors)
    _add(network, tensors, header, path, 1.0)
    return network.requires_grad_(False)


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
    shown = (conditions.references.video, conditions.references.audio)
    return base if referenced is None or shown == (None, None) else referenced
