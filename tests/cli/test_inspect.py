import json

import pytest


def test_each_kind_of_file_is_told(openreels, files, tiny_model):
    clip = json.loads(openreels("inspect", "clip.mp4", "--json").out)
    assert (clip["kind"], clip["width"], clip["fps"], clip["channels"]) == ("clip", 64, 16.0, 2)
    assert "width: 64" in openreels("inspect", "picture.png").out
    weights = json.loads(openreels("inspect", tiny_model / "mmdit.safetensors", "--json").out)
    assert weights["network"] == "mmdit"
    assert weights["parameters"] > 1000
    assert weights["metadata"] == {"recipe": "none"}
    (files / "r.json").write_text('{"prompt": "a ball", "seed": 4}')
    told = openreels("inspect", "r.json").out
    assert "prompt: a ball\n" in told
    assert "seed: 4\n" in told


@pytest.mark.parametrize(
    "name", ["text.mp4", "text.png", "empty.mp4", "none.mp4", "bad.json", "empty.json"]
)
def test_what_cannot_be_told_is_one_sentence(openreels, files, name):
    (files / "empty.json").write_text('{"prompt": ""}')
    result = openreels("inspect", name)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
