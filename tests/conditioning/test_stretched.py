import pytest
import torch

from openreels.conditioning.refine import stretch_frames
from openreels.conditioning.stretched import LOOK_BACK, stretched_clip
from openreels.models.video_vae.model import VideoVAE
from openreels.weights.checkpoint import load_network, shipped_path


@pytest.fixture(scope="module")
def codec():
    return load_network(shipped_path("video_vae"), kind=VideoVAE)


def _clip(frames, height=4, width=5):
    return torch.randn(2, 16, frames, height, width, generator=torch.Generator().manual_seed(1))


def test_it_is_the_larger_clip_at_the_latents_of_its_keyframes(codec):
    clip = _clip(13)
    with torch.no_grad():
        low = codec.decode(clip)
        fine = torch.stack([stretch_frames(one, height=128, width=160) for one in low])
        whole = codec.encode(fine)
    got = stretched_clip(codec, clip, (0, 8))
    assert got.shape == (2, 16, 2, 16, 20)
    torch.testing.assert_close(got[:, :, 0], whole[:, :, 0], atol=1e-5, rtol=1e-4)
    # What the decoder would see of latents further back is left out.
    assert (got[:, :, 1] - whole[:, :, 16]).square().mean() < 1e-4 * whole.var()
    assert not torch.equal(got[:, :, 1], whole[:, :, 16])


def test_it_looks_back_and_never_ahead(codec):
    clip = _clip(12)
    changed = clip.clone()
    changed[:, :, 9:] += 1
    changed[:, :, 1 : 8 - LOOK_BACK] += 1
    got, same = (stretched_clip(codec, one, (0, 8)) for one in (clip, changed))
    torch.testing.assert_close(got, same)
    changed[:, :, 7] += 1
    assert not torch.equal(stretched_clip(codec, changed, (8,)), got[:, :, 1:])


def test_half_products_of_the_codec_give_the_same_but_for_their_precision(codec):
    clip = _clip(9)
    whole = stretched_clip(codec, clip, (0, 8))
    with torch.autocast("cpu", torch.bfloat16):
        half = stretched_clip(codec, clip, (0, 8)).float()
    assert (half - whole).square().mean() < 1e-2 * whole.var()
