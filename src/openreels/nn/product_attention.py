"""Attention by bfloat16 products, a few heads at a time, so that their logits stay in the cache."""

from collections.abc import Iterator

import torch
from einops import rearrange
from jaxtyping import BFloat16, Bool, Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

CACHED = 2**21
"""Logits that are held at a time: 4 MB. Not given by the paper: measured on 2 cores with 32 MB."""
_HIDDEN = -1e30
"""What is added to the logits of keys that may not be seen."""


def product_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b m k e"],
    value: Float[Tensor, "b m k e"],
    attendable: Bool[Tensor, "b 1 1 m"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Do what ``attend`` does with batched bfloat16 products and an open softmax.

    On processors with bfloat16 products this is about 1.4 times as fast as the fused CPU kernel,
    1.0 to 1.4 times with the way back (``benchmarks/attention.py``). Logits are made again there.

    Args:
        query: What reads.
        key: What is compared.
        value: What is read.
        attendable: True where a key may be seen; None means everywhere.

    Returns:
        The mixed values in bfloat16, heads joined.
    """
    (b, _, k, e), bias = query.shape, None
    with torch.autocast("cpu", enabled=False):
        if attendable is not None:
            value = value * rearrange(attendable, "b 1 1 m -> b m 1 1")
            bias = torch.zeros(attendable.shape, dtype=torch.bfloat16, device=query.device)
            bias = bias.masked_fill_(~attendable, _HIDDEN).repeat_interleave(k, 0)[:, 0]
        heads = (
            rearrange(one.bfloat16(), "b n k e -> (b k) n e")
            for one in (query * e**-0.5, key, value)
        )
        mixed = _Products.apply(*heads, bias)
    return rearrange(mixed, "(b k) n e -> b n (k e)", b=b)


class _Products(torch.autograd.Function):
    """Softmax of scaled products over keys, times values; each head by itself."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        query: BFloat16[Tensor, "h n e"],
        key: BFloat16[Tensor, "h m e"],
        value: BFloat16[Tensor, "h m e"],
        bias: BFloat16[Tensor, "h 1 m"] | None,
    ) -> BFloat16[Tensor, "h n e"]:
        mixed = torch.empty_like(query)
        for heads, rows in _pieces(query.shape[0], query.shape[1], key.shape[1]):
            weights = _weights(query, key, bias, heads, rows)
            mixed[heads, rows] = torch.bmm(weights, value[heads])
        ctx.save_for_backward(query, key, value, mixed, *(() if bias is None else (bias,)))
        return mixed

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: FunctionCtx, grad: BFloat16[Tensor, "h n e"]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        query, key, value, mixed, *hidden = saved
        bias = hidden[0] if hidden else None
        grad = grad.contiguous()
        # The sum over keys of weight times its gradient; what the softmax takes away.
        common = (grad.float() * mixed.float()).sum(-1, keepdim=True).bfloat16()
        to_query = torch.empty_like(query)
        to_key, to_value = (torch.zeros_like(one, dtype=torch.float32) for one in (key, value))
        for heads, rows in _pieces(query.shape[0], query.shape[1], key.shape[1]):
            weights, part = _weights(query, key, bias, heads, rows), grad[heads, rows]
            to_value[heads] += torch.bmm(weights.mT, part)
            inner = torch.bmm(part, value[heads].mT).sub_(common[heads, rows]).mul_(weights)
            to_query[heads, rows] = torch.bmm(inner, key[heads])
            to_key[heads] += torch.bmm(inner.mT, query[heads, rows])
        return to_query, to_key.bfloat16(), to_value.bfloat16(), None


def _weights(
    query: Tensor, key: Tensor, bias: Tensor | None, heads: slice, rows: slice
) -> BFloat16[Tensor, "h n m"]:
    logits = torch.bmm(query[heads, rows], key[heads].mT)
    if bias is not None:
        logits += bias[heads]
    return logits.softmax(-1)


def _pieces(num_heads: int, num_rows: int, num_keys: int) -> Iterator[tuple[slice, slice]]:
    """Heads and rows of queries, so many at a time that their logits stay in the cache."""
    heads = max(1, CACHED // max(1, num_rows * num_keys))
    rows = num_rows if heads > 1 else max(1, CACHED // max(1, num_keys))
    for head in range(0, num_heads, heads):
        for row in range(0, num_rows, rows):
            yield slice(head, head + heads), slice(row, row + rows)
