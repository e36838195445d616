import pytest
import torch
from torch.testing import assert_close

from openreels.training.muon import Muon, orthogonalised


def test_singular_values_move_to_about_one_and_vectors_stay():
    u, _, v = torch.linalg.svd(torch.randn(12, 30), full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(0.3, 3, 12)) @ v
    out = orthogonalised(matrix)
    middle = u.T @ out @ v.T
    assert ((middle.diag() > 0.6) & (middle.diag() < 1.3)).all()
    assert (middle - middle.diag().diag()).abs().max() < 1e-3


def test_tall_and_wide_matrices_are_treated_alike():
    matrix = torch.randn(8, 20)
    assert_close(orthogonalised(matrix).T, orthogonalised(matrix.T), atol=1e-5, rtol=1e-5)


def test_a_step_has_the_size_that_the_rate_says():
    weight = torch.nn.Parameter(torch.zeros(16, 4, 3, 3))
    weight.grad = torch.randn_like(weight) * 1e-3
    Muon([weight], lr=0.1, weight_decay=0).step()
    rms = weight.detach().square().mean().sqrt()
    assert 0.5 * 0.02 < rms < 1.2 * 0.02


def test_it_finds_the_least_of_a_bowl():
    target = torch.randn(6, 6)
    weight = torch.nn.Parameter(torch.zeros(6, 6))
    muon = Muon([weight], lr=0.3, weight_decay=0)
    for step in range(200):
        muon.param_groups[0]["lr"] = 0.3 * (1 - step / 200)
        muon.zero_grad()
        (weight - target).square().sum().backward()
        muon.step()
    assert (weight - target).abs().max() < 0.1


def test_bfloat16_moves_singular_values_close_to_one_too():
    matrix = torch.randn(24, 64, generator=torch.Generator().manual_seed(0))
    out = orthogonalised(matrix, bf16=True)
    assert out.dtype == torch.float32
    values = torch.linalg.svdvals(out)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_matrices_of_one_stack_are_treated_as_one_by_one():
    for shape in ((5, 8, 20), (5, 20, 8), (2, 3, 12, 12)):
        stack = torch.randn(*shape) * torch.logspace(-4, 2, shape[0]).view(
            -1, *[1] * len(shape[1:])
        )
        together = orthogonalised(stack).flatten(0, -3)
        alone = torch.stack([orthogonalised(one) for one in stack.flatten(0, -3)])
        assert_close(together, alone, atol=1e-5, rtol=1e-5)
        assert orthogonalised(stack).shape == stack.shape


def test_a_matrix_without_a_gradient_signal_stays_zero():
    stack = torch.stack([torch.zeros(6, 6), torch.randn(6, 6)])
    out = orthogonalised(stack)
    assert (out[0] == 0).all()
    assert torch.linalg.svdvals(out[1]).max() > 0.6


def weights_with_gradients(shapes):
    draw = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(*shape, generator=draw)) for shape in shapes]
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=draw)
    return weights


def test_a_stacked_weight_is_treated_as_its_pieces():
    (stacked,) = weights_with_gradients([(24, 8)])
    pieces = [torch.nn.Parameter(piece.clone()) for piece in stacked.detach().chunk(3)]
    assert stacked.grad is not None
    for piece, grad in zip(pieces, stacked.grad.chunk(3), strict=True):
        piece.grad = grad.clone()
    whole = torch.nn.Parameter(stacked.detach().clone())
    whole.grad = stacked.grad.clone()
    for groups in ([{"params": [stacked], "pieces": 3}], [{"params": pieces}], [whole]):
        muon = Muon(groups, lr=0.1)
        for _ in range(3):
            muon.step()
    assert torch.equal(stacked, torch.cat(pieces))
    assert not torch.allclose(stacked, whole, atol=1e-2)


def test_one_step_of_many_weights_is_that_of_each_alone():
    shapes = [(8, 8), (16, 8), (8, 8), (8, 16), (24, 8), (8, 2, 2, 2)]
    together, alone = weights_with_gradients(shapes), weights_with_gradients(shapes)
    pieces = [1, 2, 1, 1, 3, 1]
    groups = [{"params": [w], "pieces": n} for w, n in zip(together, pieces, strict=True)]
    both = Muon(groups, lr=0.1)
    singles = [
        Muon([{"params": [w], "pieces": n}], lr=0.1) for w, n in zip(alone, pieces, strict=True)
    ]
    for _ in range(3):
        for muon in (both, *singles):
            muon.step()
    for one, other in zip(together, alone, strict=True):
        assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_pieces_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="pieces must divide the rows of every weight, got 3 and"):
        Muon([{"params": [torch.nn.Parameter(torch.zeros(8, 4))], "pieces": 3}], lr=0.1)
