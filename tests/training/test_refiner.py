from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import BASE_FPS, REFINED_FPS
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.captions import caption
from openreels.stage.render import render_video
from openreels.training.codecs import CodecPaths
from openreels.training.config import OptimConfig, ShardData, StageData, TrainConfig
from openreels.training.loop import Limits, train
from openreels.training.networks import load_frozen
from openreels.training.recipes import RECIPES
from openreels.training.refiner_batch import crop_pairs
from openreels.training.refiner_config import RefinerConfig, RefinerPairsConfig
from openreels.training.refiner_data import (
    DAMAGES,
    PairsDataset,
    damaged,
    make_pair,
    precompute_pairs,
)
from openreels.training.run import run_recipe
from openreels.training.start import start_from
from openreels.weights.checkpoint import load_network

CODECS = CodecPaths(video_vae="random:tiny", audio_vae="random:tiny", text_encoder="random:tiny")
PAIRS = RefinerPairsConfig(
    folder="pairs", num_frames=17, scene_s=1.0, short_side=16, count=5, shard_size=3, codecs=CODECS
)


@pytest.fixture(scope="module")
def codec():
    return load_frozen("video_vae", CODECS.video_vae, kind=VideoVAE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    assert precompute_pairs(PAIRS, path)
    return path


def _model(codec, **change):
    channels = codec.config.latent_channels
    return replace(
        presets.tiny(),
        video_in=4 * (2 * channels + 1),
        video_out=4 * channels,
        context_width=32,
        audio_channels=0,
        residual=0.5,
        **change,
    )


def _config(codec, **change):
    return TrainConfig(
        name="refiner",
        model=_model(codec, sparsity=0.5, coarse_gate=True),
        data=(ShardData(folder=PAIRS.folder),),
        codecs=CODECS,
        refiner=RefinerConfig(crop=(3, 4, 8), overlap=(1, 2, 2)),
        optim=OptimConfig(lr=3e-3, warmup_steps=2, ema_decays=(0.9,)),
        batch_size=2,
        steps=6,
        log_every=2,
        **change,
    )


def test_both_clips_of_a_pair_are_one_scene_at_one_time():
    low, high = PAIRS.low, PAIRS.high
    assert (low.num_frames, low.fps, high.fps) == (9, BASE_FPS, REFINED_FPS)
    assert (high.height, high.width) == (64, 64)
    assert high.num_frames == 2 * low.num_frames - 1


def test_frames_of_a_part_of_a_scene_are_those_of_the_whole(folder):
    scene = PairsDataset(folder / "pairs").read([0]).scenes[0]
    whole = render_video([scene], replace(PAIRS.high, num_frames=25))
    part = render_video([scene], PAIRS.high, first=8)
    assert torch.allclose(part, whole[:, :, 8:], atol=1e-5)


def test_pairs_are_read_as_they_were_made(folder, codec):
    dataset = PairsDataset(folder / "pairs")
    assert len(dataset) == 5
    made, record = make_pair(PAIRS, 4, codec)
    read = dataset.read([4, 0])
    assert torch.allclose(read.video[0], made["video"], atol=2e-2)
    assert torch.allclose(read.given[0], made["given"], atol=2e-2)
    assert read.places[0] == record["place"]
    assert caption(read.scenes[0], 0)


@pytest.mark.parametrize("damage", [name for name, _ in DAMAGES])
def test_damages_keep_the_size_and_give_bytes(damage, codec):
    clip = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    made = damaged(clip, damage, codec, torch.Generator().manual_seed(0))
    assert made.shape == clip.shape
    steps = (made + 1) * 127.5
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    nearest = ((clip + 1) * 127.5).round() / 127.5 - 1
    assert torch.allclose(made, nearest, atol=1e-5) == (damage == "none")


def test_crops_are_parts_of_their_pairs_and_given_where_known(folder):
    pairs = PairsDataset(folder / "pairs").read(range(5))
    config = RefinerConfig(crop=(3, 4, 8), overlap=(1, 2, 2), still_share=0.0, region_share=0.3)
    for seed in range(8):
        crops = crop_pairs(pairs, config, 2, torch.Generator().manual_seed(seed))
        assert crops.video.shape[2:] == (3, 4, 8)
        known = crops.known.unsqueeze(1).expand_as(crops.video)
        assert torch.equal(crops.given[known], crops.video[known])
        for row in range(5):
            assert _is_part(crops.video[row], pairs.video[row])


def _is_part(part, whole):
    frames, rows, columns = part.shape[1:]
    return any(
        torch.equal(whole[:, f : f + frames, y : y + rows, x : x + columns], part)
        for f in range(whole.shape[1] - frames + 1)
        for y in range(0, whole.shape[2] - rows + 1, 2)
        for x in range(0, whole.shape[3] - columns + 1, 2)
    )


def test_a_still_is_given_in_its_frame(folder):
    pairs = PairsDataset(folder / "pairs").read(range(5))
    config = RefinerConfig(
        crop=(5, 8, 8), still_share=1.0, region_share=0.0, window_share=0.0, overlap=(1, 2, 2)
    )
    crops = crop_pairs(pairs, config, 2, torch.Generator().manual_seed(0))
    for row, place in enumerate(pairs.places):
        assert torch.equal(crops.given[row, :, place], pairs.still[row])
        assert crops.known[row].flatten(1).any(1).tolist() == [f == place for f in range(5)]


def test_a_refiner_trains_and_goes_on_bit_for_bit(folder, tmp_path, codec):
    config = _config(codec)
    for place in ("whole", "halves"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "pairs").symlink_to(folder / "pairs")
    train(config, tmp_path / "whole", tensorboard=False)
    stop = Limits(stop=lambda step: step == 3)
    train(config, tmp_path / "halves", limits=stop, tensorboard=False)
    train(config, tmp_path / "halves", tensorboard=False)
    one, two = (
        load_network(tmp_path / place / "refiner" / "mmdit.safetensors", kind=MMDiT).state_dict()
        for place in ("whole", "halves")
    )
    assert all(torch.equal(one[name], two[name]) for name in one | two)
    assert not any(name.startswith("audio") or "partner" in name for name in one)


def test_a_refiner_starts_as_the_base_where_they_agree(codec):
    base = MMDiT(replace(_model(codec), audio_channels=4, residual=0.0))
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.normal_()
    refiner = MMDiT(_model(codec, coarse_gate=True))
    assert start_from(refiner, base) > 0
    gates = [name for name in refiner.state_dict() if "coarse_gate" in name]
    for name, value in refiner.state_dict().items():
        assert name in gates or torch.equal(value, base.state_dict()[name])
    assert not any(refiner.state_dict()[name].any() for name in gates)


def test_a_recipe_makes_pairs_and_trains_on_them(tmp_path, codec, monkeypatch):
    monkeypatch.setitem(RECIPES, "small", lambda: (PAIRS, _config(codec)))
    told = []
    assert run_recipe("small", out=tmp_path / "out", report=told.append)
    assert [state.done for state in told if state.part == "pairs"] == [1, 2]
    assert (tmp_path / "out" / "refiner" / "mmdit.safetensors").exists()


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: RefinerPairsConfig(folder="a", num_frames=21), "8k \\+ 1, got 21"),
        (lambda: RefinerPairsConfig(folder="a", scene_s=0.5), "lengthen the scene"),
        (lambda: RefinerConfig(window_share=0.9, region_share=0.2), "sum to at most 1"),
        (lambda: RefinerConfig(crop=(0, 1, 1)), "crop must be at least 1"),
        (
            lambda: TrainConfig(
                name="a", model=presets.refiner(), data=(StageData(),), refiner=RefinerConfig()
            ),
            "must be folders of pairs",
        ),
    ],
)
def test_impossible_configs_are_refused(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()


def test_other_pairs_are_not_mixed_in(folder):
    with pytest.raises(ValueError, match="already holds other pairs"):
        precompute_pairs(replace(PAIRS, seed=9), folder)
    with pytest.raises(ValueError, match="must hold pairs"):
        PairsDataset(folder / "nothing")
