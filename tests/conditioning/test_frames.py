import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.conditioning import frames
from openreels.core.shapes import ClipShape


def _picture(height, width, count=2):
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, height, width, 3), generator=draw, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((64, 64), "1:1"),
        ((1080, 1920), "16:9"),
        ((64, 112), "16:9"),
        ((480, 640), "4:3"),
        ((640, 480), "3:4"),
        ((2000, 400), "9:16"),
    ],
)
def test_nearest_ratio(size, name):
    assert frames.nearest_ratio(*size) == name


def test_the_same_size_gives_the_same_bytes():
    picture = _picture(32, 48)
    assert torch.equal(frames.cover(picture, height=32, width=48), picture)
    inner, known = frames.contain(picture, height=32, width=48)
    assert torch.equal(inner, picture)
    assert known.all()


def test_cover_fills_and_cuts_evenly():
    picture = _picture(32, 48)
    assert torch.equal(frames.cover(picture, height=32, width=32), picture[:, :, 8:40])
    assert frames.cover(picture, height=64, width=64).shape == (2, 64, 64, 3)
    assert frames.cover(picture, height=48, width=16).shape == (2, 48, 16, 3)


def test_a_region_is_cut_like_its_clip():
    region = torch.zeros(1, 32, 48, dtype=torch.bool)
    region[:, 4:12, 8:20] = True
    fitted = frames.cover_region(region, height=32, width=32)
    assert torch.equal(fitted, region[:, :, 8:40])
    double = frames.cover_region(region, height=64, width=96)
    assert torch.equal(double, region.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_contain_keeps_the_picture_and_repeats_its_border():
    picture = _picture(32, 32)
    wide, known = frames.contain(picture, height=32, width=64)
    assert torch.equal(wide[:, :, 16:48], picture)
    assert torch.equal(known[0].any(0).nonzero().flatten(), torch.arange(16, 48))
    assert known[:, :, 16:48].all()
    assert torch.equal(wide[:, :, :16], picture[:, :, :1].expand(-1, -1, 16, -1))
    assert torch.equal(wide[:, :, 48:], picture[:, :, -1:].expand(-1, -1, 16, -1))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 64), (64, 64)), ((200, 100), (64, 32)), ((10, 300), (16, 112)), ((30, 40), (64, 80))],
)
def test_a_picture_is_scaled_to_fit_into_the_clip(size, expected):
    shape = ClipShape(num_frames=17, height=64, width=112)
    assert tuple(frames.fitted(_picture(*size), shape).shape) == (2, *expected, 3)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_a_size_that_fits_stays_as_it_is(rows, columns):
    once = frames.fitted_size(rows, columns, height=64, width=112)
    assert frames.fitted_size(*once, height=64, width=112) == once
    assert all(side % 16 == 0 for side in once)
