"""Networks on disk: safetensors whose header says which network, its whole config, and a story.

Loading is strict in both directions: a key too few or too many, another shape, an unknown config
field or one that is missing and has no default are errors that name it. A field that is newer than
a file has a default under which the network is the one that the file was written from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from openreels.core.config import from_dict, to_dict
from openreels.core.errors import CheckpointError
from openreels.models.registry import NETWORKS, config_class, name_of, network_class
from openreels.weights.tensors import (
    as_dtype,
    check_format,
    read_header,
    read_tensors,
    write_tensors,
)

FORMAT = 1
"""Version of the layout; a reader refuses what it does not know."""

N = TypeVar("N", bound=nn.Module)


def shipped_path(name: str) -> Path:
    """Where the package keeps the weights of a network; the file need not be there."""
    return Path(__file__).parent / "files" / f"{name}.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkHeader:
    """What a weights file says about itself."""

    network: str
    """Name in ``models.registry``."""
    config: dict[str, Any]
    """Config of the network, as JSON values."""
    metadata: dict[str, Any]
    """Recipe, steps, data, date: whatever the writer told."""


def save_network(
    path: str | Path,
    network: nn.Module,
    *,
    metadata: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a network's weights and config to one file, atomically.

    Args:
        path: A ``.safetensors`` file; replaced when it exists.
        network: A registered network; its ``config`` attribute is written into the header.
        metadata: JSON values that tell where the weights come from.
        dtype: Storage type of floating tensors, e.g. ``torch.float16``; None keeps them as they
            are, so that loading gives the same bits.
        state: Weights to write in the place of the network's own, e.g. their moving average.

    Raises:
        ValueError: If the network is not registered, has no dataclass ``config``, or ``state`` has
            other names than the network.
    """
    name = name_of(network)
    header = {
        "format": FORMAT,
        "network": name,
        "config": to_dict(getattr(network, "config", None)),
        "metadata": dict(metadata or {}),
    }
    own = network.state_dict()
    tensors = own if state is None else dict(state)
    if tensors.keys() != own.keys():
        odd = sorted(tensors.keys() ^ own.keys())
        raise ValueError(f"the weights must have the names of {name}; these differ: {odd[:5]}")
    write_tensors(Path(path), as_dtype(tensors, dtype), header)


def read_network_header(path: str | Path) -> NetworkHeader:
    """Read what a weights file says about itself, without its weights.

    Raises:
        CheckpointError: If the file is missing, damaged or not a network of this package.
    """
    return checked_header(Path(path), read_header(Path(path)))


def checked_header(path: Path, header: Mapping[str, Any]) -> NetworkHeader:
    """Make a record of the header of a file.

    Args:
        path: The file, for messages.
        header: As ``weights.tensors.read_header`` gives it.

    Returns:
        What it says.

    Raises:
        CheckpointError: If it is of no network of this package, or of another version.
    """
    name, config, metadata = (header.get(key) for key in ("network", "config", "metadata"))
    if not isinstance(name, str) or not isinstance(config, dict) or not isinstance(metadata, dict):
        raise CheckpointError(
            f"{path} holds tensors but no openreels network; choose a file that save_network wrote"
        )
    check_format(path, header, FORMAT)
    if name not in NETWORKS:
        raise CheckpointError(f"{path} holds the unknown network {name!r}; known: {list(NETWORKS)}")
    return NetworkHeader(network=name, config=config, metadata=metadata)


def load_network(
    path: str | Path,
    device: str | torch.device = "cpu",
    *,
    kind: type[N] = nn.Module,
) -> N:
    """Build the network that a file describes and load its weights, strictly, in fp32.

    Args:
        path: A file that ``save_network`` wrote; half-precision storage becomes fp32.
        device: Where the network goes.
        kind: Class that the network must be, e.g. ``VideoVAE``; any network by default.

    Returns:
        The network in evaluation mode.

    Raises:
        CheckpointError: If the file is missing, damaged, of another network, or does not fit its
            config exactly.
    """
    path = Path(path)
    tensors, raw_header = read_tensors(path)
    header = checked_header(path, raw_header)
    cls = network_class(header.network)
    if not issubclass(cls, kind):
        raise CheckpointError(f"{path} must hold a {kind.__name__}, it holds a {cls.__name__}")
    try:
        config = from_dict(config_class(header.network), header.config, allow_missing=True)
    except ValueError as error:
        raise CheckpointError(f"the config in {path} does not fit: {error}") from error
    with torch.random.fork_rng(devices=[]):  # initial values are overwritten: draw none for others
        network = cls(config)
    load_state(network, tensors, path)
    return network.to(device).eval()


def load_state(network: nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy weights into a network, strictly.

    Args:
        network: Receives the values, in its own dtype and on its own device.
        tensors: Weights by name; all of the network's names and no other.
        source: File that the weights are from, for messages.

    Raises:
        CheckpointError: Naming missing and unexpected keys, other shapes and other kinds.
    """
    own = network.state_dict()
    problems = [
        f"{label} {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        for label, names in (
            ("missing keys:", sorted(own.keys() - tensors.keys())),
            ("unexpected keys:", sorted(tensors.keys() - own.keys())),
        )
        if names
    ]
    for name in sorted(own.keys() & tensors.keys()):
        expected, got = own[name], tensors[name]
        if expected.shape != got.shape:
            problems.append(f"{name} must be {tuple(expected.shape)}, got {tuple(got.shape)}")
        elif expected.is_floating_point() != got.is_floating_point():
            problems.append(f"{name} must be {expected.dtype}, got {got.dtype}")
    if problems:
        raise CheckpointError(
            f"{source} does not fit {type(network).__name__}: {'; '.join(problems[:8])}"
        )
    network.load_state_dict(dict(tensors), strict=True)
