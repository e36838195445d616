"""The audio branch, trained beside a video branch that stays as it is."""

from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.training.config import TaskConfig
from openreels.training.loop import build_state, train
from openreels.training.step import Objective, training_step
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import save_lora
from tests.training.test_step import make


def _network(model_config):
    torch.manual_seed(0)
    network = MMDiT(replace(model_config, truth_block=1, video_truths=4, audio_truths=4))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def test_its_gradients_are_those_of_a_video_that_is_given(model_config):
    """They differ from the whole ones by what went through the video and back."""
    batch = make(model_config)
    whole, alone = _network(model_config), _network(model_config)
    alone.requires_grad_(False).audio.requires_grad_(True)
    loss = training_step(whole, batch, Objective(truth_weight=1.0))
    ((loss.parts.audio.mean()) + loss.truths.audio).backward()
    got = training_step(alone, batch, Objective(truth_weight=1.0, trained="audio"))
    torch.testing.assert_close(got.total, loss.parts.audio.mean() + loss.truths.audio)
    torch.testing.assert_close(got.parts.video, loss.parts.video)
    assert not got.parts.video.requires_grad
    got.total.backward()
    assert all(parameter.grad is None for parameter in alone.video.parameters())
    last = alone.config.depth - 1
    for path in (f"blocks.{last}.partner_attention.kv.weight", "head.out.weight"):
        one, other = (net.audio.get_parameter(path).grad for net in (alone, whole))
        torch.testing.assert_close(one, other)
    first = "blocks.0.partner_attention.kv.weight"
    one, other = (net.audio.get_parameter(first).grad for net in (alone, whole))
    assert one.abs().sum() > 0
    assert not torch.allclose(one, other)


def test_a_run_changes_nothing_else(run_config, tmp_path):
    config = replace(
        run_config, trained="audio", tasks=TaskConfig(mix=(("t2av", 0.9), ("t2a", 0.1)))
    )
    before = build_state(config, tmp_path).network.state_dict()
    start = {name: value.clone() for name, value in before.items()}
    train(config, tmp_path, tensorboard=False)
    after = load_network(tmp_path / "test" / "mmdit.safetensors", kind=MMDiT).state_dict()
    changed = {
        name for name, value in after.items() if not torch.equal(value, start[name].half().float())
    }
    assert changed
    assert all(name.startswith("audio.") for name in changed)


def test_it_needs_audio(model_config, run_config):
    with pytest.raises(ValueError, match="batch without; leave out t2v"):
        training_step(
            _network(model_config), make(model_config, audio=False), Objective(trained="audio")
        )
    silent = replace(run_config.model, audio_channels=0)
    with pytest.raises(ValueError, match="without an audio branch"):
        replace(run_config, model=silent, trained="audio")


def test_it_learns_with_the_names_of_low_rank_changes(run_config, tmp_path):
    config = replace(run_config, model=replace(run_config.model, num_tags=4), trained="audio")
    whole = build_state(config, tmp_path).network
    names = torch.randn_like(whole.tag_table)
    path = tmp_path / "names.safetensors"
    save_lora(path, whole, {"tag_table": names}, LowRankConfig(whole=("tag_table",)))
    took = build_state(replace(config, init_names="names.safetensors"), tmp_path).network
    assert torch.equal(took.tag_table, names.half().float())
    others = {name for name, _ in whole.named_parameters()} - {"tag_table"}
    state = took.state_dict()
    assert all(torch.equal(state[name], whole.state_dict()[name]) for name in others)
    fewer = replace(config.model, num_tags=3)
    with pytest.raises(CheckpointError, match=r"must hold tag_table of the run's num_tags"):
        build_state(replace(config, model=fewer, init_names=str(path)), tmp_path)
    with pytest.raises(ValueError, match=r"init_names needs a model with num_tags, got 0"):
        replace(run_config, init_names=str(path))
