from dataclasses import replace

import pytest
import torch
from torch import nn

from openreels.nn.low_rank import (
    LowRank,
    LowRankConfig,
    add_low_rank,
    is_target,
    low_rank_factors,
    start_at,
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 16), nn.Conv1d(16, 16, 1), nn.Linear(16, 2), nn.Linear(16, 8)
    )


def test_the_change_is_the_scaled_product():
    change = LowRank(5, 7, LowRankConfig(rank=2, alpha=6.0))
    weight = torch.randn(5, 7)
    assert torch.equal(change(weight), weight)
    nn.init.normal_(change.up)
    torch.testing.assert_close(change(weight), weight + 3.0 * change.up @ change.down)
    assert torch.linalg.matrix_rank(change(weight) - weight) == 2


def test_nothing_changes_at_first_and_factors_alone_learn():
    net, x = network(), torch.randn(3, 12)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    wanted = net[0](x)
    layers = add_low_rank(net, LowRankConfig(rank=2), generator=torch.Generator().manual_seed(1))
    assert layers == ("0", "3")  # two factors of the layer of 2 x 16 are more than it
    assert torch.equal(net[0](x), wanted)
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trained == {
        f"{n}.parametrizations.weight.0.{part}" for n in layers for part in ("down", "up")
    }
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        net[0](x).square().sum().backward()
        optimizer.step()
    after = net.state_dict()
    assert torch.equal(after["0.parametrizations.weight.original"], before["0.weight"])
    assert torch.equal(after["0.bias"], before["0.bias"])
    assert not torch.allclose(net[0](x), wanted)


def test_factors_have_the_names_of_lora_files():
    net = network()
    add_low_rank(net, LowRankConfig(rank=2))
    factors = low_rank_factors(net.state_dict())
    assert {name: tuple(value.shape) for name, value in factors.items()} == {
        "0.lora_A.weight": (2, 12),
        "0.lora_B.weight": (16, 2),
        "3.lora_A.weight": (2, 16),
        "3.lora_B.weight": (8, 2),
    }
    assert low_rank_factors(network().state_dict()) == {}


def test_the_same_source_gives_the_same_factors():
    states = []
    for _ in range(2):
        net = network()
        add_low_rank(net, LowRankConfig(rank=3), generator=torch.Generator().manual_seed(5))
        states.append(net.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_ranks_that_are_no_saving_are_refused():
    assert not is_target(nn.Linear(4, 4), 2)
    assert is_target(nn.Linear(4, 4), 1)
    with pytest.raises(ValueError, match="too large for every layer"):
        add_low_rank(network(), LowRankConfig(rank=16))


@pytest.mark.parametrize("fields", [{"rank": 0}, {"alpha": 0.0}, {"alpha": float("nan")}])
def test_impossible_configs_are_refused(fields):
    with pytest.raises(ValueError, match="rank must be at least 1 and alpha positive"):
        LowRankConfig(**fields)


def test_chosen_layers_change_and_named_parameters_are_trained_themselves():
    net = network()
    config = LowRankConfig(rank=2, layers=("0", "1"), whole=("3.bias",))
    assert add_low_rank(net, config) == ("0",)
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    parts = {f"0.parametrizations.weight.0.{part}" for part in ("down", "up")}
    assert trained == parts | {"3.bias"}
    picked = low_rank_factors(net.state_dict(), config.whole)
    assert picked.keys() == {"0.lora_A.weight", "0.lora_B.weight", "3.bias"}
    with pytest.raises(ValueError, match=r"whole must name parameters of the network, got 4\.bias"):
        add_low_rank(network(), replace(config, whole=("3.bias", "4.bias")))


def test_changes_can_start_where_others_ended():
    whole, nets = ("3.bias",), [network(), network()]
    for net in nets:
        add_low_rank(net, LowRankConfig(rank=2, whole=whole))
    with torch.no_grad():
        for parameter in nets[0].parameters():
            parameter.add_(torch.randn_like(parameter) * parameter.requires_grad)
    values = low_rank_factors(nets[0].state_dict(), whole)
    start_at(nets[1], values, whole)
    x = torch.randn(3, 12)
    assert torch.equal(nets[0][0](x), nets[1][0](x))
    assert torch.equal(nets[0][3].bias, nets[1][3].bias)
    for odd in (values | {"3.lora_A.weight": torch.zeros(3, 16)}, {"3.bias": values["3.bias"]}):
        with pytest.raises(ValueError, match="changes must have the layers and the rank"):
            start_at(nets[1], odd, whole)
