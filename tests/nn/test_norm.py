import torch

from openreels.nn.norm import HeadNorm, layer_norm


def test_layer_norm_centres_and_scales_every_token():
    normalised = layer_norm(5 + 3 * torch.randn(2, 4, 16))
    assert torch.allclose(normalised.mean(-1), torch.zeros(2, 4), atol=1e-5)
    assert torch.allclose(normalised.square().mean(-1), torch.ones(2, 4), atol=1e-4)


def test_head_norm_has_unit_root_mean_square_times_gain():
    norm = HeadNorm(8)
    with torch.no_grad():
        norm.weight.fill_(2.0)
    heads = norm(7 * torch.randn(2, 3, 4, 8))
    assert torch.allclose(heads.square().mean(-1), torch.full((2, 3, 4), 4.0), atol=1e-4)


def test_head_norm_ignores_the_length_of_its_input():
    heads = torch.randn(1, 2, 3, 8)
    norm = HeadNorm(8)
    assert torch.allclose(norm(heads), norm(100 * heads), atol=1e-5)
