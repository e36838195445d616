import pytest
import torch

from openreels.nn.modulation import (
    AdaLN,
    Modulation,
    add_gated,
    leading,
    modulate,
    with_clean,
)


def test_closed_forms():
    tokens, update = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    ada = AdaLN(torch.randn(2, 1, 4), torch.randn(2, 1, 4), torch.randn(2, 1, 4))
    assert torch.allclose(modulate(tokens, ada), tokens * ada.scale + ada.shift)
    assert torch.allclose(add_gated(tokens, update, ada), tokens + ada.gate * update)


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_every_block_and_sublayer_has_its_own_values(kind):
    layer = Modulation(4, num_blocks=3, num_sublayers=2, kind=kind)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    blocks = layer(torch.randn(2, 4))
    assert [len(block) for block in blocks] == [2, 2, 2]
    values = [part for block in blocks for ada in block for part in ada[:3]]
    assert all(value.shape == (2, 1, 4) for value in values)
    assert len({value[0, 0, 0].item() for value in values}) == len(values)


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_zero_parameters_leave_the_identity(kind):
    layer = Modulation(4, num_blocks=2, num_sublayers=1, kind=kind)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    ada = layer(torch.randn(2, 4))[1][0]
    tokens = torch.randn(2, 3, 4)
    assert torch.equal(modulate(tokens, ada), tokens)
    assert torch.equal(add_gated(tokens, torch.randn(2, 3, 4), ada), tokens)


def test_a_table_costs_one_layer_for_all_blocks():
    def count(kind, blocks):
        layer = Modulation(4, num_blocks=blocks, num_sublayers=2, kind=kind)
        return sum(parameter.numel() for parameter in layer.parameters())

    assert count("table", 5) - count("table", 4) == 2 * 3 * 4
    assert count("linear", 5) - count("linear", 4) == 2 * 3 * (4 * 4 + 4)


def test_tokens_without_noise_have_values_of_their_own_however_they_are_told():
    tokens, update = (torch.randn(2, 5, 4, requires_grad=True) for _ in range(2))
    parts = [torch.randn(2, 1, 4, requires_grad=True) for _ in range(6)]
    noisy, still = AdaLN(*parts[:3]), AdaLN(*parts[3:])
    marks = torch.arange(5).expand(2, 5) < 2
    results = []
    for where in (leading(marks, None), marks.unsqueeze(-1)):
        ada = with_clean(noisy, still, where)
        made = (modulate(tokens, ada), add_gated(tokens, update, ada))
        loss = sum(one.square().sum() for one in made)
        results.append([*made, *torch.autograd.grad(loss, [tokens, update, *parts])])
    assert torch.equal(results[0][0][:, :2], modulate(tokens, still)[:, :2])
    assert torch.equal(results[0][0][:, 2:], modulate(tokens, noisy)[:, 2:])
    assert torch.equal(results[0][1][:, :2], add_gated(tokens, update, still)[:, :2])
    assert torch.equal(results[0][1][:, 2:], add_gated(tokens, update, noisy)[:, 2:])
    for start, told in zip(*results, strict=True):
        assert torch.allclose(start, told, atol=1e-5)


def test_marks_at_the_start_are_a_number_and_padding_counts_as_either():
    marks = torch.tensor([[True, True, False, False], [True, False, False, False]])
    assert torch.equal(leading(marks, None), marks.unsqueeze(-1))
    seen = torch.tensor([[True, True, True, True], [True, False, True, False]])
    assert leading(marks, seen) == 2
    assert leading(torch.zeros_like(marks), None) == 0
    assert leading(torch.ones_like(marks), None) == 4
    turned = marks.flip(1)
    assert torch.equal(leading(turned, seen.flip(1)), turned.unsqueeze(-1))
