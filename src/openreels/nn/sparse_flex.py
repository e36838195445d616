"""Attention of cubes to their chosen cubes by flex_attention, the path for GPUs."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from openreels.nn.attention import attend
from openreels.nn.cubes import CUBE_TOKENS, SparsePattern, cut, cut_mask, join, pool

MAP_WORKSPACES = 64
"""Workspaces that the map from query cubes to key cubes may take; where it is larger, heads take
turns. At 1080p and 15 s one head alone has 250 million entries."""
KERNEL = {"fwd_BLOCK_M": CUBE_TOKENS, "fwd_BLOCK_N": CUBE_TOKENS}
"""Tiles of the kernel: a cube; larger ones would not fit the pattern."""


def flex_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    attendable: Bool[Tensor, "b 1 1 n"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Do what ``gathered_attend`` does with a block-sparse kernel, compiled on a GPU.

    A key cube of which everything may be seen is read without a mask; ragged ones go through one.
    On a CPU the same function runs uncompiled, in the open, to be compared.

    Args:
        query: What reads.
        key: What is compared.
        value: What is read.
        pattern: The grid and the number of cubes read.
        attendable: True where a key may be seen; None means everywhere.

    Returns:
        The mixed values, heads joined.
    """
    size, num_heads = pattern.num_tokens, query.shape[2]
    queries = cut(query[:, :size], pattern)
    keys, values = cut(key[:, :size], pattern), cut(value[:, :size], pattern)
    seen = _seen_blocks(attendable, pattern, query)
    grid_seen = seen[:, : pattern.num_cubes]
    pooled = [pool(x, grid_seen).detach() for x in (queries, keys)]
    flat = [_with_always(x, y[:, size:]) for x, y in ((keys, key), (values, value))]
    room = MAP_WORKSPACES * pattern.workspace
    heads = max(1, room // (query.shape[0] * pattern.num_cubes * seen.shape[1]))
    trains = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    attention = _kernel(on_gpu=query.is_cuda, trains=trains)
    mixed: list[Tensor] = []
    for start in range(0, num_heads, heads):
        some = slice(start, start + heads)
        kept = _kept_blocks(pooled[0][:, some], pooled[1][:, some], seen, pattern)
        mixed.append(
            attention(
                queries[:, some].flatten(2, 3),
                *(x[:, some] for x in flat),
                block_mask=_block_mask(kept, seen),
            )
        )
    whole = torch.cat(mixed, dim=1).unflatten(2, (pattern.num_cubes, CUBE_TOKENS))
    out = join(whole, pattern).flatten(2)
    if query.shape[1] == size:
        return out
    return torch.cat([out, attend(query[:, size:], key, value, attendable)], dim=1)


@cache
def _kernel(*, on_gpu: bool, trains: bool) -> Callable[..., Tensor]:
    """Compile the kernel; the tiles of its backward pass that come without tuning exceed a cube."""
    if not on_gpu:
        return flex_attention
    mode = "max-autotune-no-cudagraphs" if trains else "default"
    compiled: Callable[..., Any] = torch.compile(flex_attention, dynamic=False, mode=mode)
    return partial(compiled, kernel_options=KERNEL)


def _with_always(
    cubes: Float[Tensor, "b k u p e"], always: Float[Tensor, "b a k e"]
) -> Float[Tensor, "b k m e"]:
    """Keys or values as whole blocks: the cubes, then the rest, filled up."""
    rest = rearrange(always, "b a k e -> b k a e")
    filled = nn.functional.pad(rest, (0, 0, 0, -rest.shape[2] % CUBE_TOKENS))
    return torch.cat([cubes.flatten(2, 3), filled], dim=2)


def _seen_blocks(
    attendable: Bool[Tensor, "b 1 1 n"] | None, pattern: SparsePattern, query: Tensor
) -> Bool[Tensor, "b v p"]:
    """Where there is something to see: the cubes, then blocks of what always is."""
    batch, num_tokens = query.shape[:2]
    if attendable is None:
        size = (batch, 1, 1, num_tokens)
        attendable = torch.ones(size, dtype=torch.bool, device=query.device)
    rest = attendable[:, 0, 0, pattern.num_tokens :]
    filled = nn.functional.pad(rest, (0, -rest.shape[1] % CUBE_TOKENS))
    return torch.cat(
        [cut_mask(attendable, pattern), rearrange(filled, "b (v p) -> b v p", p=CUBE_TOKENS)], dim=1
    )


def _kept_blocks(
    queries: Float[Tensor, "b k u e"],
    keys: Float[Tensor, "b k u e"],
    seen: Bool[Tensor, "b v p"],
    pattern: SparsePattern,
) -> Bool[Tensor, "b k u v"]:
    """Which blocks every query cube reads."""
    empty = ~seen[:, : pattern.num_cubes].any(-1)
    scores = (queries @ keys.mT).masked_fill(empty[:, None, None], -torch.inf)
    chosen = scores.topk(pattern.num_kept, dim=-1, sorted=False).indices
    kept = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, chosen, value=True)
    return nn.functional.pad(kept, (0, seen.shape[1] - pattern.num_cubes), value=True)


def _block_mask(kept: Bool[Tensor, "b k u v"], seen: Bool[Tensor, "b v p"]) -> BlockMask:
    places, side = seen.flatten(1), CUBE_TOKENS
    whole, some = seen.all(-1)[:, None, None], seen.any(-1)[:, None, None]
    return BlockMask.from_kv_blocks(
        *_listed(kept & some & ~whole),
        *_listed(kept & whole),
        BLOCK_SIZE=CUBE_TOKENS,
        mask_mod=lambda b, h, q, m: kept[b, h, q // side, m // side] & places[b, m],
        seq_lengths=(kept.shape[2] * CUBE_TOKENS, places.shape[1]),
    )


def _listed(
    kept: Bool[Tensor, "b k u v"],
) -> tuple[Int[Tensor, "b k u"], Int[Tensor, "b k u v"]]:
    """How many blocks each row reads, and which: those first."""
    order = kept.to(torch.int8).argsort(dim=-1, descending=True, stable=True)
    return kept.sum(-1, dtype=torch.int32), order.to(torch.int32)
