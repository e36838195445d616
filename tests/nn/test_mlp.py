import torch

from openreels.nn.mlp import MLP


def test_every_token_is_transformed_by_itself():
    layer = MLP(8, 16)
    tokens = torch.randn(2, 5, 8)
    order = torch.randperm(5)
    assert torch.allclose(layer(tokens)[:, order], layer(tokens[:, order]), atol=1e-6)


def test_closed_form():
    layer = MLP(3, 3).double()
    with torch.no_grad():
        for linear in (layer.up, layer.down):
            linear.weight.copy_(torch.eye(3))
            linear.bias.zero_()
    tokens = torch.randn(1, 4, 3, dtype=torch.float64)
    assert torch.allclose(layer(tokens), tokens / (1 + torch.exp(-tokens)))
