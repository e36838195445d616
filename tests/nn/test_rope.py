import pytest
import torch

from openreels.nn.rope import rotary_table, rotate

WIDTHS, THETAS = (8, 4, 4), (100.0, 30.0, 30.0)


def _scores(query, key, positions, shift):
    table = rotary_table(positions + shift, WIDTHS, THETAS)
    return torch.einsum("bnke,bmke->bknm", rotate(query, table), rotate(key, table))


def test_scores_depend_on_relative_positions_only():
    query, key = torch.randn(2, 6, 3, 16), torch.randn(2, 6, 3, 16)
    positions = 10 * torch.rand(2, 6, 3)
    shift = torch.tensor([-3.5, 2.0, 11.0])
    here, there = (_scores(query, key, positions, x) for x in (0.0, shift))
    assert torch.allclose(here, there, atol=1e-4)
    moved = _scores(query, key, positions * 1.1, 0.0)
    assert not torch.allclose(here, moved, atol=1e-2)


def test_rotation_matches_matrices_in_float64():
    positions = torch.tensor([[[2.5], [-1.0]]])
    heads = torch.randn(1, 2, 1, 6)
    rotated = rotate(heads, rotary_table(positions, (6,), (50.0,)))
    expected = heads.double().clone()
    for token in range(2):
        for pair in range(3):
            angle = positions[0, token, 0].double() * 50.0 ** (-2 * pair / 6)
            turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
            part = slice(2 * pair, 2 * pair + 2)
            expected[0, token, 0, part] = turn.double() @ heads[0, token, 0, part].double()
    assert torch.allclose(rotated.double(), expected, atol=1e-6)


def test_origin_changes_nothing_and_length_is_kept():
    heads = torch.randn(1, 3, 2, 16)
    assert torch.equal(rotate(heads, rotary_table(torch.zeros(1, 3, 3), WIDTHS, THETAS)), heads)
    turned = rotate(heads, rotary_table(torch.randn(1, 3, 3), WIDTHS, THETAS))
    assert torch.allclose(turned.norm(dim=-1), heads.norm(dim=-1), atol=1e-5)


def test_rotation_keeps_the_dtype():
    heads = torch.randn(1, 3, 2, 16).bfloat16()
    table = rotary_table(torch.randn(1, 3, 3), WIDTHS, THETAS)
    assert rotate(heads, table).dtype == torch.bfloat16


def test_impossible_axes_are_refused():
    with pytest.raises(ValueError, match="same number of axes"):
        rotary_table(torch.zeros(1, 2, 1), WIDTHS, THETAS)
    with pytest.raises(ValueError, match="must be even"):
        rotary_table(torch.zeros(1, 2, 1), (3,), (10.0,))
