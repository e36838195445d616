from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.low_rank import add_lora
from openreels.weights.average import average_files
from openreels.weights.checkpoint import load_network, read_network_header, save_network
from openreels.weights.lora import read_lora, save_lora
from openreels.weights.tensors import read_tensors

LORA = LowRankConfig(rank=2, alpha=2.0)


def _network(seed, **changes):
    config = replace(presets.tiny(), **changes)
    return MMDiT(config, generator=torch.Generator().manual_seed(seed))


def _saved(folder, seed, metadata=None, **changes):
    path = folder / f"{seed}.safetensors"
    save_network(path, _network(seed, **changes), metadata=metadata, dtype=torch.float16)
    return path


def _factors(seed):
    draw = torch.Generator().manual_seed(seed)
    name = next(n for n, m in _network(0).named_modules() if isinstance(m, torch.nn.Linear))
    weight = _network(0).get_submodule(name).weight
    return {
        f"{name}.lora_A.weight": torch.randn(2, weight.shape[1], generator=draw),
        f"{name}.lora_B.weight": torch.randn(weight.shape[0], 2, generator=draw),
    }


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_lies_between_both_files(tmp_path, share):
    first, second = _saved(tmp_path, 1), _saved(tmp_path, 2)
    average_files(first, second, tmp_path / "mean.safetensors", share=share)
    one, other = read_tensors(first)[0], read_tensors(second)[0]
    made = read_tensors(tmp_path / "mean.safetensors")[0]
    assert made.keys() == one.keys()
    assert any(not torch.equal(one[name], other[name]) for name in one)
    for name, tensor in made.items():
        wanted = (1 - share) * one[name].double() + share * other[name].double()
        assert torch.equal(tensor, wanted.half())
    loaded = load_network(tmp_path / "mean.safetensors", kind=MMDiT)
    assert loaded.config == presets.tiny()


def test_the_story_names_both_and_keeps_what_is_true_of_each(tmp_path):
    first = _saved(tmp_path, 1, {"recipe": "r", "steps": 3, "taught": ["edit", "motion"]})
    second = _saved(tmp_path, 2, {"recipe": "r", "steps": 5, "taught": ["references", "edit"]})
    average_files(first, second, tmp_path / "mean.safetensors", share=0.6)
    told = read_network_header(tmp_path / "mean.safetensors").metadata
    assert told["recipe"] == "r"
    assert told["taught"] == ["edit", "motion", "references"]
    assert "steps" not in told
    assert [(part["steps"], part["share"]) for part in told["mean_of"]] == [(3, 0.4), (5, 0.6)]


def test_low_rank_changes_have_the_mean_of_their_factors(tmp_path):
    network = _network(0)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for seed, path in enumerate(paths):
        save_lora(path, network, _factors(seed), LORA, metadata={"steps": seed})
    average_files(*paths, tmp_path / "mean.safetensors")
    made, header = read_lora(tmp_path / "mean.safetensors")
    assert header.config == LORA
    for name, tensor in made.items():
        wanted = (_factors(0)[name].half().double() + _factors(1)[name].half().double()) / 2
        assert torch.equal(tensor, wanted.half())
    before = _network(0).state_dict()
    add_lora(network, tmp_path / "mean.safetensors")
    assert any(not torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_what_has_no_mean_is_refused_and_nothing_is_written(tmp_path):
    first, out = _saved(tmp_path, 1), tmp_path / "mean.safetensors"
    wide = _saved(tmp_path, 2, mlp_width=96)
    lora = tmp_path / "lora.safetensors"
    save_lora(lora, _network(0), _factors(0), LORA)
    for second in (wide, lora):
        with pytest.raises(CheckpointError, match="one network and config"):
            average_files(first, second, out)
    with pytest.raises(CheckpointError, match="no weights file"):
        average_files(first, tmp_path / "none.safetensors", out)
    for share in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="share must be in"):
            average_files(first, first, out, share=share)
    assert not out.exists()
