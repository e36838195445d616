"""Named tensors on disk: safetensors, written atomically, with a small JSON header. No pickle."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from openreels.core.errors import CheckpointError
from openreels.weights.int8 import PACKING, pack, unpack

_PACKING = "packing"
"""Key of the header of a file in eight bits; nobody else sees it."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or all of the new, never a part.

    Args:
        path: Where to write; missing folders are made.
        content: The whole content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any], *, packed: bool = False
) -> None:
    """Write tensors and a header of JSON values, atomically.

    Args:
        path: A ``.safetensors`` file; replaced when it exists.
        tensors: Any device, any strides; tied tensors are written once for each name.
        header: JSON values by key, read back by ``read_header``.
        packed: Whether matrices are stored in eight bits (``weights.int8``); they are read back
            in half precision.

    Raises:
        ValueError: If something cannot be packed.
    """
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    if packed:
        own, header = pack(own), {**header, _PACKING: PACKING}
    text = {key: json.dumps(value) for key, value in header.items()}
    write_atomic(path, save(own, metadata=text))


def read_header(path: Path) -> dict[str, Any]:
    """Read only the header of a file of tensors.

    Raises:
        CheckpointError: If the file is missing, is not safetensors, is damaged, or its header was
            not written by this package.
    """
    return _read(path, with_tensors=False)[1]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read all tensors, on the CPU and as stored, and the header; eight bits become half precision.

    Raises:
        CheckpointError: As ``read_header``.
    """
    return _read(path, with_tensors=True)


def stored_types(path: Path) -> tuple[str, ...]:
    """Names of the types of a file's tensors, e.g. ``F16`` and ``I8``, in alphabetical order.

    Raises:
        CheckpointError: If the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = list(file.keys())
            return tuple(sorted({str(file.get_slice(name).get_dtype()) for name in names}))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); get or write it again") from error


def check_format(path: Path, header: Mapping[str, Any], known: int) -> None:
    """Refuse a file in a layout that this version does not know.

    Args:
        path: The file, for the message.
        header: As ``read_header`` gives it.
        known: The version of the layout that the caller reads.

    Raises:
        CheckpointError: If the header names another one, or none.
    """
    if header.get("format") != known:
        raise CheckpointError(
            f"{path} has format {header.get('format')}, this version reads format {known}; "
            "install the version that wrote it"
        )


def _read(path: Path, *, with_tensors: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"there is no weights file at {path}; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            text: dict[str, str] = file.metadata() or {}
            names: list[str] = list(file.keys()) if with_tensors else []
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file or is damaged ({error}); get or write it again"
        ) from error
    try:
        header = {key: json.loads(value) for key, value in text.items()}
    except json.JSONDecodeError as error:
        raise CheckpointError(
            f"the header of {path} was not written by openreels ({error}); "
            "convert the file or choose another"
        ) from error
    packing = header.pop(_PACKING, None)
    if packing is None:
        return tensors, header
    if packing != PACKING:
        raise CheckpointError(
            f"{path} is packed as {packing!r}, this version reads {PACKING!r}; install the version "
            "that wrote it"
        )
    try:
        return unpack(tensors), header
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} holds scales that fit no matrix ({error}); get or write it again"
        ) from error


def as_dtype(tensors: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Convert floating tensors for storage; whole numbers and ``None`` change nothing."""
    return {
        name: tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
