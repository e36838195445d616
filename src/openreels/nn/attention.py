"""Attention over heads laid out ``b n k e``, its plain reference, and its two projections."""

import torch
from einops import rearrange
from jaxtyping import Bool, Complex, Float
from torch import Tensor, nn

from openreels.nn.norm import HeadNorm
from openreels.nn.product_attention import product_attend
from openreels.nn.rope import rotate


def attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b m k e"],
    value: Float[Tensor, "b m k e"],
    attendable: Bool[Tensor, "b 1 1 m"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Let every query read the keys that may be attended, with the fused kernel.

    Args:
        query: What reads.
        key: What is compared.
        value: What is read.
        attendable: True where a key may be seen; None means everywhere. A sample without any
            such key reads zeros.

    Returns:
        The mixed values, heads joined.
    """
    if query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return product_attend(query, key, value, attendable)
    mixed = nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=attendable
    )
    return mixed.transpose(1, 2).flatten(2)


def plain_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b m k e"],
    value: Float[Tensor, "b m k e"],
    attendable: Bool[Tensor, "#b #k #n m"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Do what ``attend`` does in the open, as its reference; Vaswani et al. 2017, eq. 1."""
    logits = torch.einsum("bnke,bmke->bknm", query, key) / query.shape[-1] ** 0.5
    if attendable is not None:
        logits = logits.masked_fill(~attendable, torch.finfo(logits.dtype).min)
    weights = torch.exp(logits - logits.amax(dim=-1, keepdim=True))
    if attendable is not None:
        weights = torch.where(attendable, weights, torch.zeros_like(weights))
    total = weights.sum(dim=-1, keepdim=True)
    weights = weights / torch.where(total > 0, total, torch.ones_like(total))
    return rearrange(torch.einsum("bknm,bmke->bnke", weights, value), "b n k e -> b n (k e)")


def key_mask(attendable: Bool[Tensor, "b m"] | None) -> Bool[Tensor, "b 1 1 m"] | None:
    """Shape a mask for ``attend``; a mask that hides nothing becomes None, the fast case."""
    if attendable is None or bool(attendable.all()):
        return None
    return attendable[:, None, None, :]


class SelfProjection(nn.Module):
    """Queries, keys and values of one stream from one product, and the way back."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = HeadNorm(width // num_heads)
        self.key_norm = HeadNorm(width // num_heads)
        self.out = nn.Linear(width, width)

    def forward(
        self, tokens: Float[Tensor, "b n d"]
    ) -> tuple[Float[Tensor, "b n k e"], Float[Tensor, "b n k e"], Float[Tensor, "b n k e"]]:
        """Project tokens to normalised queries, normalised keys and values; no positions yet."""
        heads = self.qkv(tokens).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.unbind(2)
        return self.query_norm(query), self.key_norm(key), value


class CrossAttention(nn.Module):
    """Tokens read a source of the same width, with or without a common clock."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.query_norm = HeadNorm(width // num_heads)
        self.key_norm = HeadNorm(width // num_heads)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        tokens: Float[Tensor, "b n d"],
        source: Float[Tensor, "b m d"],
        attendable: Bool[Tensor, "b 1 1 m"] | None = None,
        *,
        clocks: tuple[Complex[Tensor, "b n 1 r"], Complex[Tensor, "b m 1 r"]] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Read the source.

        Args:
            tokens: What reads; already normalised.
            source: What is read; already normalised.
            attendable: True where the source may be seen; None means everywhere.
            clocks: Rotary tables of tokens and source on one time axis; None for no positions.

        Returns:
            The update of the tokens.
        """
        query = self.query_norm(self.query(tokens).unflatten(-1, (self.num_heads, -1)))
        key, value = self.kv(source).unflatten(-1, (2, self.num_heads, -1)).unbind(2)
        key = self.key_norm(key)
        if clocks is not None:
            query, key = rotate(query, clocks[0]), rotate(key, clocks[1])
        return self.out(attend(query, key, value, attendable))
