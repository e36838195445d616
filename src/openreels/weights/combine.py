"""The sum of low-rank changes, each in a part, as one file of one rank. Ours.

It is the sum of the changes themselves, unlike the mean of two files (``weights.average``), so that
the files need not be of runs with one beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from openreels.core.errors import CheckpointError
from openreels.nn.low_rank import LowRankConfig
from openreels.weights.average import TAUGHT
from openreels.weights.lora import (
    LoraHeader,
    factor_pairs,
    read_any_header,
    read_lora,
    whole_parameters,
    write_lora,
)
from openreels.weights.tensors import read_tensors


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What is taken of one file."""

    pairs: dict[str, tuple[Tensor, Tensor]]
    """Both factors of every layer, the second in its part: their product is what is added."""
    whole: dict[str, Tensor]
    header: LoraHeader
    share: float


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
    base = Path(base)
    network, weights = read_any_header(base).network, read_tensors(base)[0]
    layers = {
        name.removesuffix(".weight"): value for name, value in weights.items() if value.ndim == 2
    }
    read = [_part(Path(file), share, network, weights, layers) for file, share in parts]
    rank = max(part.header.config.rank for part in read) if rank is None else rank
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    whole = _whole(weights, read)
    config = LowRankConfig(rank=rank, alpha=float(rank), layers=_layers(read), whole=tuple(whole))
    header = LoraHeader(network=network, config=config, metadata=_story(read))
    write_lora(path, whole | _factors(read, whole, rank), header)


def _part(
    path: Path,
    share: float,
    network: str,
    weights: Mapping[str, Tensor],
    layers: Mapping[str, Tensor],
) -> _Part:
    tensors, header = read_lora(path)
    if header.network != network:
        raise CheckpointError(
            f"{path} changes the network {header.network}, got {network}; choose another"
        )
    held = header.config.whole
    known = [name for name in held if name in weights or name not in tensors]
    new = [name for name in held if name not in known]
    whole = whole_parameters(path, tensors, weights, known) | {name: tensors[name] for name in new}
    factors = {name: tensor for name, tensor in tensors.items() if name not in whole}
    scale = share * header.config.alpha / header.config.rank
    return _Part(
        pairs={
            name: (first.float(), scale * second.float())
            for name, first, second in factor_pairs(path, factors, layers)
        },
        whole={name: whole[name].float() for name in held},
        header=header,
        share=share,
    )


def _layers(parts: Sequence[_Part]) -> tuple[str, ...]:
    """What names begin with that any of them changes; empty is every layer."""
    told = [part.header.config.layers for part in parts]
    return tuple(dict.fromkeys(sum(told, ()))) if all(told) else ()


def _whole(base: Mapping[str, Tensor], parts: Sequence[_Part]) -> dict[str, Tensor]:
    """Parameters that files hold as a whole: how far they go from the base, together.

    Low-rank changes of the same weight in other files are added to it.
    """
    made: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for part in parts for name in part.whole):
        held = [(part.whole[name], part.share) for part in parts if name in part.whole]
        if name not in base and len(held) < len(parts):
            continue
        start = base[name].float() if name in base else torch.zeros_like(held[0][0])
        made[name] = start + sum(share * (value - start) for value, share in held)
        for part in parts:
            if pair := part.pairs.get(name.removesuffix(".weight")):
                first, second = pair
                made[name] += second @ first
    return made


def _factors(parts: Sequence[_Part], whole: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """Both factors of the sum of every layer, of one rank."""
    made: dict[str, Tensor] = {}
    for layer in sorted({name for part in parts for name in part.pairs}):
        if f"{layer}.weight" in whole:
            continue
        pairs = [part.pairs[layer] for part in parts if layer in part.pairs]
        first = torch.cat([first for first, _ in pairs])
        second = torch.cat([second for _, second in pairs], dim=1)
        down, up = _largest(first, second, rank)
        made[f"{layer}.lora_A.weight"], made[f"{layer}.lora_B.weight"] = down, up
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


def _story(parts: Sequence[_Part]) -> dict[str, Any]:
    """Where the sum comes from; what any of them was taught it was taught too."""
    told = [dict(part.header.metadata) | {"share": part.share} for part in parts]
    taught = sorted({name for one in told for name in one.get(TAUGHT, ())})
    return ({TAUGHT: taught} if taught else {}) | {"sum_of": told}
