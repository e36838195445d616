import json

import pytest

from openreels.weights.lora import read_lora_header


def test_a_sum_tells_its_parts(openreels, files, tiny_model, changes):
    base = tiny_model / "mmdit.safetensors"
    words = ("combine", changes, f"{changes}=-0.5", "--base", base, "-o", "sum.safetensors")
    told = json.loads(openreels(*words, "--json").out)
    parts = [{"path": changes, "share": 1.0}, {"path": changes, "share": -0.5}]
    assert told == {"path": "sum.safetensors", "parts": parts}
    header = read_lora_header(files / "sum.safetensors")
    assert header.config.rank == 2
    assert [part["share"] for part in header.metadata["sum_of"]] == [1.0, -0.5]
    assert openreels(*words, "--rank", 1).out == "sum.safetensors\n"
    assert read_lora_header(files / "sum.safetensors").config.rank == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["picture.png"], "not a safetensors file"),
        (["none.safetensors"], "no weights file"),
        (["one.safetensors=x"], "combine takes FILE or FILE=SCALE"),
        (["one.safetensors", "--rank", "0"], "--rank"),
        (["one.safetensors", "--base", "none.safetensors"], "no weights file"),
    ],
)
def test_what_has_no_sum_is_one_sentence(openreels, files, changes, words, message):
    result = openreels("combine", *words, "-o", "sum.safetensors")
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (files / "sum.safetensors").exists()
