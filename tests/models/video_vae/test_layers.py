import pytest
import torch
from torch.testing import assert_close

from openreels.models.video_vae.layers import Block, PerKind, frames_of, patches_of


@pytest.mark.parametrize(("num_frames", "side", "values"), [(1, 4, 48), (4, 8, 768)])
def test_frames_gathered_into_patches_lay_out_again(num_frames, side, values):
    frames = torch.randn(2, 8, 16, 24, 3)
    patches = patches_of(frames, num_frames=num_frames, side=side)
    assert patches.shape == (2, 8 // num_frames, 16 // side, 24 // side, values)
    assert_close(frames_of(patches, num_frames=num_frames, side=side), frames, atol=0, rtol=0)


def test_each_kind_has_its_own_map():
    maps = PerKind((4, 3), (4, 3))
    x = torch.randn(1, 3, 2, 2, 4)
    out = maps(x, starts=True)
    assert_close(out[:, :1], maps.first(x[:, :1]))
    assert_close(out[:, 1:], maps.rest(x[:, 1:]), atol=1e-6, rtol=1e-5)
    assert_close(maps(x, starts=False), maps.rest(x))


def test_a_spread_whose_maps_are_inverse_undoes_a_gathering():
    gather, spread = PerKind((8, 32), (32, 32)), PerKind((32, 8), (32, 32))
    for one, other in ((gather.first, spread.first), (gather.rest, spread.rest)):
        torch.nn.init.orthogonal_(one.conv.weight)
        one.conv.bias.data.zero_()
        other.conv.bias.data.zero_()
        other.conv.weight.data = one.conv.weight.data.transpose(0, 1).contiguous()
    frames = torch.randn(1, 9, 4, 6, 2)
    latents = gather.gathered(frames, starts=True, side=2)
    assert latents.shape == (1, 3, 2, 3, 32)
    assert_close(spread.spread(latents, starts=True, side=2), frames, atol=1e-5, rtol=1e-5)


def test_a_new_block_changes_nothing():
    x = torch.randn(1, 3, 2, 2, 8)
    assert_close(Block(8, looks_back=True)(x)[0], x, atol=0, rtol=0)
