"""The sum of low-rank changes, each in a part, as one file of one rank. Ours.

It is the sum of the changes themselves, unlike the mean of two files (``weights.average``), so that
the files need not be of runs with one beginning.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from openreels.core.config import to_dict
from openreels.core.errors import CheckpointError
from openreels.nn.low_rank import LowRankConfig
from openreels.weights.average import TAUGHT
from openreels.weights.lora import LoraHeader, read_any_header, read_lora
from openreels.weights.tensors import as_dtype, read_header, read_tensors, write_tensors

Part = tuple[dict[str, Tensor], LoraHeader, float]
"""Tensors of a file, its header, and how much of it is taken."""


def combine_files(
    base: str | Path,
    parts: Sequence[tuple[str | Path, float]],
    path: str | Path,
    *,
    rank: int | None = None,
) -> None:
    """Write the sum of low-rank changes of one base, each in a part, atomically.

    Of every layer the largest singular values of the sum are kept (Eckart and Young 1936), so that
    the result is exact but for half precision where their ranks together are at most ``rank``.
    Parameters that files hold as a whole go as far as all of them together. One that the base has
    not begins at zero; where a file has it not either, it is left out.

    Args:
        base: Weights that the files change.
        parts: Files of low-rank changes, at least one, and how much of each is added.
        path: A ``.safetensors`` file; replaced when it exists.
        rank: Of the result, >= 1; None is the largest of the files.

    Raises:
        ValueError: If there is no file, or ``rank`` is out of its range.
        CheckpointError: If a file is missing, damaged or of another network. Then nothing is
            written.
    """
    if not parts:
        raise ValueError("a sum needs at least one file of low-rank changes, got none")
    base, read = Path(base), [_part(Path(file), scale) for file, scale in parts]
    rank = max(header.config.rank for _, header, _ in read) if rank is None else rank
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    network = read_any_header(base).network
    if others := {header.network for _, header, _ in read} - {network}:
        raise CheckpointError(
            f"{base} holds a network {network}, changes are of {', '.join(sorted(others))}; "
            "choose files of one"
        )
    weights = read_tensors(base)[0]
    _check_shapes(base, weights, read)
    whole, factors = _whole(weights, read), _factors(read, rank)
    config = LowRankConfig(rank=rank, alpha=float(rank), layers=_layers(read), whole=tuple(whole))
    header = read_header(Path(parts[0][0])) | {
        "config": to_dict(config),
        "metadata": _story(read),
    }
    write_tensors(Path(path), as_dtype(whole | factors, torch.float16), header)


def _part(path: Path, scale: float) -> Part:
    tensors, header = read_lora(path)
    return tensors, header, scale


def _check_shapes(path: Path, base: Mapping[str, Tensor], parts: Sequence[Part]) -> None:
    """Refuse changes that the base has no place for."""
    for tensors, _, _ in parts:
        for name, tensor in tensors.items():
            layer, _, factor = name.partition(".lora_")
            known = base.get(f"{layer}.weight" if factor else name)
            if known is None and not factor:
                continue  # names of references, which a base need not have
            second = tensors.get(f"{layer}.lora_B.weight", tensor)
            shape = (len(second), tensor.shape[-1]) if factor.startswith("A") else tensor.shape
            if known is None or (not factor.startswith("B") and shape != known.shape):
                raise CheckpointError(
                    f"{path} must have {layer} in the shape that is changed, {tuple(shape)}; "
                    "choose the weights that the changes were made for"
                )


def _layers(parts: Sequence[Part]) -> tuple[str, ...]:
    """What names begin with that any of them changes; empty is every layer."""
    told = [header.config.layers for _, header, _ in parts]
    return tuple(dict.fromkeys(sum(told, ()))) if all(told) else ()


def _whole(base: Mapping[str, Tensor], parts: Sequence[Part]) -> dict[str, Tensor]:
    """Parameters that files hold as a whole: how far they go from the base, together."""
    names = dict.fromkeys(name for _, header, _ in parts for name in header.config.whole)
    made: dict[str, Tensor] = {}
    for name in names:
        held = [(tensors[name].float(), scale) for tensors, _, scale in parts if name in tensors]
        if name not in base and len(held) < len(parts):
            continue
        start = base[name].float() if name in base else torch.zeros_like(held[0][0])
        made[name] = start + sum(scale * (value - start) for value, scale in held)
    return made


def _factors(parts: Sequence[Part], rank: int) -> dict[str, Tensor]:
    """Both factors of the sum of every layer, of one rank."""
    layers = sorted({k.rsplit(".lora_", 1)[0] for t, _, _ in parts for k in t if ".lora_" in k})
    made: dict[str, Tensor] = {}
    for layer in layers:
        firsts, seconds = [], []
        for tensors, header, scale in parts:
            if f"{layer}.lora_A.weight" in tensors:
                share = scale * header.config.alpha / header.config.rank
                firsts.append(tensors[f"{layer}.lora_A.weight"].float())
                seconds.append(share * tensors[f"{layer}.lora_B.weight"].float())
        first, second = _largest(torch.cat(firsts), torch.cat(seconds, dim=1), rank)
        made[f"{layer}.lora_A.weight"], made[f"{layer}.lora_B.weight"] = first, second
    return made


def _largest(first: Tensor, second: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The nearest product of a rank to ``second @ first``, its scale shared by both factors.

    The product itself is never made: of large layers it would be a matrix of their size.

    Args:
        first: [any rank, in].
        second: [out, any rank].
        rank: Rows of the first and columns of the second factor; zeros fill what is too much.

    Returns:
        [rank, in] and [out, rank].
    """
    left, small = torch.linalg.qr(second)
    right, other = torch.linalg.qr(first.mT)
    u, values, v = torch.linalg.svd(small @ other.mT, full_matrices=False)
    kept = min(rank, values.numel())
    root = values[:kept].sqrt()
    down = root[:, None] * (v[:kept] @ right.mT)
    up = left @ u[:, :kept] * root
    missing = rank - kept
    return functional.pad(down, (0, 0, 0, missing)), functional.pad(up, (0, missing))


def _story(parts: Sequence[Part]) -> dict[str, Any]:
    """Where the sum comes from; what all files were taught it was taught too."""
    told = [dict(header.metadata) | {"share": scale} for _, header, scale in parts]
    taught = sorted({name for one in told for name in one.get(TAUGHT, ())})
    return ({TAUGHT: taught} if taught else {}) | {"sum_of": told}
