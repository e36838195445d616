"""One small bucket of latents and one small run, for every test of this room."""

from dataclasses import replace

import pytest
import torch

from openreels.models.mmdit import presets
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.low_rank import LowRankConfig
from openreels.training.config import (
    ClipConfig,
    CodecPaths,
    OptimConfig,
    PrecomputeConfig,
    ShardData,
    TaskConfig,
    TrainConfig,
)
from openreels.training.encoders import load_encoders
from openreels.training.export import export_file
from openreels.training.loop import STATE_FILE, Limits, RunResult, train
from openreels.training.precompute import precompute
from openreels.weights.checkpoint import save_network
from openreels.weights.tensors import read_tensors

CODECS = CodecPaths(video_vae="random:tiny", audio_vae="random:tiny", text_encoder="random:tiny")
CLIP = ClipConfig(duration_s=0.5, short_side=32)
MIX = (("t2av", 4.0), ("t2v", 1.0), ("t2a", 1.0), ("t2i", 1.0), ("last", 1.0), ("extend", 1.0))


@pytest.fixture(scope="session")
def bucket_config() -> PrecomputeConfig:
    return PrecomputeConfig(
        folder="bucket",
        clip=CLIP,
        seed=3,
        count=7,
        shard_size=3,
        batch_size=2,
        codecs=CODECS,
        products="fp32",
    )


LESSONS = (
    ("subjects", 1.0),
    ("subjects and voices", 1.0),
    ("storyboard", 1.0),
    ("music", 1.0),
    ("images and motion", 1.0),
    ("edit colour", 1.0),
    ("inpaint subject by reference", 1.0),
)


@pytest.fixture(scope="session")
def lessons_config(bucket_config) -> PrecomputeConfig:
    clip = ClipConfig(duration_s=1.0, short_side=32)
    return replace(
        bucket_config, folder="lessons", clip=clip, lessons=LESSONS, count=12, shard_size=7
    )


@pytest.fixture(scope="session")
def lessons_root(data_root, lessons_config):
    assert precompute(lessons_config, data_root)
    return data_root / "lessons"


@pytest.fixture(scope="session")
def encoders():
    return load_encoders(CODECS)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory, bucket_config):
    root = tmp_path_factory.mktemp("data")
    assert precompute(bucket_config, root)
    return root


@pytest.fixture(scope="session")
def model_config():
    return replace(
        presets.tiny(), video_in=4 * 33, video_out=4 * 16, audio_channels=4, context_width=32
    )


@pytest.fixture(scope="session")
def run_config(data_root, model_config) -> TrainConfig:
    return TrainConfig(
        name="test",
        model=model_config,
        data=(ShardData(folder=str(data_root / "bucket")),),
        codecs=CODECS,
        tasks=TaskConfig(mix=MIX, pictures_factor=2),
        optim=OptimConfig(lr=3e-3, warmup_steps=3, ema_decays=(0.9, 0.99)),
        batch_size=4,
        steps=6,
        log_every=2,
    )


@pytest.fixture
def told_words(tmp_path):
    """Fields of a run of four steps that changes a small prompt encoder (``ToldWordsRecipe``)."""
    torch.manual_seed(3)
    config = replace(text_presets.tiny(), max_tokens=128)
    save_network(tmp_path / "start.safetensors", PromptEncoder(config))
    return {
        "encoder": config,
        "start": str(tmp_path / "start.safetensors"),
        "lora": LowRankConfig(rank=4, alpha=4.0, layers=("blocks.",)),
        "num_steps": 4,
        "batch_size": 8,
    }


@pytest.fixture
def whole_and_parts(tmp_path):
    """Trains a run at one go and again with two stops; both final states must be the same bits."""

    def run(config: TrainConfig) -> tuple[RunResult, TrainConfig]:
        states = []
        for name, stops in (("whole", ()), ("parts", (2, 3))):
            config = replace(config, name=name)
            for at in stops:
                limits = Limits(stop=lambda step, at=at: step >= at)
                assert train(config, tmp_path, limits=limits, tensorboard=False).step == at
            result = train(config, tmp_path, tensorboard=False)
            assert result.export == tmp_path / name / export_file(config)
            states.append(read_tensors(tmp_path / name / STATE_FILE)[0])
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
        return result, config

    return run
