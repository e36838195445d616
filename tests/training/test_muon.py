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
