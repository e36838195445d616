"""Weights in eight bits: each row of a matrix as whole numbers of -127 to 127 and a scale. Ours.

The largest number of a row becomes 127 or -127 (symmetric quantization by the absolute maximum), so
that every number is off by at most half a 127th of it. Only files have eight bits: what is read is
in half precision again, so nothing else knows of it.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

PACKING: Final = "int8 rows"
"""What the header of a file says that holds its matrices so."""
SCALE: Final = ".int8_scale"
"""Ending of the name of a matrix's scales, one number a row."""
_LARGEST = 127
_FEWEST = 16
"""Columns below which a row's scale is not worth its four bytes."""


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put floating matrices into eight bits, and all other floating tensors into half precision.

    Args:
        tensors: By name; a tensor of more than two dimensions is taken for a matrix with its first
            dimension as rows.

    Returns:
        The same names, and with ``SCALE`` the fp32 scales, of shape (rows,).

    Raises:
        ValueError: If a name ends with ``SCALE``, or a number is not finite.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALE):
            raise ValueError(f"names that end with {SCALE} are kept for scales, got {name}")
        if not tensor.is_floating_point():
            packed[name] = tensor
            continue
        if not torch.isfinite(tensor).all():
            raise ValueError(f"eight bits hold only finite numbers, got others in {name}")
        if tensor.ndim < 2 or tensor[0].numel() < _FEWEST:
            packed[name] = tensor.to(torch.float16)
            continue
        rows = tensor.detach().float().flatten(1)
        scale = rows.abs().amax(1) / _LARGEST
        codes = torch.round(rows / torch.where(scale > 0, scale, 1.0)[:, None])
        packed[name] = codes.to(torch.int8).reshape(tensor.shape)
        packed[name + SCALE] = scale
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo ``pack``: matrices in half precision, off by at most half a step of their row.

    Args:
        tensors: As ``pack`` gave them.

    Returns:
        Without the scales.

    Raises:
        KeyError: If a scale has no matrix.
    """
    made = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for name, scale in tensors.items():
        if name.endswith(SCALE):
            matrix = name.removesuffix(SCALE)
            rows = made[matrix].float().flatten(1) * scale[:, None]
            made[matrix] = rows.to(torch.float16).reshape(made[matrix].shape)
    return made
