import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.training.codecs import CodecPaths
from openreels.training.prompt_reader import load_reader

CUT = "Scene: shot 1: on a beach; static camera. shot 2, from 1.0 s: a wide shot in a room."
TEXTS = ["a red ball bounces", CUT, "", CUT.replace("room", "park"), 40 * "a blue cube rolls "]


def test_each_prompt_is_read_by_the_encoder_of_its_kind(tmp_path, write_words):
    plain = load_reader(CodecPaths(), tmp_path)
    write_words(tmp_path / "shots.safetensors", plain.plain)
    assert plain.shots is None
    reader = load_reader(CodecPaths(shot_words="shots.safetensors"), tmp_path)
    context, mask = reader.encode_text(TEXTS)
    known, same = plain.encode_text(TEXTS)
    assert torch.equal(mask, same)
    for row, text in enumerate(TEXTS):
        cut = "shot 2" in text
        assert torch.equal(context[row], known[row]) is not cut
        alone = (reader.shots if cut else reader.plain).encode_text([text])[0][0]
        torch.testing.assert_close(context[row, : len(alone)], alone, atol=1e-5, rtol=1e-5)
        assert not context[row, len(alone) :].any()
    uncut = [text for text in TEXTS if "shot 2" not in text]
    assert torch.equal(reader.encode_text(uncut)[0], plain.encode_text(uncut)[0])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        load_reader(CodecPaths(shot_words="none.safetensors"), tmp_path)
