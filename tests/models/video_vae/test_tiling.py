import pytest
import torch
from torch.testing import assert_close

from openreels.models.video_vae.config import VideoVAEConfig
from openreels.models.video_vae.model import VideoVAE
from openreels.models.video_vae.tiling import decode_tiled, encode_tiled


def small() -> VideoVAE:
    config = VideoVAEConfig(
        front_width=8,
        front_depth=1,
        encoder_width=8,
        encoder_depth=2,
        decoder_width=8,
        decoder_depth=2,
        upper_width=8,
        upper_depth=2,
    )
    vae = VideoVAE(config).eval()
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return vae


@torch.no_grad()
@pytest.mark.parametrize("tile", [2, 3, 5, 64])
def test_tiles_with_a_margin_of_the_reach_equal_the_whole(tile):
    vae = small()
    latents = torch.randn(1, 16, 3, 11, 9)
    pixels = torch.rand(1, 3, 5, 72, 56) * 2 - 1
    assert_close(decode_tiled(vae, latents, tile=tile), vae.decode(latents), atol=1e-5, rtol=1e-5)
    assert_close(encode_tiled(vae, pixels, tile=tile), vae.encode(pixels), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_margin_short_of_the_reach_leaves_a_seam():
    vae = small()
    latents = torch.randn(1, 16, 2, 12, 12)
    short = decode_tiled(vae, latents, tile=4, overlap=vae.config.decoder_reach - 1)
    assert (short - vae.decode(latents)).abs().max() > 1e-4


def test_impossible_tiles_and_sides_are_refused():
    vae = small()
    with pytest.raises(ValueError, match="tile"):
        decode_tiled(vae, torch.randn(1, 16, 1, 4, 4), tile=0)
    with pytest.raises(ValueError, match="multiples of 8"):
        encode_tiled(vae, torch.zeros(1, 3, 1, 36, 32))
