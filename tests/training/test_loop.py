import json
from dataclasses import replace

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.diffusion.noise_levels import NoiseLevelConfig
from openreels.models.mmdit.model import MMDiT
from openreels.training.config import OptimConfig, StageData, TaskConfig
from openreels.training.loop import BEFORE_ANNEAL_FILE, STATE_FILE, Limits, build_state, train
from openreels.weights.checkpoint import load_network, read_network_header
from openreels.weights.tensors import read_tensors


def state_of(folder):
    tensors, header = read_tensors(folder / STATE_FILE)
    header.pop("seconds")
    return tensors, header


def test_an_interrupted_run_is_bitwise_the_uninterrupted_one(run_config, tmp_path):
    whole = train(run_config, tmp_path / "whole", tensorboard=False)
    parts = tmp_path / "parts"
    for stop_at in (1, 4):
        limits = Limits(stop=lambda step, at=stop_at: step >= at)
        result = train(run_config, parts, limits=limits, tensorboard=False)
        assert (result.step, result.finished) == (stop_at, False)
    last = train(run_config, parts, tensorboard=False)
    assert (last.step, last.finished) == (whole.step, whole.finished) == (6, True)
    expected, header = state_of(tmp_path / "whole" / "test")
    got, got_header = state_of(parts / "test")
    assert got_header == header
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    assert whole.export.read_bytes()[-64:] == last.export.read_bytes()[-64:]


def test_the_export_is_the_average_in_half_precision(run_config, tmp_path):
    result = train(run_config, tmp_path, tensorboard=False)
    network = load_network(result.export, kind=MMDiT)
    tensors, _ = read_tensors(tmp_path / "test" / STATE_FILE)
    for name, value in network.named_parameters():
        assert torch.equal(value, tensors[f"average0/{name}"].half().float())
    assert read_network_header(result.export).metadata["steps"] == 6
    assert read_network_header(tmp_path / "test" / "mmdit-ema0.99.safetensors").network == "mmdit"


def test_starting_anew_and_starting_from_weights(run_config, tmp_path):
    one = replace(run_config, steps=1)
    train(one, tmp_path, tensorboard=False)
    assert train(one, tmp_path, resume=False, tensorboard=False).step == 1
    export = tmp_path / "test" / "mmdit.safetensors"
    state = build_state(replace(one, init="test/mmdit.safetensors"), tmp_path)
    expected = load_network(export).state_dict()
    for name, value in state.network.state_dict().items():
        assert torch.equal(value, expected[name])
    later = replace(run_config.model, truth_block=1, audio_truth_block=2)
    state = build_state(replace(one, init="test/mmdit.safetensors", model=later), tmp_path)
    assert state.network.config.audio_truth_block == 2
    assert torch.equal(state.network.audio.head.out.weight, expected["audio.head.out.weight"])
    model = replace(run_config.model, mlp_width=128)
    with pytest.raises(CheckpointError, match="init must have the config of the run"):
        build_state(replace(one, init=str(export), model=model), tmp_path)


def test_a_time_limit_ends_a_run_with_its_rate_fallen(run_config, tmp_path):
    config = replace(
        run_config,
        steps=10**9,
        log_every=1,
        optim=replace(run_config.optim, anneal_fraction=1.0, warmup_steps=0),
    )
    result = train(config, tmp_path, limits=Limits(time_limit_s=1.0), tensorboard=False)
    assert result.finished
    assert result.step < 10**6
    assert (tmp_path / "test" / BEFORE_ANNEAL_FILE).exists()
    lines = [
        json.loads(line) for line in (tmp_path / "test" / "log.jsonl").read_text().splitlines()
    ]
    rates = [line["lr"] for line in lines]
    assert rates == sorted(rates, reverse=True)
    assert len(lines) == result.step


def test_a_small_network_overfits_one_clip(run_config, bucket_config, tmp_path):
    model = replace(run_config.model, width=48, mlp_width=96, rope_widths=(8, 8, 8))
    config = replace(
        run_config,
        model=model,
        data=(StageData(count=1, clip=bucket_config.clip),),
        tasks=TaskConfig(mix=(("t2av", 1.0),), num_variants=1),
        sigma=NoiseLevelConfig(kind="uniform"),
        optim=OptimConfig(lr=5e-3, warmup_steps=5, ema_decays=(0.9,)),
        steps=80,
        log_every=10,
    )
    lines = []
    train(config, tmp_path, report=lambda _, values: lines.append(values), tensorboard=False)
    assert lines[-1]["video/loss"] < 0.6 * lines[0]["video/loss"]
    assert lines[-1]["audio/loss"] < 0.3 * lines[0]["audio/loss"]


def test_latents_of_other_autoencoders_are_refused(run_config, tmp_path):
    other = replace(run_config.codecs, video_vae="random:stage")
    with pytest.raises(ValueError, match="video_vae"):
        train(replace(run_config, codecs=other), tmp_path, tensorboard=False)


def test_the_state_before_the_rate_falls_is_not_overwritten_by_a_later_one(run_config, tmp_path):
    config = replace(run_config, optim=replace(run_config.optim, anneal_fraction=0.5))
    limits = Limits(stop=lambda step: step >= 5)
    train(config, tmp_path, limits=limits, tensorboard=False)
    before = tmp_path / "test" / BEFORE_ANNEAL_FILE
    first = before.read_bytes()
    assert read_tensors(before)[1]["step"] == 4
    assert train(config, tmp_path, tensorboard=False).finished
    assert before.read_bytes() == first
