import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.training.config import OptimConfig
from openreels.training.muon import Muon
from openreels.training.optimizer import (
    Together,
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


HIDDEN = {"qkv": 3, "kv": 2, "query": 1, "out": 1, "up": 1, "down": 1}


def transformer(kind="muon", lr=3e-3, **changes):
    config = replace(presets.tiny(), **changes)
    network = MMDiT(config, generator=torch.Generator().manual_seed(0))
    return network, make_optimizer(network, OptimConfig(kind=kind, lr=lr, hidden_rate=0.5))


def transformer_loss(network):
    config, draw = network.config, torch.Generator().manual_seed(1)

    def tokens(num, channels, axes):
        positions = torch.arange(num).view(1, num, 1).expand(2, num, axes).float()
        noisy = torch.randn(2, num, channels, generator=draw)
        return BranchInput(tokens=noisy, positions=positions)

    inputs = Joint(tokens(6, config.video_in, 3), tokens(5, config.audio_channels, 1))
    context = torch.randn(2, 4, config.context_width, generator=draw)
    seen = torch.ones(2, 4, dtype=torch.bool)
    out = network(inputs, context, seen, torch.tensor([0.3, 0.8]))
    targets = (torch.randn(part.shape, generator=draw) for part in (out.video, out.audio))
    errors = zip((out.video, out.audio), targets, strict=True)
    return sum((part - target).square().mean() for part, target in errors)


def train_transformer(network, optimizer, num_steps):
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad(set_to_none=True)
        loss = transformer_loss(network)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("modulation", ["table", "linear"])
def test_every_parameter_of_a_transformer_has_one_optimiser(modulation):
    network, optimizer = transformer(modulation=modulation)
    assert isinstance(optimizer, Together)
    adam, muon = optimizer.optimizers
    assert isinstance(muon, Muon)
    pieces = {id(p): group["pieces"] for group in muon.param_groups for p in group["params"]}
    decays = {id(p): group["weight_decay"] for group in adam.param_groups for p in group["params"]}
    every = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert len(every) == len(set(every)) == len(pieces) + len(decays)
    assert set(every) == {id(p) for p in network.parameters()}
    for name, parameter in network.named_parameters():
        layer, kind = name.split(".")[-2:]
        if ".blocks." in name and kind == "weight" and layer in HIDDEN:
            assert pieces[id(parameter)] == HIDDEN[layer], name
        else:
            assert decays[id(parameter)] == (0.01 if parameter.ndim >= 2 else 0.0), name


def test_the_rate_reaches_both_optimisers():
    _, optimizer = transformer()
    assert isinstance(optimizer, Together)
    adam, muon = optimizer.optimizers
    assert {group["lr"] for group in muon.param_groups} == {1.5e-3}
    set_learning_rate(optimizer, 0.25)
    assert {group["lr"] for group in adam.param_groups} == {0.25}
    assert {group["lr"] for group in muon.param_groups} == {0.125}


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_loss_of_a_transformer_falls(kind):
    network, optimizer = transformer(kind)
    assert isinstance(optimizer, torch.optim.AdamW) == (kind == "adamw")
    before = {name: value.clone() for name, value in network.named_parameters()}
    losses = train_transformer(network, optimizer, 40)
    assert losses[-1] < 0.6 * losses[0]
    hidden = "video.blocks.0.modality.mlp.up.weight"
    assert not torch.equal(before[hidden], network.get_parameter(hidden))


def test_the_state_of_both_optimisers_goes_on_bitwise():
    network, optimizer = transformer()
    train_transformer(network, optimizer, 3)
    state = optimizer_state(optimizer, network)
    assert "running/audio.blocks.1.modality.attention.qkv.weight" in state
    assert "exp_avg/audio.blocks.1.modality.attention.qkv.bias" in state
    other, fresh = transformer()
    other.load_state_dict(network.state_dict())
    restore_optimizer(fresh, other, state)
    assert train_transformer(network, optimizer, 2) == train_transformer(other, fresh, 2)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_state_of_another_kind_is_refused():
    network, optimizer = transformer("adamw")
    train_transformer(network, optimizer, 1)
    other, fresh = transformer("muon")
    with pytest.raises(CheckpointError, match=r"blocks.*which belongs to no parameter"):
        restore_optimizer(fresh, other, optimizer_state(optimizer, network))
    train_transformer(other, fresh, 1)
    with pytest.raises(CheckpointError, match=r"running/.*which belongs to no parameter"):
        restore_optimizer(optimizer, network, optimizer_state(fresh, other))
