import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.training.codecs import CodecPaths
from openreels.training.prompt_reader import load_reader

CUT = "Scene: shot 1: on a beach; static camera. shot 2, from 1.0 s: a wide shot in a room."
SAID = "from 0.2 s: @ball says <dialogue>ba-mo</dialogue> in a low voice"
TEXTS = [
    "a red ball bounces",
    CUT,
    "",
    SAID,
    CUT.replace("room", "park") + " " + SAID,
    40 * "a blue cube rolls ",
]
KINDS = [[], ["shots"], [], ["spoken"], ["shots", "spoken"], []]
"""What reads each of them, the first that there is; else ``plain``."""


@pytest.mark.parametrize("known", [(), ("shots",), ("spoken",), ("shots", "spoken")])
def test_each_prompt_is_read_by_the_encoder_of_its_kind(tmp_path, write_words, known):
    plain = load_reader(CodecPaths(), tmp_path)
    assert plain.shots is plain.spoken is None
    for kind in known:
        write_words(tmp_path / f"{kind}.safetensors", plain.plain)
    files = {"shots": "shot_words", "spoken": "spoken_words"}
    paths = {files[kind]: f"{kind}.safetensors" for kind in known}
    reader = load_reader(CodecPaths(**paths), tmp_path)
    context, mask = reader.encode_text(TEXTS)
    unchanged, same = plain.encode_text(TEXTS)
    assert torch.equal(mask, same)
    for row, (text, kinds) in enumerate(zip(TEXTS, KINDS, strict=True)):
        read_by = next((kind for kind in kinds if kind in known), "plain")
        assert torch.equal(context[row], unchanged[row]) is (read_by == "plain")
        alone = getattr(reader, read_by).encode_text([text])[0][0]
        torch.testing.assert_close(context[row, : len(alone)], alone, atol=1e-5, rtol=1e-5)
        assert not context[row, len(alone) :].any()
    untouched = [TEXTS[0], "", TEXTS[5]]
    assert torch.equal(reader.encode_text(untouched)[0], plain.encode_text(untouched)[0])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        load_reader(CodecPaths(shot_words="none.safetensors"), tmp_path)
