"""Attention of cubes to their chosen cubes by gathering blocks: plain products, any device.

A few query cubes at a time, so that memory stays bounded; what was gathered is gathered again in
the backward pass if keeping it would take too much.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from openreels.nn.attention import attend
from openreels.nn.cubes import CUBE_TOKENS, SparsePattern, cut, join, pool, seen_places

KEPT_WORKSPACES = 16
"""Workspaces that a training step may keep for the backward pass of one layer."""


class _Source(NamedTuple):
    """What some heads read; sample and head are one axis, ``h``."""

    keys: Float[Tensor, "h u p e"]
    values: Float[Tensor, "h u p e"]
    pooled_keys: Float[Tensor, "h u e"]
    seen: Bool[Tensor, "h u p"] | None
    always_keys: Float[Tensor, "h a e"]
    always_values: Float[Tensor, "h a e"]
    always_seen: Bool[Tensor, "h a"] | None


def gathered_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    attendable: Bool[Tensor, "b 1 1 n"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Run the fine stage of VSA: every query cube reads its top-K cubes and all that is no grid.

    Args:
        query: What reads.
        key: What is compared.
        value: What is read.
        pattern: The grid and the number of cubes read.
        attendable: True where a key may be seen; None means everywhere.

    Returns:
        The mixed values, heads joined; bfloat16 under autocast, as ``attend`` gives.
    """
    size = pattern.num_tokens
    parts = []
    if query.shape[1] > size:
        parts.append(attend(query[:, size:], key, value, attendable))
    if query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        query, key, value = query.bfloat16(), key.bfloat16(), value.bfloat16()
    with torch.autocast(query.device.type, enabled=False):
        parts.insert(0, _grid(query, key, value, pattern, attendable))
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _grid(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    attendable: Bool[Tensor, "b 1 1 n"] | None,
) -> Float[Tensor, "b g d"]:
    batch, num_heads, width = query.shape[0], *query.shape[2:]
    source, seen = _source(key, value, pattern, attendable)
    queries = cut(query[:, : pattern.num_tokens], pattern)
    pooled = pool(queries, seen).flatten(0, 1).detach()
    queries = (queries * width**-0.5).flatten(0, 1)
    num_always = source.always_keys.shape[1]
    read = pattern.num_kept * CUBE_TOKENS
    cost = 2 * CUBE_TOKENS * (read + num_always) + 2 * read * width
    room = max(1, pattern.workspace // cost)
    again = (
        torch.is_grad_enabled()
        and any(x.requires_grad for x in (query, key, value))
        and cost * len(queries) * pattern.num_cubes > KEPT_WORKSPACES * pattern.workspace
    )
    mixed = []
    for some, some_pooled, part in _chunks(queries, pooled, source, room):
        if again:
            mixed.append(
                checkpoint(
                    *(_read, some, some_pooled, part, pattern.num_kept),
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
            )
        else:
            mixed.append(_read(some, some_pooled, part, pattern.num_kept))
    whole = torch.cat(mixed).view(batch, num_heads, pattern.num_cubes, CUBE_TOKENS, width)
    return join(whole, pattern).flatten(2)


def _source(
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    attendable: Bool[Tensor, "b 1 1 n"] | None,
) -> tuple[_Source, Bool[Tensor, "b u p"] | None]:
    """What is read, with zeros for the values that are hidden: a cube without any reads zeros."""
    size, num_heads = pattern.num_tokens, key.shape[2]
    keys, values = cut(key[:, :size], pattern), cut(value[:, :size], pattern)
    seen = seen_places(attendable, pattern, key)
    pooled = pool(keys, seen)
    always_keys, always_values = (
        rearrange(x[:, size:], "b a k e -> (b k) a e") for x in (key, value)
    )
    each = always_seen = None
    if seen is not None:
        each = seen.repeat_interleave(num_heads, dim=0)
    if seen is not None and attendable is not None:
        values = values.masked_fill(~rearrange(seen, "b u p -> b 1 u p 1"), 0)
        rest = attendable[:, 0, 0, size:].expand(key.shape[0], -1)
        always_seen = rest.repeat_interleave(num_heads, dim=0)
        always_values = always_values.masked_fill(~always_seen.unsqueeze(-1), 0)
    source = _Source(
        keys=keys.flatten(0, 1).contiguous(),
        values=values.flatten(0, 1).contiguous(),
        pooled_keys=pooled.flatten(0, 1).detach(),
        seen=each,
        always_keys=always_keys,
        always_values=always_values,
        always_seen=always_seen,
    )
    return source, seen


def _chunks(
    queries: Float[Tensor, "h u p e"],
    pooled: Float[Tensor, "h u e"],
    source: _Source,
    room: int,
) -> Iterator[tuple[Float[Tensor, "i r p e"], Float[Tensor, "i r e"], _Source]]:
    """Query cubes in order, ``room`` at a time or fewer: several whole heads, or parts of one."""
    num_heads, num_cubes = queries.shape[:2]
    heads = max(1, room // num_cubes)
    columns = [
        [None] * -(-num_heads // heads) if part is None else part.split(heads) for part in source
    ]
    parts = (_Source(*column) for column in zip(*columns, strict=True))
    for some, some_pooled, part in zip(
        queries.split(heads), pooled.split(heads), parts, strict=True
    ):
        rows = zip(some.split(room, 1), some_pooled.split(room, 1), strict=True)
        yield from ((row, row_pooled, part) for row, row_pooled in rows)


def _read(
    queries: Float[Tensor, "h r p e"],
    pooled: Float[Tensor, "h r e"],
    source: _Source,
    num_kept: int,
) -> Float[Tensor, "hr p e"]:
    heads, rows, places, width = queries.shape
    cubes = _choose(pooled, source, num_kept)
    count, num_read = heads * rows, num_kept * places

    def gather(blocks: Float[Tensor, "h u p e"]) -> Float[Tensor, "hr m e"]:
        return blocks.flatten(0, 1).flatten(1).index_select(0, cubes).view(count, num_read, width)

    logits = torch.bmm(queries.reshape(count, places, width), gather(source.keys).mT)
    lowest = torch.finfo(logits.dtype).min
    if source.seen is not None:
        seen = source.seen.flatten(0, 1).index_select(0, cubes).view(count, 1, num_read)
        logits = logits.masked_fill(~seen, lowest)
    num_always = source.always_keys.shape[1]
    if num_always:
        wide = torch.bmm(queries.reshape(heads, rows * places, width), source.always_keys.mT)
        if source.always_seen is not None:
            wide = wide.masked_fill(~source.always_seen.unsqueeze(1), lowest)
        logits = torch.cat([logits, wide.view(count, places, num_always)], dim=-1)
    near, always = logits.softmax(-1).split([num_read, num_always], dim=-1)
    mixed = torch.bmm(near, gather(source.values))
    if num_always:
        flat = always.reshape(heads, rows * places, num_always)
        mixed = mixed + torch.bmm(flat, source.always_values).view_as(mixed)
    return mixed


def _choose(
    pooled: Float[Tensor, "h r e"], source: _Source, num_kept: int
) -> Int[Tensor, " chosen"]:
    """Cubes that each query cube reads, counted through all heads; the choice has no gradient."""
    num_heads, num_cubes = source.pooled_keys.shape[:2]
    scores = torch.bmm(pooled, source.pooled_keys.mT)
    if source.seen is not None:
        empty = ~source.seen.any(-1)
        scores = scores.masked_fill(empty.unsqueeze(1), -torch.inf)
    chosen = scores.topk(num_kept, dim=-1, sorted=False).indices
    first = torch.arange(num_heads, device=pooled.device) * num_cubes
    return (chosen + first[:, None, None]).flatten()
