import json
from dataclasses import replace

import pytest

from openreels.core.config import from_dict, to_dict
from openreels.training.config import (
    ClipConfig,
    OptimConfig,
    PrecomputeConfig,
    StageData,
    TaskConfig,
    TrainConfig,
)


def test_a_run_round_trips_through_json(run_config):
    both = TrainConfig(
        name="x", model=run_config.model, data=(*run_config.data, StageData(count=2))
    )
    for config in (run_config, both):
        assert from_dict(TrainConfig, json.loads(json.dumps(to_dict(config)))) == config


def test_a_clip_config_gives_the_shape_of_the_clock():
    shape = ClipConfig(duration_s=2.0, aspect_ratio="16:9").shape
    assert (shape.num_frames, shape.height, shape.width, shape.fps) == (33, 64, 112, 16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaskConfig(mix=(("t2x", 1.0),)), "t2x"),
        (lambda: TaskConfig(mix=()), "mix"),
        (lambda: TaskConfig(mix=(("t2v", 0.0),)), "positive shares"),
        (lambda: TaskConfig(text_dropout=1.1), "text_dropout must lie in"),
        (lambda: OptimConfig(ema_decays=(0.9, 0.9)), "ema_decays"),
        (lambda: OptimConfig(anneal_fraction=-0.1), "anneal_fraction"),
        (lambda: PrecomputeConfig(folder="x", count=0), "count must be at least 1"),
        (lambda: StageData(count=1, clip=ClipConfig(aspect_ratio="2:1")).clip.shape, "2:1"),
    ],
)
def test_values_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_run_needs_data(run_config):
    with pytest.raises(ValueError, match="data must name at least one bucket"):
        TrainConfig(name="x", model=run_config.model, data=())


def test_an_audio_branch_needs_a_start_and_a_place(run_config):
    silent = replace(run_config.model, audio_channels=0, audio_truths=0)
    with pytest.raises(ValueError, match="init_audio needs init"):
        replace(run_config, init_audio="audio.safetensors")
    with pytest.raises(ValueError, match="init_audio needs a model with an audio branch"):
        replace(run_config, model=silent, init="shipped", init_audio="audio.safetensors")
