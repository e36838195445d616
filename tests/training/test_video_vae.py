from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from openreels.core.shapes import ClipShape
from openreels.models.video_vae.model import VideoVAE
from openreels.models.video_vae.presets import tiny
from openreels.training.video_vae import (
    STATE_FILE,
    VideoVAERecipe,
    VideoVAETrainer,
    freeze,
    psnr_db,
    reconstruction_loss,
    train_video_vae,
)
from openreels.training.video_vae_clips import Bucket, ClipPools, texture_clips
from openreels.training.video_vae_start import start_from_components
from openreels.weights.checkpoint import load_network, save_network

SHAPE = ClipShape(num_frames=5, height=16, width=16)
RECIPE = VideoVAERecipe(num_steps=6, warmup_steps=1, log_every=2, learning_rate=3e-3)


def pools() -> ClipPools:
    bucket = Bucket(render=texture_clips(1), shape=SHAPE, batch_size=4, weight=1, pool_size=16)
    return ClipPools([bucket], seed=3)


def clips(count: int) -> torch.Tensor:
    return texture_clips(2)(range(count), SHAPE)


def started() -> VideoVAE:
    torch.manual_seed(0)
    vae = VideoVAE(tiny())
    start_from_components(vae, clips(16))
    return vae


def test_no_error_no_loss_and_the_first_frame_weighs_more():
    pixels = clips(2)
    assert reconstruction_loss(pixels, pixels, RECIPE) == 0
    first, later = pixels.clone(), pixels.clone()
    first[:, :, 0] += 0.1
    later[:, :, 1] += 0.1
    recipe = replace(RECIPE, first_weight=4.0)
    assert reconstruction_loss(first, pixels, recipe) > reconstruction_loss(later, pixels, recipe)


def test_psnr_is_the_closed_form():
    vae = started()
    pixels = clips(2)
    with torch.no_grad():
        error = vae.decode(vae.encode(pixels)) - pixels
    expected = 20 * torch.log10(2 / error.square().mean((1, 2, 3, 4)).sqrt())
    assert_close(psnr_db(vae, pixels), expected, atol=1e-3, rtol=1e-5)


def test_training_on_one_batch_lowers_its_loss():
    trainer = VideoVAETrainer(started(), replace(RECIPE, num_steps=40, latent_noise=0.0))
    pixels = clips(2)
    losses = [trainer.train_step(pixels)["loss"] for _ in range(40)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_resumed_run_equals_one_without_interruption(tmp_path):
    whole = VideoVAETrainer(started(), RECIPE)
    train_video_vae(whole, pools(), tmp_path / "whole")
    part = VideoVAETrainer(started(), RECIPE)
    for step in range(3):
        part.train_step(pools().batch(step))
    part.save(tmp_path / "parts" / STATE_FILE)
    resumed = VideoVAETrainer(VideoVAE(tiny()), RECIPE)
    train_video_vae(resumed, pools(), tmp_path / "parts")
    assert resumed.step == 6
    for name, value in whole.vae.state_dict().items():
        assert torch.equal(value, resumed.vae.state_dict()[name]), name
        assert torch.equal(whole.average[name], resumed.average[name]), name


def test_the_time_limit_ends_the_schedule(tmp_path):
    trainer = VideoVAETrainer(started(), replace(RECIPE, num_steps=10_000, time_limit_s=1e-6))
    train_video_vae(trainer, pools(), tmp_path)
    assert trainer.step == 1


def test_a_frozen_encoder_keeps_its_bytes_while_the_decoder_learns(tmp_path):
    vae = started()
    freeze(vae, [clips(8)])
    path = tmp_path / "vae.safetensors"
    save_network(path, vae, dtype=torch.float16)
    before = load_network(path, kind=VideoVAE)
    trainer = VideoVAETrainer(
        load_network(path, kind=VideoVAE), replace(RECIPE, freeze_encoder=True)
    )
    after = train_video_vae(trainer, pools(), tmp_path / "run")
    save_network(path, after, dtype=torch.float16)
    again, old = load_network(path, kind=VideoVAE).state_dict(), before.state_dict()
    kept = [name for name in old if not name.startswith("decoder.")]
    assert all(torch.equal(again[name], old[name]) for name in kept)
    assert not torch.equal(again["decoder.head.conv.weight"], old["decoder.head.conv.weight"])


def test_frozen_latents_have_unit_statistics():
    vae, pixels = started(), clips(16)
    freeze(vae, [pixels])
    with torch.no_grad():
        latents = vae.encode(pixels)
    assert latents.mean((0, 2, 3, 4)).abs().max() < 1e-2
    assert_close(latents.std((0, 2, 3, 4)), torch.ones(16), atol=1e-2, rtol=0)


@pytest.mark.parametrize("freeze_encoder", [False, True])
def test_every_weight_that_is_to_learn_moves(freeze_encoder):
    vae = started()
    before = {name: value.clone() for name, value in vae.named_parameters()}
    trainer = VideoVAETrainer(vae, replace(RECIPE, freeze_encoder=freeze_encoder))
    for _ in range(3):
        trainer.train_step(clips(2))
    idle = {n for n, value in vae.named_parameters() if torch.equal(value, before[n])}
    expected = {n for n in before if n.startswith("encoder.")} if freeze_encoder else set()
    assert idle == expected
