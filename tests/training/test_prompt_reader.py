import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.training.codecs import CodecPaths
from openreels.training.prompt_reader import load_reader
from openreels.weights.checkpoint import load_network, shipped_path
from openreels.weights.lora import save_lora

CUT = "Scene: shot 1: on a beach; static camera. shot 2, from 1.0 s: a wide shot in a room."
TEXTS = ["a red ball bounces", CUT, "", CUT.replace("room", "park"), 40 * "a blue cube rolls "]


def _write_changes(path):
    torch.manual_seed(0)
    config = LowRankConfig(rank=2, alpha=2.0, layers=("blocks.",))
    network = load_network(shipped_path("text_encoder"), kind=PromptEncoder)
    add_low_rank(network, config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter) * parameter.requires_grad)
    save_lora(path, network, low_rank_factors(network.state_dict()), config)


def test_each_prompt_is_read_by_the_encoder_of_its_kind(tmp_path):
    _write_changes(tmp_path / "shots.safetensors")
    plain = load_reader(CodecPaths(), tmp_path)
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
