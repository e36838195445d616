from collections import Counter
from dataclasses import replace

import pytest
import torch

from openreels.conditioning.tasks import TASKS
from openreels.core.seeding import generator
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.patchify import patchify, unpatchify
from openreels.training.batch import (
    BatchMaker,
    TaskDraw,
    draw_tasks,
    patch_of,
)
from openreels.training.config import DEFAULT_MIX, TaskConfig
from openreels.training.dataset import ShardDataset
from openreels.training.networks import load_frozen


@pytest.fixture(scope="module")
def data(data_root):
    return ShardDataset(data_root / "bucket")


@pytest.fixture(scope="module")
def maker(run_config):
    encoder = load_frozen("text_encoder", "random:tiny", kind=PromptEncoder)
    return BatchMaker(config=run_config, encode_text=encoder.encode_text)


def make(maker, data, names, step=0):
    task = TASKS[names[0]]
    draw = TaskDraw(names=names, video=task.video, sound=task.sound, picture=task.single_frame)
    latents = data.read(range(len(names)))
    batch = maker.make(latents, draw, shape=data.shape, black=data.black, step=step)
    return latents, batch


def test_a_batch_has_one_structure_and_tasks_by_their_shares():
    config = TaskConfig(mix=DEFAULT_MIX)
    draws = [draw_tasks(config, 8, generator(0, step)) for step in range(1500)]
    for draw in draws:
        if draw.sound and draw.video:
            assert all(TASKS[name].video and TASKS[name].sound for name in draw.names)
        assert len(draw.names) == (32 if draw.picture else 8)
    silent = [draw for draw in draws if draw.video and not draw.sound and not draw.picture]
    assert len(silent) / 1500 == pytest.approx(0.07, abs=0.02)
    names = Counter(name for draw in draws if draw.sound and draw.video for name in draw.names)
    assert names["t2av"] / sum(names.values()) == pytest.approx(0.65 / 0.85, abs=0.02)
    shares = Counter(name for draw in silent for name in draw.names)
    assert shares["t2v"] / sum(shares.values()) == pytest.approx(0.65 / 0.85, abs=0.06)
    assert "extend" in shares
    assert "t2av" not in shares


def test_single_frames_have_only_tasks_of_their_own():
    config = TaskConfig(mix=(("t2av", 0.9), ("t2i", 0.05), ("inpaint_image", 0.05)))
    draws = [draw_tasks(config, 4, generator(0, step), picture=True) for step in range(50)]
    assert {name for draw in draws for name in draw.names} == {"t2i", "inpaint_image"}
    assert all(draw.picture and len(draw.names) == 16 for draw in draws)
    with pytest.raises(ValueError, match="needs a task of them in the mix, got t2av; add t2i"):
        draw_tasks(TaskConfig(mix=(("t2av", 1.0),)), 4, generator(0, 0), picture=True)


def test_noisy_tokens_lie_between_clean_and_target(maker, data):
    latents, batch = make(maker, data, ("t2av",) * 3)
    sigma = batch.sigma.view(-1, 1, 1)
    tokens, clean = batch.inputs.video.tokens, patchify(latents.video, 2)
    noisy = patchify(unpatchify(tokens, (3, 4, 4), 2)[:, :16], 2)
    torch.testing.assert_close(noisy, clean + sigma * batch.targets.video)
    clean_audio = latents.audio.transpose(1, 2)
    noisy_audio = batch.inputs.audio.tokens
    torch.testing.assert_close(noisy_audio, clean_audio + sigma * batch.targets.audio)


def test_nothing_is_given_without_a_mask(maker, data):
    _, batch = make(maker, data, ("t2av",))
    channels = unpatchify(batch.inputs.video.tokens, (3, 4, 4), 2)
    assert torch.equal(channels[:, 16:32], data.black)
    assert not channels[:, 32].any()


def test_stills_and_clips_are_given_each_in_their_task(maker, data):
    latents, batch = make(maker, data, ("last", "extend"))
    channels = unpatchify(batch.inputs.video.tokens, (3, 4, 4), 2)
    given, known = channels[:, 16:32], channels[:, 32].bool()
    assert known[0].all((1, 2)).tolist() == [False, False, True]
    assert torch.equal(given[0, :, 2], latents.stills[0, :, 2])
    assert torch.equal(given[0, :, :2], data.black[0, :, :2])
    count = int(known[1].all((1, 2)).sum())
    assert 1 <= count <= 2
    assert torch.equal(given[1, :, :count], latents.video[1, :, :count])
    assert torch.equal(given[1, :, count:], data.black[0, :, count:])


def test_pictures_are_the_first_latent_and_have_no_sound(maker, data):
    latents, batch = make(maker, data, ("t2i", "t2i"))
    assert batch.inputs.audio is None
    assert batch.targets.audio is None
    assert batch.inputs.video.tokens.shape == (2, 4, 132)
    clean = patchify(latents.video[:, :, :1], 2)
    sigma = batch.sigma.view(-1, 1, 1)
    noisy = patchify(unpatchify(batch.inputs.video.tokens, (1, 4, 4), 2)[:, :16], 2)
    torch.testing.assert_close(noisy, clean + sigma * batch.targets.video)


def test_sound_alone_has_no_video(maker, data):
    _, batch = make(maker, data, ("t2a", "t2a"))
    assert batch.inputs.video is None
    assert batch.inputs.audio.tokens.shape == (2, data.shape.num_audio_tokens, 4)


def test_draws_follow_from_the_step_alone(maker, data):
    one, same = (make(maker, data, ("last", "extend"), step=4)[1] for _ in range(2))
    other = make(maker, data, ("last", "extend"), step=5)[1]
    assert torch.equal(one.inputs.video.tokens, same.inputs.video.tokens)
    assert torch.equal(one.context, same.context)
    assert not torch.equal(one.sigma, other.sigma)
    assert not torch.equal(one.targets.audio, other.targets.audio)


def test_the_patch_follows_from_the_channels(model_config):
    assert patch_of(model_config, 16) == 2
    with pytest.raises(ValueError, match="c = 8"):
        patch_of(model_config, 8)
    with pytest.raises(ValueError, match="video_in"):
        patch_of(replace(model_config, video_out=16), 16)


def test_a_lag_makes_the_audio_noisier_and_leaves_the_video_alone(maker, data):
    lagging = replace(
        maker, config=replace(maker.config, sigma=replace(maker.config.sigma, lag_share=0.5))
    )
    names = ("t2av",) * 7
    latents, plain = make(maker, data, names)
    _, lagged = make(lagging, data, names)
    assert plain.audio_sigma is None
    assert torch.equal(lagged.inputs.video.tokens, plain.inputs.video.tokens)
    assert torch.equal(lagged.sigma, plain.sigma)
    later = lagged.audio_sigma > lagged.sigma
    assert 0 < later.sum() < 7
    assert torch.equal(lagged.audio_sigma[~later], lagged.sigma[~later])
    clean = latents.audio.transpose(1, 2)
    level = lagged.audio_sigma[:, None, None]
    torch.testing.assert_close(
        lagged.inputs.audio.tokens, clean + level * lagged.targets.audio, atol=1e-5, rtol=0
    )
    for alone in ("t2a", "t2v"):
        assert make(lagging, data, (alone,))[1].audio_sigma is None
