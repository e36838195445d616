import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.nn.attention import attend
from openreels.nn.cubes import SparsePattern
from openreels.nn.sparse_attention import CoarseGate, plain_sparse_attend, sparse_attend

GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
PATHS = [sparse_attend, plain_sparse_attend]


def _heads(pattern, others, *, batch=2, grad=False, seed=0):
    source = torch.Generator().manual_seed(seed)
    size = (batch, pattern.num_tokens + others, 2, 8)
    return [torch.randn(size, generator=source).requires_grad_(grad) for _ in range(3)]


def _gate(pattern, batch=2):
    return torch.randn(batch, pattern.num_tokens, 2, 8, generator=torch.Generator().manual_seed(9))


def _mask(pattern, others, share, batch=2):
    source = torch.Generator().manual_seed(5)
    return torch.rand(batch, 1, 1, pattern.num_tokens + others, generator=source) < share


@given(GRIDS, st.integers(1, 4), st.integers(0, 3), st.booleans(), st.booleans())
def test_fast_equals_plain(grid, top_k, others, gated, hidden):
    pattern = SparsePattern(grid=grid, top_k=top_k, workspace=30_000)
    heads = _heads(pattern, others)
    gate = _gate(pattern) if gated else None
    mask = _mask(pattern, others, 0.7) if hidden else None
    fast = sparse_attend(*heads, pattern, gate=gate, attendable=mask)
    plain = plain_sparse_attend(*heads, pattern, gate=gate, attendable=mask)
    torch.testing.assert_close(fast, plain, atol=2e-6, rtol=1e-5)


@given(GRIDS, st.integers(0, 3), st.booleans())
def test_with_all_cubes_and_no_gate_it_is_dense_attention(grid, others, hidden):
    whole = SparsePattern(grid=grid, top_k=10**6)
    heads = _heads(whole, others)
    mask = _mask(whole, others, 0.7) if hidden else None
    dense = attend(*heads, mask)
    assert torch.equal(sparse_attend(*heads, whole, attendable=mask), dense)
    plain = plain_sparse_attend(*heads, whole, attendable=mask)
    torch.testing.assert_close(plain, dense, atol=2e-6, rtol=1e-5)
    shut = sparse_attend(*heads, whole, gate=torch.zeros(2, 1, 1, 1), attendable=mask)
    assert torch.equal(shut, dense)


@pytest.mark.parametrize("workspace", [1, 20_000, 1 << 22])
@pytest.mark.parametrize("hidden", [False, True])
def test_gradients_equal_those_of_the_plain_path(workspace, hidden):
    pattern = SparsePattern(grid=(5, 8, 6), top_k=3, workspace=workspace)
    mask = _mask(pattern, 5, 0.8) if hidden else None
    grads = []
    for path in PATHS:
        heads = _heads(pattern, 5, grad=True)
        gate = _gate(pattern).requires_grad_()
        out = path(*heads, pattern, gate=gate, attendable=mask)
        weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(7))
        grads.append(torch.autograd.grad((out * weight).sum(), [*heads, gate]))
    for got, expected in zip(*grads, strict=True):
        assert expected.abs().sum() > 0
        torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("path", PATHS)
def test_hidden_tokens_change_nothing(path):
    pattern = SparsePattern(grid=(4, 9, 5), top_k=2)
    heads, gate = _heads(pattern, 4), _gate(pattern)
    mask = _mask(pattern, 4, 0.6)
    mask[..., : 4 * 5] = False  # whole cubes, too
    before = path(*heads, pattern, gate=gate, attendable=mask)
    hidden = ~mask[:, 0, 0]
    moved = [x.masked_fill(hidden[:, :, None, None], 50.0) for x in heads]
    after = path(*moved, pattern, gate=gate, attendable=mask)
    seen = mask[:, 0, 0]
    torch.testing.assert_close(after[seen], before[seen], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_a_sample_without_keys_reads_zeros_with_finite_gradients(path):
    pattern = SparsePattern(grid=(4, 8, 8), top_k=2)
    heads, gate = _heads(pattern, 3, grad=True), _gate(pattern)
    mask = torch.ones(2, 1, 1, pattern.num_tokens + 3, dtype=torch.bool)
    mask[0] = False
    out = path(*heads, pattern, gate=gate, attendable=mask)
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    assert out[1].abs().sum() > 0
    assert all(x.isfinite().all() for x in torch.autograd.grad(out.sum(), heads))


@pytest.mark.parametrize("path", PATHS)
def test_one_cube_reads_itself_and_its_mean(path):
    """The coarse output of a lone cube is the mean of its values."""
    pattern = SparsePattern(grid=(3, 2, 4), top_k=1)
    heads, gate = _heads(pattern, 2), _gate(pattern)
    out = path(*heads, pattern, gate=gate)
    mean = heads[2][:, :24].mean(1, keepdim=True)
    expected = attend(*heads)
    expected[:, :24] += (gate * mean).flatten(2)
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("path", PATHS)
def test_each_cube_reads_the_one_that_answers_it(path):
    """Cubes in a ring of directions: each asks for its successor, and reads its value alone."""
    pattern = SparsePattern(grid=(4, 4, 12), top_k=1)
    columns = torch.arange(192) % 12 // 4
    angles = columns * 2 * torch.pi / 3
    key = 9 * torch.stack([angles.cos(), angles.sin()], -1)[None, :, None]
    turned = angles + 2 * torch.pi / 3
    query = 9 * torch.stack([turned.cos(), turned.sin()], -1)[None, :, None]
    value = columns.float()[None, :, None, None].expand(1, 192, 1, 2)
    out = path(query, key, value, pattern)
    assert torch.equal(out[0, :, 0].round(), ((columns + 1) % 3).float())
    torch.testing.assert_close(out, out.round(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("path", PATHS)
def test_other_tokens_are_dense_both_ways(path):
    pattern = SparsePattern(grid=(4, 4, 16), top_k=1)
    heads = _heads(pattern, 6)
    out = path(*heads, pattern)
    size = pattern.num_tokens
    dense = attend(heads[0][:, size:], heads[1], heads[2])
    torch.testing.assert_close(out[:, size:], dense, atol=2e-6, rtol=1e-5)
    value = heads[2].clone()
    value[:, size:] += 1
    assert (path(heads[0], heads[1], value, pattern) - out).abs().amin(-1).gt(0).all()


@pytest.mark.parametrize("grad", [False, True])
def test_bfloat16_follows_single_precision(grad):
    pattern = SparsePattern(grid=(4, 9, 8), top_k=2)
    heads, gate = _heads(pattern, 5), _gate(pattern)
    halves = [x.bfloat16().requires_grad_(grad) for x in heads]
    plain = plain_sparse_attend(*halves, pattern, gate=gate.bfloat16())
    out = sparse_attend(*halves, pattern, gate=gate.bfloat16())
    assert out.dtype == torch.bfloat16
    assert plain.dtype == torch.float32
    torch.testing.assert_close(out.float(), plain, atol=0.06, rtol=0.02)
    if grad:
        grads = [torch.autograd.grad(x.float().square().sum(), halves) for x in (out, plain)]
        for got, expected in zip(*grads, strict=True):
            assert got.dtype == torch.bfloat16
            assert (got - expected).norm() < 0.03 * expected.norm()


def test_autocast_takes_bfloat16_products():
    pattern = SparsePattern(grid=(4, 9, 8), top_k=2)
    heads, gate = _heads(pattern, 5), _gate(pattern)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = sparse_attend(*heads, pattern, gate=gate)
    assert out.dtype == torch.bfloat16
    plain = plain_sparse_attend(*heads, pattern, gate=gate)
    torch.testing.assert_close(out.float(), plain, atol=0.06, rtol=0.02)


def test_the_gate_starts_shut_and_learns():
    gate = CoarseGate(16, 2)
    tokens = torch.randn(2, 5, 16)
    opened = gate(tokens)
    assert torch.equal(opened, torch.zeros(2, 5, 2, 8))
    opened.sum().backward()
    assert gate.out.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("path", PATHS)
def test_too_few_tokens_are_refused(path):
    pattern = SparsePattern(grid=(4, 4, 5), top_k=1)
    with pytest.raises(ValueError, match="80 tokens, got 79"):
        path(*(torch.randn(1, 79, 2, 8) for _ in range(3)), pattern)
