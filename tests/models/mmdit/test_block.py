import torch

from openreels.models.mmdit.block import Block, Hidden, Surroundings
from openreels.models.mmdit.presets import tiny
from openreels.nn.modulation import AdaLN
from openreels.nn.rope import rotary_table


def _ada(scale, gate):
    def row(value):
        return torch.full((2, 1, 32), value)

    return [AdaLN(row(0.0), row(scale), row(gate)) for _ in range(4)]


def _around(num_tokens, num_text):
    clock = rotary_table(torch.rand(2, num_tokens, 1), (16,), (10.0,))
    rotary = torch.cat([clock, torch.ones(2, num_text, 1, 8, dtype=clock.dtype)], dim=1)
    return Surroundings(rotary, clock, None, None, None)


def _hidden(num_tokens=5, num_text=3):
    return Hidden(torch.randn(2, num_tokens, 32), torch.randn(2, num_text, 32))


def test_closed_gates_are_the_identity():
    for dual in (True, False):
        block, hidden, around = Block(tiny(), dual=dual), _hidden(), _around(5, 3)
        ada = _ada(1.0, 0.0)
        out = block.read_text(hidden, around, ada=ada, text_ada=ada)
        out = block.read_partner(out, _hidden(4), (around, _around(4, 3)), ada[2])
        out = block.think(out, ada=ada, text_ada=ada)
        assert torch.equal(out.tokens, hidden.tokens)
        assert torch.equal(out.text, hidden.text)


def test_a_single_block_is_a_dual_block_with_shared_parameters():
    single, dual = Block(tiny(), dual=False), Block(tiny(), dual=True)
    weights = single.state_dict()
    twins = {k.replace("modality", "text"): v for k, v in weights.items() if "modality" in k}
    dual.load_state_dict(weights | twins)
    hidden, around, ada = _hidden(), _around(5, 3), _ada(0.7, 0.5)
    for step in ("read_text", "think"):
        args = (around,) if step == "read_text" else ()
        left, right = (
            getattr(block, step)(hidden, *args, ada=ada, text_ada=ada) for block in (single, dual)
        )
        assert torch.allclose(left.tokens, right.tokens, atol=1e-6)
        assert torch.allclose(left.text, right.text, atol=1e-6)


def test_reading_the_partner_leaves_text_alone():
    block, hidden, around = Block(tiny(), dual=False), _hidden(), _around(5, 3)
    out = block.read_partner(hidden, _hidden(4), (around, _around(4, 3)), _ada(1.0, 1.0)[2])
    assert out.text is hidden.text
    assert not torch.equal(out.tokens, hidden.tokens)
