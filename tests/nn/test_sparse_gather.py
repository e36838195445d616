import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.nn.attention import attend
from openreels.nn.cubes import SparsePattern
from openreels.nn.sparse_gather import KEPT_WORKSPACES, gathered_attend

GRIDS = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))


def _heads(pattern, others):
    return [torch.randn(2, pattern.num_tokens + others, 3, 4) for _ in range(3)]


@given(GRIDS, st.integers(0, 2), st.booleans())
def test_gathering_every_cube_is_dense_attention(grid, others, hidden):
    pattern = SparsePattern(grid=grid, top_k=99)
    heads = _heads(pattern, others)
    mask = torch.rand(2, 1, 1, pattern.num_tokens + others) < 0.7 if hidden else None
    out = gathered_attend(*heads, pattern, mask)
    torch.testing.assert_close(out, attend(*heads, mask), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("workspace", [1, 60_000, 150_000, 1 << 24])
def test_the_size_of_the_workspace_changes_nothing(workspace):
    """One cube at a time, some cubes of a head, several heads, everything at once."""
    pattern = SparsePattern(grid=(4, 8, 9), top_k=2, workspace=workspace)
    heads = _heads(pattern, 3)
    expected = gathered_attend(*heads, SparsePattern(grid=(4, 8, 9), top_k=2))
    torch.testing.assert_close(gathered_attend(*heads, pattern), expected, atol=2e-6, rtol=1e-5)


def _kept_bytes(workspace):
    """Bytes that the backward pass of a layer waits for, each storage once."""
    pattern = SparsePattern(grid=(8, 16, 16), top_k=8, workspace=workspace)
    heads = [torch.randn(1, pattern.num_tokens, 1, 16, requires_grad=True) for _ in range(3)]
    kept = {}

    def pack(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        out = gathered_attend(*heads, pattern)
    out.sum().backward()
    return sum(kept.values())


def test_what_waits_for_the_backward_pass_is_bounded():
    heads = 4 * 3 * 2048 * 16
    assert _kept_bytes(1 << 22) > 10 * heads
    small = 1 << 12
    assert _kept_bytes(small) < 4 * KEPT_WORKSPACES * small + 3 * heads
