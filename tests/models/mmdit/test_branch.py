from dataclasses import replace

import torch

from openreels.models.mmdit.branch import Branch, Head
from openreels.models.mmdit.presets import tiny


def _branch(*, num_truths=0, gated=False, **change):
    config = replace(tiny(), **change)
    return Branch(config, num_in=5, num_out=4, num_truths=num_truths, gated=gated)


def test_text_has_modulations_of_its_own_in_dual_blocks_alone():
    branch = _branch(num_dual=2, num_single=3)
    pairs = branch.modulations(torch.randn(2, tiny().width))
    assert len(pairs) == 5
    assert [own is text for own, text in pairs] == [False] * 2 + [True] * 3


def test_gates_and_truths_are_there_where_they_are_asked_for():
    bare, whole = _branch(), _branch(num_truths=3, gated=True)
    more = set(whole.state_dict()) - set(bare.state_dict())
    assert {name.split(".")[0] for name in more} == {"blocks", "truth"}
    assert {name.split(".")[2] for name in more if name.startswith("blocks")} == {"coarse_gate"}
    tokens = torch.randn(2, 6, tiny().width)
    assert bare.tell(tokens) is None
    assert whole.tell(tokens).shape == (2, 6, 3)


def test_a_head_that_is_not_modulated_is_a_norm_and_a_layer():
    head = Head(8, 3)
    torch.nn.init.zeros_(head.modulation.weight)
    torch.nn.init.zeros_(head.modulation.bias)
    tokens = torch.randn(2, 5, 8)
    wanted = head.out(torch.nn.functional.layer_norm(tokens, (8,)))
    assert torch.allclose(head(tokens, torch.randn(2, 8)), wanted, atol=1e-5)
