import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.nn.cubes import (
    CUBE_TOKENS,
    SparsePattern,
    cube_of_tokens,
    cut,
    join,
    kept_cubes,
    pool,
    ramped_sparsity,
    seen_places,
)

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))


def _tokens(pattern, batch=1):
    return torch.randn(batch, pattern.num_tokens, 2, 3)


@given(SIDES)
def test_joining_undoes_cutting(grid):
    pattern = SparsePattern(grid=grid, top_k=1)
    tokens = _tokens(pattern, batch=2)
    cubes = cut(tokens, pattern)
    assert cubes.shape == (2, 2, pattern.num_cubes, CUBE_TOKENS, 3)
    assert torch.equal(join(cubes, pattern), tokens)


@given(SIDES)
def test_a_token_lies_in_the_cube_that_is_told(grid):
    pattern = SparsePattern(grid=grid, top_k=1)
    place = cube_of_tokens(pattern)
    cubes = cut(place.float()[None, :, None, None] + 1, pattern)[0, 0, :, :, 0]
    for index, cube in enumerate(cubes):
        assert set(cube.tolist()) <= {0.0, index + 1.0}
    assert (cubes > 0).sum() == pattern.num_tokens


@given(SIDES)
def test_means_are_over_the_tokens_that_are_there(grid):
    pattern = SparsePattern(grid=grid, top_k=1)
    tokens, place = _tokens(pattern), cube_of_tokens(pattern)
    means = pool(cut(tokens, pattern), seen_places(None, pattern, tokens))
    for cube in range(pattern.num_cubes):
        expected = tokens[0, place == cube].mean(0)
        torch.testing.assert_close(means[0, :, cube], expected, atol=1e-5, rtol=1e-5)


def test_hidden_tokens_are_in_no_mean():
    pattern = SparsePattern(grid=(2, 5, 4), top_k=1)
    tokens = _tokens(pattern)
    attendable = torch.rand(1, 1, 1, 44) < 0.5  # four more tokens are no part of the grid
    attendable[..., cube_of_tokens(pattern).eq(1).nonzero()] = False
    seen = seen_places(attendable, pattern, tokens)
    assert seen.sum() == attendable[..., :40].sum()
    before = pool(cut(tokens, pattern), seen)
    tokens[:, ~attendable[0, 0, 0, :40]] = 1e6
    assert torch.equal(pool(cut(tokens, pattern), seen), before)
    assert torch.equal(before[:, :, 1], torch.zeros(1, 2, 3))


def test_a_whole_grid_needs_no_mask_and_halves_are_averaged_in_fp32():
    pattern = SparsePattern(grid=(4, 8, 4), top_k=9)
    tokens = torch.ones(1, 128, 1, 1, dtype=torch.bfloat16)
    tokens[0, 0] = 257.0
    assert seen_places(None, pattern, tokens) is None
    means = pool(cut(tokens, pattern), None)
    assert means.dtype == torch.float32
    assert means[0, 0, 0, 0].item() == (256 + 63) / 64
    assert pattern.num_kept == pattern.num_cubes == 2
    assert pattern.is_dense


@pytest.mark.parametrize("change", [{"grid": (0, 4, 4)}, {"top_k": 0}, {"workspace": 0}])
def test_impossible_patterns_are_refused(change):
    with pytest.raises(ValueError, match="got"):
        SparsePattern(**({"grid": (4, 4, 4), "top_k": 1} | change))


@pytest.mark.parametrize(
    ("num_cubes", "sparsity", "kept"),
    [(256, 0.875, 32), (10, 0.7, 3), (10, 0.71, 3), (10, 0.69, 4), (7, 1.0, 1), (7, 0.0, 7)],
)
def test_what_stays_is_rounded_up(num_cubes, sparsity, kept):
    assert kept_cubes(num_cubes, sparsity) == kept


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(0, 1))
def test_sparsity_climbs_from_dense_to_the_target(points, target):
    climb = [ramped_sparsity(point, target=target) for point in sorted(points)]
    assert climb == sorted(climb)
    assert ramped_sparsity(0.0, target=target) == 0
    assert ramped_sparsity(0.3, target=target) == ramped_sparsity(1.0, target=target) == target


def test_stairs_are_equal():
    at = [ramped_sparsity(i / 8, target=0.8, ramp=0.5, num_stairs=4) for i in range(9)]
    assert at == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8])


def test_shares_out_of_range_are_refused():
    with pytest.raises(ValueError, match="sparsity must be 0"):
        kept_cubes(4, 1.5)
    with pytest.raises(ValueError, match="progress and target"):
        ramped_sparsity(1.2, target=0.9)
