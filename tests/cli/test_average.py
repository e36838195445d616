import json

import pytest

from openreels.weights.checkpoint import read_network_header


def test_the_mean_of_a_model_and_itself_is_the_model(openreels, files, tiny_model):
    weights = tiny_model / "mmdit.safetensors"
    told = openreels("average", weights, weights, "-o", "mean.safetensors", "--json").out
    assert json.loads(told) == {"path": "mean.safetensors", "share": 0.5}
    header = read_network_header(files / "mean.safetensors")
    assert header.metadata["recipe"] == "none"
    assert len(header.metadata["mean_of"]) == 2
    out = openreels("average", weights, weights, "-o", "other.safetensors", "--share", 0.3).out
    assert out == "other.safetensors\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["picture.png", "picture.png"], "not a safetensors file"),
        (["none.safetensors", "none.safetensors"], "no weights file"),
        (["a", "b", "--share", "2"], "--share"),
    ],
)
def test_what_has_no_mean_is_one_sentence(openreels, files, words, message):
    result = openreels("average", *words, "-o", "mean.safetensors")
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (files / "mean.safetensors").exists()
