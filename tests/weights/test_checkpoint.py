import json
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from openreels.core.errors import CheckpointError
from openreels.models import registry
from openreels.weights.checkpoint import (
    load_network,
    load_state,
    read_network_header,
    save_network,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearConfig:
    width: int
    depth: int = 2


class LinearNet(nn.Module):
    def __init__(self, config: LinearConfig):
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(nn.Linear(config.width, 3) for _ in range(config.depth))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("angles", torch.ones(4), persistent=False)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    entry = registry.NetworkEntry(
        config=f"{__name__}:LinearConfig", network=f"{__name__}:LinearNet"
    )
    monkeypatch.setitem(registry.NETWORKS, "linear", entry)


def make(**changes):
    torch.manual_seed(0)
    network = LinearNet(LinearConfig(**{"width": 3} | changes))
    network.count.fill_(7)
    return network


def test_save_then_load_is_bitwise(tmp_path):
    network = make(width=5)
    path = tmp_path / "deep" / "net.safetensors"
    save_network(path, network, metadata={"recipe": "tiny", "steps": 3})
    loaded = load_network(path, kind=LinearNet)
    assert loaded.config == network.config
    assert not loaded.training
    state = loaded.state_dict()
    assert set(state) == set(network.state_dict())
    for name, tensor in network.state_dict().items():
        assert torch.equal(state[name], tensor)
    header = read_network_header(path)
    assert header.network == "linear"
    assert header.metadata == {"recipe": "tiny", "steps": 3}
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_half_precision_storage_loads_as_fp32(tmp_path):
    network = make()
    save_network(tmp_path / "net.safetensors", network, dtype=torch.float16)
    assert load_file(tmp_path / "net.safetensors")["layers.0.weight"].dtype == torch.float16
    loaded = load_network(tmp_path / "net.safetensors").state_dict()
    for name, tensor in network.state_dict().items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], expected)


def test_loading_draws_nothing_from_the_global_generator(tmp_path):
    save_network(tmp_path / "net.safetensors", make())
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load_network(tmp_path / "net.safetensors")
    assert torch.equal(torch.rand(3), expected)


def test_other_weights_can_be_written_for_the_network(tmp_path):
    network = make()
    average = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    save_network(tmp_path / "net.safetensors", network, state=average)
    state = load_network(tmp_path / "net.safetensors").state_dict()
    assert torch.equal(state["layers.1.bias"], network.layers[1].bias + 1)
    with pytest.raises(ValueError, match="count"):
        save_network(tmp_path / "x.safetensors", network, state={"layers.0.weight": torch.ones(1)})


def test_missing_and_unexpected_keys_are_both_named():
    state = make().state_dict()
    state["layers.9.weight"] = state.pop("layers.1.weight")
    with pytest.raises(CheckpointError, match=r"missing keys: layers\.1\.weight; unexpected.*9"):
        load_state(make(), state, "file")


def test_other_shapes_and_kinds_are_named():
    state = make().state_dict()
    state["layers.0.bias"] = torch.zeros(4)
    state["count"] = torch.tensor(1.0)
    with pytest.raises(CheckpointError, match=r"count must be torch.int64.*layers\.0\.bias"):
        load_state(make(), state, "file")


def rewrite_header(path, **changes):
    header = {"format": 1, "network": "linear", "config": {"width": 3, "depth": 2}, "metadata": {}}
    text = {key: json.dumps(value) for key, value in (header | changes).items()}
    save_file(load_file(path), path, metadata=text)


def test_a_field_newer_than_the_file_has_its_default(tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(path, make())
    rewrite_header(path, config={"width": 3})
    assert load_network(path).config == LinearConfig(width=3, depth=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"width": 3, "depth": 2, "heads": 1}}, "heads is not a field of LinearConfig"),
        ({"config": {"depth": 2}}, "width is missing"),
        ({"config": {"width": "3", "depth": 2}}, "width must be a whole number"),
        ({"config": {"width": 3, "depth": 3}}, r"missing keys: layers\.2\.bias"),
        ({"network": "other"}, "unknown network 'other'"),
        ({"network": None}, "no openreels network"),
        ({"format": 2}, "format 2"),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, changes, message):
    path = tmp_path / "net.safetensors"
    save_network(path, make())
    rewrite_header(path, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_another_network_than_asked_is_refused(tmp_path):
    save_network(tmp_path / "net.safetensors", make())
    with pytest.raises(CheckpointError, match="must hold a Conv2d, it holds a LinearNet"):
        load_network(tmp_path / "net.safetensors", kind=nn.Conv2d)


@pytest.mark.parametrize("keep", [0, 5, 60, -8])
def test_truncated_files_are_refused_in_one_sentence(tmp_path, keep):
    path = tmp_path / "net.safetensors"
    save_network(path, make())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="not a safetensors file or is damaged") as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(CheckpointError, match="no weights file"):
        load_network(path)
    path.write_text("{}" * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        load_network(path)
    save_file({"a": torch.ones(1)}, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="not written by openreels"):
        load_network(path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match="no openreels network"):
        load_network(path)


def test_networks_that_cannot_be_read_back_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="not a registered network"):
        save_network(tmp_path / "x.safetensors", nn.Linear(1, 1))
    network = make()
    network.config = None
    with pytest.raises(ValueError, match="dataclass"):
        save_network(tmp_path / "x.safetensors", network)
    assert not list(tmp_path.iterdir())
