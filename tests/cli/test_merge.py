import json

import pytest
import torch

from openreels.models.mmdit.model import MMDiT
from openreels.weights.checkpoint import load_network

NAME = "video.token_in"


def test_a_merge_holds_the_changes_and_tells_them(openreels, files, tiny_model, changes):
    base = tiny_model / "mmdit.safetensors"
    words = ("merge", f"{changes}=-0.5", "--base", base, "-o", "both.safetensors")
    told = json.loads(openreels(*words, "--json").out)
    assert told == {"path": "both.safetensors", "parts": [{"path": changes, "share": -0.5}]}
    before, after = (load_network(f, kind=MMDiT) for f in (base, files / "both.safetensors"))
    moved = {
        name: value - before.state_dict()[name]
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert list(moved) == [f"{NAME}.weight"]
    assert torch.allclose(moved[f"{NAME}.weight"], torch.tensor(-1.0), atol=1e-5)
    assert openreels(*words).out == "both.safetensors\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["picture.png"], "not a safetensors file"),
        (["none.safetensors"], "no weights file"),
        (["one.safetensors=x"], "merge takes FILE or FILE=SCALE"),
        (["one.safetensors", "--base", "none.safetensors"], "no weights file"),
    ],
)
def test_what_cannot_be_merged_is_one_sentence(openreels, files, changes, words, message):
    result = openreels("merge", *words, "-o", "both.safetensors")
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (files / "both.safetensors").exists()
