import pytest
import torch
from torch import nn

from openreels.nn.low_rank import (
    LowRank,
    LowRankConfig,
    add_low_rank,
    is_target,
    low_rank_factors,
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
