import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from openreels.core.errors import CheckpointError
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.weights.checkpoint import read_network_header, save_network
from openreels.weights.lora import (
    KIND,
    LoraHeader,
    add_changes,
    read_any_header,
    read_lora,
    read_lora_header,
    save_lora,
)

CONFIG = LowRankConfig(rank=2, alpha=4.0)


def plain(width=32):
    config = replace(presets.tiny(), width=width)
    return MMDiT(config, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def changed():
    network = plain()
    add_low_rank(network, CONFIG, generator=torch.Generator().manual_seed(1))
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                value = (
                    torch.randn(parameter.shape, generator=draw)
                    if name.endswith("up")
                    else parameter
                )
                parameter.copy_(value.half())  # as it is stored
    return network


@pytest.fixture
def path(changed, tmp_path):
    path = tmp_path / "lora.safetensors"
    save_lora(path, changed, low_rank_factors(changed.state_dict()), CONFIG, metadata={"why": 1})
    return path


def merge(network, path, **options):
    add_changes(network, *read_lora(path), source=path, **options)


def linears(network):
    layers = network.named_modules()
    return {name: layer.weight for name, layer in layers if isinstance(layer, torch.nn.Linear)}


def test_merging_is_training_without_parametrisation(changed, path):
    network = plain()
    merge(network, path)
    wanted = linears(changed)
    assert linears(network).keys() == wanted.keys()
    for name, weight in linears(network).items():
        torch.testing.assert_close(weight, wanted[name], rtol=1e-5, atol=1e-5)


def test_scales_add_and_take_away(path):
    network, before = plain(), linears(plain())
    merge(network, path, scale=0.0)
    assert all(torch.equal(weight, before[name]) for name, weight in linears(network).items())
    merge(network, path, scale=2.5)
    assert any(not torch.allclose(w, before[n], atol=0.1) for n, w in linears(network).items())
    merge(network, path, scale=-2.5)
    for name, weight in linears(network).items():
        torch.testing.assert_close(weight, before[name], rtol=1e-4, atol=1e-4)


def test_a_file_tells_what_it_is(path, tmp_path):
    header = read_lora_header(path)
    assert (header.network, header.config, header.metadata) == ("mmdit", CONFIG, {"why": 1})
    assert {str(value.dtype) for value in load_file(path).values()} == {"torch.float16"}
    assert read_any_header(path) == header
    whole = tmp_path / "whole.safetensors"
    save_network(whole, plain())
    assert not isinstance(read_any_header(whole), LoraHeader)
    assert read_any_header(whole) == read_network_header(whole)
    for read in (read_lora_header, lambda file: merge(plain(), file)):
        with pytest.raises(CheckpointError, match="must hold low-rank changes"):
            read(whole)
    with pytest.raises(CheckpointError, match="there is no weights file"):
        read_any_header(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": 2}, "has format 2, this version reads format 1"),
        ({"config": {"rank": 0, "alpha": 1.0}}, "rank must be at least 1"),
        ({"config": {"rank": 1}}, "does not fit"),
        ({"network": "probe"}, "changes the network probe, got mmdit"),
    ],
)
def test_other_headers_are_refused(path, change, rule):
    header = {"kind": KIND, "format": 1, "network": "mmdit", "metadata": {}}
    header |= {"config": {"rank": 2, "alpha": 4.0}} | change
    text = {key: json.dumps(value) for key, value in header.items()}
    save_file(load_file(path), path, metadata=text)
    with pytest.raises(CheckpointError, match=rule):
        merge(plain(), path)


def test_whole_parameters_go_as_far_as_the_scale(changed, tmp_path):
    name, path = "video.token_in.bias", tmp_path / "whole.safetensors"
    config = replace(CONFIG, whole=(name,))
    factors = low_rank_factors(changed.state_dict(), config.whole)
    wanted = torch.arange(32.0)
    save_lora(path, changed, factors | {name: wanted}, config)
    network, before = plain(), dict(plain().named_parameters())[name]
    merge(network, path, scale=0.25)
    torch.testing.assert_close(network.video.token_in.bias, before + 0.25 * (wanted - before))
    assert read_lora_header(path).config.whole == (name,)
    for odd in ({name: torch.zeros(31)}, {}):
        save_lora(path, changed, {k: v for k, v in factors.items() if k != name} | odd, config)
        network = plain()
        with pytest.raises(CheckpointError, match=f"{name} must be one of its parameters"):
            merge(network, path)
        assert torch.equal(network.video.token_in.weight, plain().video.token_in.weight)


def rewritten(path, tensors):
    header = read_lora_header(path)
    text = {"kind": KIND, "format": 1, "network": header.network, "metadata": {}}
    text |= {"config": {"rank": 2, "alpha": 4.0}}
    save_file(tensors, path, metadata={key: json.dumps(value) for key, value in text.items()})


@pytest.mark.parametrize("which", ["half", "unknown", "shape", "rank"])
def test_files_that_do_not_fit_change_nothing(path, which):
    tensors = load_file(path)
    last = sorted(tensors)[-1]
    if which == "half":
        del tensors[last]
    elif which == "unknown":
        tensors |= {f"zz.lora_{x}.weight": torch.zeros(2, 2) for x in "AB"}
    elif which == "shape":
        tensors[last] = torch.zeros(tensors[last].shape[0] + 1, 2)
    else:
        tensors[last] = torch.zeros(tensors[last].shape[0], 3)
    rewritten(path, tensors)
    network, before = plain(), linears(plain())
    with pytest.raises(CheckpointError, match="does not fit the network"):
        merge(network, path)
    assert all(torch.equal(weight, before[name]) for name, weight in linears(network).items())


def test_nothing_is_not_written(changed, tmp_path):
    with pytest.raises(ValueError, match="must hold changes, got none"):
        save_lora(tmp_path / "a.safetensors", changed, {}, CONFIG)
    assert not list(tmp_path.iterdir())
