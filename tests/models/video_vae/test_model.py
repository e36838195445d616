import pytest
import torch
from torch.testing import assert_close

from openreels.core.shapes import ASPECT_RATIOS, size_for
from openreels.models.video_vae.model import VideoVAE
from openreels.models.video_vae.presets import tiny


def awake(config=None) -> VideoVAE:
    """An autoencoder whose blocks and heads, which start at zero, do something."""
    vae = VideoVAE(config or tiny()).eval()
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    vae.latent_mean.normal_()
    vae.latent_std.uniform_(0.5, 2)
    return vae


def clip(num_frames: int, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.rand(1, 3, num_frames, height, width) * 2 - 1


@torch.no_grad()
def test_a_later_frame_changes_no_earlier_latent():
    vae, pixels = awake(), clip(13)
    latents = vae.encode(pixels)
    changed = pixels.clone()
    changed[:, :, 9:] = 0
    again = vae.encode(changed)
    assert_close(again[:, :, :3], latents[:, :, :3], atol=1e-5, rtol=1e-5)
    assert (again[:, :, 3] - latents[:, :, 3]).abs().amax() > 0.01


@torch.no_grad()
def test_a_latent_depends_on_its_own_frames_only():
    vae, pixels = awake(), clip(13)
    changed = pixels.clone()
    changed[:, :, :5] = 0
    assert_close(vae.encode(changed)[:, :, 2:], vae.encode(pixels)[:, :, 2:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_later_latent_changes_no_earlier_frame_but_all_of_its_own_and_later_ones():
    vae = awake()
    latents = torch.randn(1, 16, 4, 3, 3)
    pixels = vae.reconstruct(latents)
    changed = latents.clone()
    changed[:, :, 2] = 0
    moved = (vae.reconstruct(changed) - pixels).abs().amax((0, 1, 3, 4))
    assert moved[:5].max() < 1e-5
    assert moved[5:9].min() > 0.01
    assert moved[9:].min() > 1e-4


@torch.no_grad()
def test_the_first_latent_is_the_image_alone():
    vae, pixels = awake(), clip(9)
    assert_close(vae.encode(pixels)[:, :, :1], vae.encode(pixels[:, :, :1]), atol=1e-5, rtol=1e-5)
    latents = vae.encode(pixels)
    assert_close(vae.decode(latents)[:, :, :1], vae.decode(latents[:, :, :1]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("chunk_frames", [1, 2, 5, 9])
def test_decoding_a_stream_equals_decoding_the_whole(chunk_frames):
    vae = awake()
    latents = torch.randn(2, 16, 5, 4, 3)
    chunks = list(vae.decode_stream(latents, chunk_frames=chunk_frames))
    assert chunks[0].shape[2] == 4 * (min(chunk_frames, 5) - 1) + 1
    assert_close(torch.cat(chunks, dim=2), vae.decode(latents), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_decoding_pieces_that_arrive_one_by_one_equals_the_whole():
    vae = awake()
    latents = torch.randn(1, 16, 6, 2, 2)
    pieces = iter(latents.split((2, 1, 3), dim=2))
    chunks = torch.cat(list(vae.decode_stream(pieces)), dim=2)
    assert_close(chunks, vae.decode(latents), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_encoding_a_stream_equals_encoding_the_whole():
    vae, pixels = awake(), clip(17)
    latents = torch.cat(list(vae.encode_stream(pixels.split((5, 8, 4), dim=2))), dim=2)
    assert_close(latents, vae.encode(pixels), atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("ratio", list(ASPECT_RATIOS))
def test_every_aspect_ratio_keeps_its_size(ratio):
    height, width = size_for(ratio, 64)
    vae, pixels = awake(), clip(5, height, width)
    latents = vae.encode(pixels)
    assert latents.shape == (1, 16, 2, height // 8, width // 8)
    decoded = vae.decode(latents)
    assert decoded.shape == pixels.shape
    assert decoded.abs().max() <= 1


@pytest.mark.parametrize(
    ("num_frames", "height", "width", "said"),
    [(8, 32, 32, "4k"), (5, 36, 32, "height"), (5, 32, 20, "width")],
)
def test_impossible_sizes_are_refused_by_name(num_frames, height, width, said):
    with pytest.raises(ValueError, match=said):
        awake().encode(clip(num_frames, height, width))


def test_a_chunk_of_another_number_of_frames_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        list(awake().encode_stream(clip(8).split((5, 3), dim=2)))


def test_latents_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="16"):
        awake().decode(torch.randn(1, 8, 2, 4, 4))


def test_statistics_normalise_latents_and_leave_pictures_alone():
    vae, pixels = awake(), clip(5)
    with torch.no_grad():
        before, decoded = vae.encode(pixels), vae.decode(vae.encode(pixels))
        mean, std = vae.latent_mean.clone(), vae.latent_std.clone()
        vae.latent_mean.zero_()
        vae.latent_std.fill_(1)
        raw = vae.encode(pixels)
        assert_close(vae.decode(raw), decoded, atol=1e-5, rtol=1e-5)
    channel = (slice(None), None, None, None)
    assert_close(before, (raw - mean[channel]) / std[channel], atol=1e-5, rtol=1e-5)


def test_gradients_reach_every_parameter():
    vae = awake()
    (vae.reconstruct(vae.encode(clip(9))) - clip(9)).square().mean().backward()
    idle = [name for name, p in vae.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.no_grad()
def test_the_blocks_start_at_nothing():
    vae, pixels = VideoVAE(tiny()).eval(), clip(5)
    before = vae.reconstruct(vae.encode(pixels))
    for part in (vae.encoder.stem, vae.encoder.gather, vae.decoder.stem, vae.decoder.spread):
        for parameter in part.parameters():
            parameter.zero_()
    assert_close(vae.reconstruct(vae.encode(pixels)), before, atol=0, rtol=0)
