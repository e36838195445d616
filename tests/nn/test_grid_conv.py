import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, silu

from openreels.nn.grid_conv import GridConv

GRID = (3, 4, 5)


def _conv(depth=2, num_truths=0):
    torch.manual_seed(0)
    return GridConv(7, 12, hidden=6, depth=depth, num_truths=num_truths)


def _inputs():
    torch.manual_seed(1)
    return torch.randn(2, 60, 7), torch.randn(2, 12)


def _plain(conv, weights, x):
    """The same as a 3-D convolution: channels are grouped by the frame they belong to."""
    kernel = weights.weight.unflatten(1, (3, -1)).movedim(1, 2)
    return nn.functional.conv3d(x, kernel, weights.bias, padding=1)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_a_stack_of_3d_convolutions(depth):
    conv, (tokens, features) = _conv(depth), _inputs()
    x = _plain(conv, conv.first, tokens.mT.unflatten(2, GRID))
    shifts, scales = conv.modulation(features).chunk(2, dim=1)

    def active(x, index):
        part = slice(6 * index, 6 * index + 6)
        normed = layer_norm(x.movedim(1, -1), (6,), eps=1e-6)
        shaped = [y[:, None, None, None, part] for y in (shifts, 1 + scales)]
        return silu(normed * shaped[1] + shaped[0]).movedim(-1, 1)

    for index, layer in enumerate(conv.later):
        x = x + _plain(conv, layer, active(x, index))
    expected = conv.grid_out(active(x, depth - 1).flatten(2).mT)
    torch.testing.assert_close(conv(tokens, features, GRID), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("depth", [1, 3])
def test_it_reaches_as_many_cells_as_it_is_deep(depth):
    conv, (_, features) = _conv(depth), _inputs()
    grid = (9, 9, 9)
    tokens = torch.randn(2, 729, 7, requires_grad=True)
    conv(tokens, features, grid).unflatten(1, grid)[:, 4, 4, 4].sum().backward()
    seen = tokens.grad.abs().sum((0, 2)).unflatten(0, grid) > 0
    cells = torch.arange(9).sub(4).abs() <= depth
    assert torch.equal(seen, cells[:, None, None] & cells[:, None] & cells)


def test_what_it_tells_comes_from_what_it_adds():
    conv, (tokens, features) = _conv(num_truths=3), _inputs()
    nn.init.eye_(conv.grid_out.weight)
    conv.grid_out.bias.data.zero_()
    told = conv.tell(tokens, features, GRID)
    added = conv(tokens, features, GRID)[..., :6]
    torch.testing.assert_close(told, conv.truth(layer_norm(added, (6,), eps=1e-6)))
    assert told.shape == (2, 60, 3)
    assert _conv().tell(tokens, features, GRID) is None
