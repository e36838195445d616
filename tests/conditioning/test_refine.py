import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.conditioning.refine import (
    Held,
    frames_of_piece,
    pieces_of,
    refined_num_frames,
    refined_size,
    stretch_frames,
    stretch_latents,
    stretched_pieces,
    time_factor,
)
from openreels.core.shapes import ClipShape, latent_frames
from openreels.media.clip import frames_of, pixels_of


@given(k=st.integers(0, 60))
def test_a_clip_of_4k_plus_1_frames_and_its_latents_fit_twice(k):
    high = refined_num_frames(4 * k + 1)
    assert high == 8 * k + 1
    assert latent_frames(high) == 2 * (latent_frames(4 * k + 1) - 1) + 1


@pytest.mark.parametrize(
    ("low", "side", "size"),
    [
        ((64, 64), 256, (256, 256)),
        ((64, 112), 256, (256, 448)),
        ((80, 64), 256, (320, 256)),
        ((256, 448), 1080, (1088, 1904)),
        ((256, 256), 480, (480, 480)),
    ],
)
def test_the_size_keeps_the_shape_of_the_clip(low, side, size):
    assert refined_size(*low, side) == size


def test_frames_in_between_are_means_and_the_others_stay():
    low = torch.rand(3, 5, 16, 16) * 2 - 1
    high = stretch_frames(low, height=16, width=16)
    assert torch.equal(high[:, ::2], low)
    assert torch.allclose(high[:, 1::2], (low[:, 1:] + low[:, :-1]) / 2, atol=1e-6)


def test_a_plain_colour_stays_and_nothing_leaves_the_range():
    low = torch.full((3, 2, 16, 16), 0.25)
    assert torch.allclose(stretch_frames(low, height=64, width=64), torch.tensor(0.25), atol=1e-5)
    edges = (torch.rand(3, 2, 16, 16) > 0.5) * 2.0 - 1
    assert stretch_frames(edges, height=64, width=64).abs().max() <= 1


def test_latents_of_a_clip_of_one_latent_value_stay():
    low = torch.arange(16.0).view(1, 16, 1, 1, 1).expand(1, 16, 3, 8, 8)
    shape = ClipShape(num_frames=17, height=256, width=256)
    high = stretch_latents(low, shape)
    assert high.shape == (1, 16, 5, 32, 32)
    assert torch.allclose(high, low[:, :, :1, :1, :1].expand_as(high))


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("factor", [1, 2])
def test_pieces_together_are_the_whole(size, factor):
    num_low = 9 if factor == 2 else 17
    low = torch.randint(0, 256, (num_low, 16, 16, 3), dtype=torch.uint8)
    shape = ClipShape(num_frames=17, height=32, width=32, fps=32)
    whole = stretch_frames(pixels_of(low.numpy())[0], height=32, width=32, factor=factor)
    pieces = list(stretched_pieces(low, shape, Held(), size=size))
    assert torch.allclose(torch.cat(pieces, dim=2)[0], whole, atol=1e-6)
    assert [p.shape[2] for p in pieces] == [len(frames_of_piece(p)) for p in pieces_of(5, size)]


def test_the_source_lies_over_what_is_known():
    low = torch.zeros(3, 16, 16, 3, dtype=torch.uint8)
    shape = ClipShape(num_frames=5, height=32, width=32, fps=32)
    source = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8)
    known = torch.rand(5, 32, 32) > 0.5
    (made,) = stretched_pieces(low, shape, Held(source=source, known=known), size=9)
    frames = torch.from_numpy(frames_of(made))
    assert torch.equal(frames[known], source[known])
    assert not frames[~known].any()


def test_frames_that_do_not_fit_are_refused():
    assert time_factor(5, 9) == 2
    assert time_factor(5, 5) == 1
    with pytest.raises(ValueError, match=r"k \(n - 1\) \+ 1 frames, got 5 and 8"):
        time_factor(5, 8)
