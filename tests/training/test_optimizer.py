import math

import pytest
import torch
from torch import nn

from openreels.core.errors import CheckpointError
from openreels.training.config import OptimConfig
from openreels.training.optimizer import (
    learning_rate,
    make_optimizer,
    optimizer_state,
    restore_optimizer,
    set_learning_rate,
)


def test_the_rate_warms_up_stays_and_falls():
    config = OptimConfig(lr=2.0, warmup_steps=4, anneal_fraction=0.25, final_lr_share=0.1)
    assert [learning_rate(config, step, 0.0) for step in range(5)] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert learning_rate(config, 100, 0.75) == 2.0
    assert learning_rate(config, 100, 0.875) == pytest.approx(2.0 * (1 - 0.5 * 0.9))
    assert learning_rate(config, 100, 1.0) == learning_rate(config, 100, 1.5) == pytest.approx(0.2)


def test_the_cosine_fall_and_no_fall():
    config = OptimConfig(
        lr=1.0, warmup_steps=0, anneal_fraction=0.5, anneal="cosine", final_lr_share=0.0
    )
    expected = (1 + math.cos(math.pi * 0.5)) / 2
    assert learning_rate(config, 0, 0.75) == pytest.approx(expected)
    assert learning_rate(OptimConfig(lr=1.0, warmup_steps=0, anneal_fraction=0.0), 0, 1.0) == 1.0


def make():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    return network, make_optimizer(network, OptimConfig(lr=1e-2, weight_decay=0.5))


def step(network, optimizer, seed):
    torch.manual_seed(seed)
    optimizer.zero_grad(set_to_none=True)
    network(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


def test_only_matrices_decay():
    network, optimizer = make()
    decays = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (0.5 if name in {"0.weight", "2.weight"} else 0.0)
    set_learning_rate(optimizer, 0.25)
    assert {group["lr"] for group in optimizer.param_groups} == {0.25}


def test_the_state_by_name_goes_on_bitwise():
    network, optimizer = make()
    assert optimizer_state(optimizer, network) == {}
    for seed in range(3):
        step(network, optimizer, seed)
    other, fresh = make()
    other.load_state_dict(network.state_dict())
    restore_optimizer(fresh, other, optimizer_state(optimizer, network))
    step(network, optimizer, 9)
    step(other, fresh, 9)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_parameters_that_never_had_a_gradient_have_no_state():
    network, optimizer = make()
    network[0].requires_grad_(False)
    step(network, optimizer, 0)
    state = optimizer_state(optimizer, network)
    assert not [name for name in state if "/0." in name]
    other, fresh = make()
    restore_optimizer(fresh, other, state)
    assert other[0].weight not in fresh.state


def test_states_that_do_not_fit_are_refused():
    network, optimizer = make()
    step(network, optimizer, 0)
    state = optimizer_state(optimizer, network)
    with pytest.raises(CheckpointError, match=r"exp_avg/9\.weight, which belongs to no parameter"):
        restore_optimizer(optimizer, network, state | {"exp_avg/9.weight": torch.ones(1)})
    del state["step/2.bias"]
    with pytest.raises(CheckpointError, match=r"no step/2\.bias"):
        restore_optimizer(optimizer, network, state)
