"""The convolutions of what is near, trained alone before the rest."""

from dataclasses import replace

import pytest
import torch

from openreels.models.mmdit.model import MMDiT
from openreels.training.config import TaskConfig
from openreels.training.loop import STATE_FILE, Limits, build_state, train
from openreels.training.optimizer import is_hidden
from openreels.training.step import Objective, training_step
from openreels.training.truth import NUM_CELL_TRUTHS
from openreels.weights.checkpoint import load_network
from openreels.weights.tensors import read_tensors


@pytest.fixture
def near_config(run_config):
    model = replace(run_config.model, near_width=8, truth_block=1, video_truths=4 * NUM_CELL_TRUTHS)
    tasks = TaskConfig(mix=(("t2av", 0.8), ("t2i", 0.2)))
    return replace(run_config, name="near", model=model, tasks=tasks, trained="near")


def test_only_the_convolutions_change_and_they_learn(near_config, tmp_path):
    config = replace(near_config, steps=40, log_every=40)
    before = build_state(config, tmp_path)
    start = {name: value.clone() for name, value in before.network.state_dict().items()}
    losses = []
    train(config, tmp_path, tensorboard=False, report=lambda _, values: losses.append(values))
    after = load_network(tmp_path / "near" / "mmdit.safetensors", kind=MMDiT).state_dict()
    for name, value in after.items():
        same = torch.equal(value, start[name].half().float())
        assert same != name.startswith("video.near.") or name.startswith("video.near.grid_out")
    assert set(losses[-1]) & {"video/truth", "loss"} == {"video/truth", "loss"}
    assert losses[-1]["loss"] == pytest.approx(losses[-1]["video/truth"])


def test_it_goes_on_bitwise_and_the_rest_starts_from_it(near_config, tmp_path):
    train(near_config, tmp_path / "whole", tensorboard=False)
    for stop_at in (2, 6):
        limits = Limits(stop=lambda step, at=stop_at: step >= at)
        train(near_config, tmp_path / "parts", limits=limits, tensorboard=False)
    whole, parts = (
        read_tensors(tmp_path / folder / "near" / STATE_FILE)[0] for folder in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    joint = replace(
        near_config, name="joint", trained="all", init="../whole/near/mmdit.safetensors"
    )
    state = build_state(joint, tmp_path / "whole")
    assert all(parameter.requires_grad for parameter in state.network.parameters())


def test_weights_without_it_may_start_a_run_with_it(near_config, tmp_path):
    plain = replace(near_config.model, near_width=0)
    train(
        replace(near_config, name="plain", model=plain, trained="all", steps=1),
        tmp_path,
        tensorboard=False,
    )
    init = str(tmp_path / "plain" / "mmdit.safetensors")
    state = build_state(replace(near_config, init=init), tmp_path)
    old = load_network(tmp_path / "plain" / "mmdit.safetensors").state_dict()
    new = state.network.state_dict()
    assert all(torch.equal(new[name], value) for name, value in old.items())
    assert not new["video.near.grid_out.weight"].any()


def test_it_needs_convolutions_truths_and_video(near_config, run_config):
    with pytest.raises(ValueError, match="near_width or video_truths"):
        replace(run_config, trained="near")
    with pytest.raises(ValueError, match="near_width or video_truths"):
        replace(near_config, model=replace(near_config.model, video_truths=0))
    from tests.training.test_step import make

    batch = make(near_config.model, video=False)
    with pytest.raises(ValueError, match="batch without"):
        training_step(MMDiT(near_config.model), batch, Objective(trained="near"))


def test_which_weights_are_matrices_of_the_inside(near_config):
    names = [
        name
        for name, parameter in MMDiT(near_config.model).video.near.named_parameters("video.near")
        if is_hidden(name, parameter)
    ]
    assert names == ["video.near.later.0.weight", "video.near.later.1.weight"]
