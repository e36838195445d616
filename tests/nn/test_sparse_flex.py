"""On a CPU flex_attention runs in the open and forwards only; what it is given is what counts."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import flex_attention

from openreels.nn.cubes import CUBE_TOKENS, SparsePattern, cut, join, pool
from openreels.nn.sparse_flex import (
    _block_mask,
    _kept_blocks,
    _seen_blocks,
    _with_always,
    flex_attend,
)
from openreels.nn.sparse_gather import gathered_attend

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
GRIDS = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 6))


def _heads(pattern, others, width=16):
    return [torch.randn(2, pattern.num_tokens + others, 2, width) for _ in range(3)]


@settings(max_examples=10)
@given(GRIDS, st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_equals_the_path_by_gathering(grid, top_k, others, hidden):
    pattern = SparsePattern(grid=grid, top_k=top_k)
    heads = _heads(pattern, others)
    mask = torch.rand(2, 1, 1, pattern.num_tokens + others) < 0.7 if hidden else None
    expected = gathered_attend(*heads, pattern, mask)
    torch.testing.assert_close(flex_attend(*heads, pattern, mask), expected, atol=2e-6, rtol=1e-5)


def test_heads_in_turn_are_heads_at_once():
    pattern = SparsePattern(grid=(4, 8, 8), top_k=2)
    heads = _heads(pattern, 3)
    expected = flex_attend(*heads, pattern)
    pattern = replace(pattern, workspace=1)
    torch.testing.assert_close(flex_attend(*heads, pattern), expected, atol=2e-6, rtol=1e-5)


def test_the_lists_hold_each_kept_block_once_and_only_ragged_ones_go_through_the_mask():
    pattern = SparsePattern(grid=(4, 8, 6), top_k=3)
    query, others = torch.randn(1, pattern.num_tokens + 70, 1, 8), 2
    seen = _seen_blocks(None, pattern, query)
    pooled = torch.randn(1, 1, pattern.num_cubes, 8)
    kept = _kept_blocks(pooled, pooled, seen, pattern)
    assert kept.sum(-1).unique().tolist() == [3 + others]
    mask = _block_mask(kept, seen)
    ragged = {1, 3, 5}  # two cubes whose columns are 4 and 5 alone; the last block of the rest
    for row in range(pattern.num_cubes):
        some = mask.kv_indices[0, 0, row, : mask.kv_num_blocks[0, 0, row]].tolist()
        whole = mask.full_kv_indices[0, 0, row, : mask.full_kv_num_blocks[0, 0, row]].tolist()
        assert sorted(some + whole) == kept[0, 0, row].nonzero().flatten().tolist()
        assert set(some) <= ragged
        assert not ragged & set(whole)


@pytest.mark.slow
def test_the_compiled_kernel_reads_the_listed_blocks_alone():
    """Uncompiled, the lists do not count, only the mask; a kernel for CPUs does read them."""
    pattern = SparsePattern(grid=(4, 9, 16), top_k=2)
    heads, size = _heads(pattern, 20, width=32), pattern.num_tokens
    seen = _seen_blocks(None, pattern, heads[0])
    cubes = [cut(x[:, :size], pattern) for x in heads]
    pooled = [pool(x, seen[:, : pattern.num_cubes]) for x in cubes[:2]]
    whole = torch.compile(flex_attention, dynamic=False)(
        cubes[0].flatten(2, 3),
        *(_with_always(x, y[:, size:]) for x, y in zip(cubes[1:], heads[1:], strict=True)),
        block_mask=_block_mask(_kept_blocks(*pooled, seen, pattern), seen),
    )
    out = join(whole.unflatten(2, (pattern.num_cubes, CUBE_TOKENS)), pattern).flatten(2)
    expected = gathered_attend(*heads, pattern)[:, :size]
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
