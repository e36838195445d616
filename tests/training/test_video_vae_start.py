import torch
from torch.testing import assert_close

from openreels.core.shapes import ClipShape
from openreels.models.video_vae.model import VideoVAE
from openreels.models.video_vae.presets import tiny
from openreels.training.video_vae_clips import texture_clips
from openreels.training.video_vae_start import start_from_components


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
