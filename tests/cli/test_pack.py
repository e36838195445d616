import json

import pytest

from openreels.weights.checkpoint import read_network_header


def test_a_model_is_packed_and_inspected(openreels, files, tiny_model):
    weights = tiny_model / "mmdit.safetensors"
    told = json.loads(openreels("pack", weights, "-o", "small.safetensors", "--json").out)
    assert told["path"] == "small.safetensors"
    assert told["bytes"] < told["bytes_before"]
    assert read_network_header(files / "small.safetensors") == read_network_header(weights)
    facts = json.loads(openreels("inspect", "small.safetensors", "--json").out)
    before = json.loads(openreels("inspect", weights, "--json").out)
    assert "I8" in facts["dtypes"]
    assert "I8" not in before["dtypes"]
    assert facts["parameters"] == before["parameters"]
    assert openreels("pack", weights, "-o", "other.safetensors").out == "other.safetensors\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [("picture.png", "not a safetensors file"), ("none.safetensors", "no weights file")],
)
def test_what_holds_no_weights_is_one_sentence(openreels, files, name, message):
    result = openreels("pack", name, "-o", "small.safetensors")
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (files / "small.safetensors").exists()
