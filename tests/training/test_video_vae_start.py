from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from openreels.core.errors import CheckpointError
from openreels.core.shapes import ClipShape
from openreels.models.video_vae.model import VideoVAE
from openreels.models.video_vae.presets import tiny
from openreels.training.video_vae_clips import texture_clips
from openreels.training.video_vae_start import start_from_components, start_from_weights
from openreels.weights.checkpoint import save_network


@torch.no_grad()
def test_clips_of_few_components_are_reconstructed_exactly():
    basis = torch.randn(6, 3, 5, 8, 8)
    basis[:3, :, 1:] = basis[:3, :, :1]
    weights = torch.randn(64, 6) * 0.05
    pixels = torch.einsum("bn,ncfyx->bcfyx", weights, basis)
    vae = VideoVAE(tiny())
    start_from_components(vae, pixels)
    assert_close(vae.reconstruct(vae.encode(pixels)), pixels, atol=2e-3, rtol=0)


@torch.no_grad()
def test_latents_start_with_about_unit_variance_and_zero_mean():
    pixels = texture_clips(1)(range(24), ClipShape(num_frames=9, height=32, width=32))
    vae = VideoVAE(tiny())
    start_from_components(vae, pixels)
    latents = vae.encode(pixels)
    assert 0.5 < latents.std() < 2
    assert latents[:, :, 1:].mean((0, 2, 3, 4)).abs().max() < 1e-2


@torch.no_grad()
def test_the_first_latent_resembles_that_of_the_same_picture_held_still():
    pixels = texture_clips(1)(range(48), ClipShape(num_frames=5, height=32, width=32))
    vae = VideoVAE(tiny())
    start_from_components(vae, pixels)
    still = pixels[:, :, :1].expand(-1, -1, 5, -1, -1)
    latents = vae.encode(still)
    gap = (latents[:, :, 0] - latents[:, :, 1]).square().mean()
    assert gap < 0.3 * latents.square().mean()


def trained(seed: int) -> VideoVAE:
    """An autoencoder none of whose weights is zero, with statistics of its own."""
    torch.manual_seed(seed)
    vae = VideoVAE(tiny())
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.normal_(0, 0.1)
        vae.latent_mean.normal_()
        vae.latent_std.uniform_(0.5, 2)
    return vae


@torch.no_grad()
def test_an_autoencoder_with_more_blocks_starts_as_the_smaller_one(tmp_path):
    small, pixels = trained(3), torch.rand(2, 3, 9, 16, 24) * 2 - 1
    save_network(tmp_path / "small.safetensors", small)
    config = replace(tiny(), front_depth=2, encoder_depth=3, decoder_depth=2, upper_depth=3)
    large = VideoVAE(config)
    start_from_weights(large, tmp_path / "small.safetensors")
    latents = small.encode(pixels)
    assert_close(large.encode(pixels), latents, atol=1e-4, rtol=1e-4)
    assert_close(large.reconstruct(latents), small.reconstruct(latents), atol=1e-4, rtol=1e-4)
    assert (large.latent_mean == 0).all()
    assert (large.latent_std == 1).all()


def test_a_start_of_another_width_or_with_more_blocks_is_refused(tmp_path):
    save_network(tmp_path / "small.safetensors", trained(3))
    for change in ({"encoder_width": 24}, {"decoder_depth": 0}):
        with pytest.raises(CheckpointError):
            start_from_weights(VideoVAE(replace(tiny(), **change)), tmp_path / "small.safetensors")
