import pytest
import torch

from openreels.nn import product_attention as module
from openreels.nn.attention import plain_attend
from openreels.nn.product_attention import product_attend


def _heads(*lengths):
    return [torch.randn(3, length, 2, 16, requires_grad=True) for length in lengths]


def _values_and_gradients(attention, heads, mask, weight):
    mixed = attention(*heads, mask)
    return [mixed, *torch.autograd.grad((mixed.float() * weight).sum(), heads)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cached", [1, 50, 13 * 17 * 2, 13 * 17 * 4, 2**21])
def test_pieces_of_any_size_give_the_plain_values_and_gradients(monkeypatch, masked, cached):
    monkeypatch.setattr(module, "CACHED", cached)
    heads = _heads(13, 17, 17)
    mask = (torch.rand(3, 1, 1, 17) < 0.6) if masked else None
    weight = torch.randn(3, 13, 32)
    fast = _values_and_gradients(product_attend, heads, mask, weight)
    plain = _values_and_gradients(plain_attend, heads, mask, weight)
    for got, expected in zip(fast, plain, strict=True):
        error = (got.float() - expected).norm() / expected.norm()
        assert error < 0.01


def test_hidden_keys_change_nothing_and_get_no_gradient():
    query, key, value = _heads(5, 7, 7)
    mask = torch.ones(3, 1, 1, 7, dtype=torch.bool)
    mask[..., 4:] = False
    short = product_attend(query, key[:, :4], value[:, :4])
    mixed = product_attend(query, key, value, mask)
    assert torch.allclose(mixed.float(), short.float(), atol=0.02)
    for grad in torch.autograd.grad(mixed.float().square().sum(), [key, value]):
        assert grad[:, :4].abs().sum() > 0
        assert not grad[:, 4:].any()


def test_pieces_cover_every_head_and_row_once():
    for shape in ((6, 13, 17), (1, 1, 1), (7, 2000, 3000), (132, 192, 200), (3, 5, 4_000_000)):
        seen = torch.zeros(*shape[:2], dtype=torch.int)
        for heads, rows in module._pieces(*shape):
            seen[heads, rows] += 1
            held = seen[heads, rows].numel() * shape[2]
            assert held <= module.CACHED or seen[heads, rows].numel() == 1
        assert (seen == 1).all()
