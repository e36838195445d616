"""Precision of matrix products: one rule for everything that trains."""

from typing import Literal, TypeAlias

import torch

Products: TypeAlias = Literal["fp32", "bf16", "auto"]
"""Precision that products are asked to have."""


def takes_bf16(products: Products = "auto") -> bool:
    """Whether matrix products take bfloat16 factors on this CPU.

    Args:
        products: ``auto`` is bf16 where the processor has instructions for it; on others it crawls.

    Returns:
        True for bfloat16 factors, False for fp32.
    """
    return products == "bf16" or (products == "auto" and torch.cpu._is_avx512_bf16_supported())
