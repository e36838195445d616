from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.training.buckets import Cursor
from openreels.training.checkpoint import restore_state, save_state
from openreels.training.loop import build_state
from openreels.weights.tensors import read_tensors, write_tensors


@pytest.fixture
def saved(run_config, tmp_path):
    state = build_state(run_config, tmp_path)
    for parameter in state.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step()
    for average in state.averages:
        average.update()
    state.step, state.seconds = 7, 1.5
    state.sampler.next_rows(0, 10)
    path = tmp_path / "state.safetensors"
    save_state(path, state, run_config)
    return path, state


def test_everything_comes_back_bitwise(run_config, saved, tmp_path):
    path, state = saved
    fresh = build_state(run_config, tmp_path)
    restore_state(path, fresh, run_config)
    assert (fresh.step, fresh.seconds) == (7, 1.5)
    assert fresh.sampler.cursors == [Cursor(epoch=1, offset=3, size=7)]
    for one, other in zip(state.network.parameters(), fresh.network.parameters(), strict=True):
        assert torch.equal(one, other)
        for moment, value in state.optimizer.state[one].items():
            assert torch.equal(value, fresh.optimizer.state[other][moment])
    for one, other in zip(state.averages, fresh.averages, strict=True):
        assert one.num_updates == other.num_updates == 1
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_other_runs_are_refused(run_config, saved, tmp_path):
    path, _ = saved
    for name, config in (
        ("seed", replace(run_config, seed=9)),
        ("ema_decays", replace(run_config, optim=replace(run_config.optim, ema_decays=(0.5,)))),
        ("optim.kind", replace(run_config, optim=replace(run_config.optim, kind="adamw"))),
        ("model", replace(run_config, model=replace(run_config.model, mlp_width=128))),
    ):
        with pytest.raises(CheckpointError, match=f"another {name}"):
            restore_state(path, build_state(config, tmp_path), config)


def test_states_from_before_there_were_kinds_are_of_adamw(run_config, saved, tmp_path):
    tensors, header = read_tensors(saved[0])
    del header["config"]["optim"]["kind"]
    old = tmp_path / "old.safetensors"
    write_tensors(old, tensors, header)
    with pytest.raises(CheckpointError, match=r"another optim\.kind \(adamw, not muon\)"):
        restore_state(old, build_state(run_config, tmp_path), run_config)


def test_other_rates_go_on_and_are_logged(run_config, saved, tmp_path, caplog):
    config = replace(run_config, steps=99)
    restore_state(saved[0], build_state(config, tmp_path), config)
    assert "another steps than before: 99" in caplog.text


def test_other_files_are_refused(run_config, tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(1)}, {})
    with pytest.raises(CheckpointError, match="no training state"):
        restore_state(path, build_state(run_config, tmp_path), run_config)
