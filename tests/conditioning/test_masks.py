import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.conditioning import masks
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape, frames_in_latent

SHAPE = ClipShape(num_frames=33, height=64, width=80)


@given(
    steps=st.integers(0, 3),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_a_latent_is_given_only_if_every_covered_pixel_is(steps, rows, columns, seed):
    frames = 4 * steps + 1
    draw = torch.Generator().manual_seed(seed)
    known = torch.rand(2, frames, rows * 8, columns * 8, generator=draw) > 0.002
    found = masks.latent_known(known)
    assert found.shape == (2, steps + 1, rows, columns)
    for j in range(steps + 1):
        covered = frames_in_latent(j)
        for r in range(rows):
            for c in range(columns):
                block = known[:, covered.start : covered.stop, r * 8 : r * 8 + 8, c * 8 : c * 8 + 8]
                assert torch.equal(found[:, j, r, c], block.flatten(1).all(1))


def test_sides_and_frames_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"4k \+ 1, got 4"):
        masks.latent_known(torch.ones(1, 4, 16, 16, dtype=torch.bool))
    with pytest.raises(ValueError, match="multiples of 8"):
        masks.latent_known(torch.ones(1, 5, 12, 16, dtype=torch.bool))


@given(indices=st.sets(st.integers(0, 8)))
def test_given_latent_frames_come_back_from_their_pixels(indices):
    known = masks.latents_known(SHAPE, sorted(indices))
    found = masks.latent_known(known[None])[0].flatten(1)
    assert torch.equal(found.all(1), found.any(1))
    assert set(found.all(1).nonzero().flatten().tolist()) == indices


def test_given_latent_frames_outside_the_clip_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.8, got 9"):
        masks.latents_known(SHAPE, [9])


def test_whole_seconds_fall_on_a_latent():
    assert [masks.keyframe_latent(float(t), SHAPE) for t in (0, 1, 2)] == [0, 4, 8]
    with pytest.raises(ValueError, match="0 to 2 s, got 3 s"):
        masks.keyframe_latent(3.0, SHAPE)
    with pytest.raises(ValueError, match="inside the clip"):
        masks.keyframe_latent(-1.0, SHAPE)


def test_times_a_latent_apart_have_different_latents():
    assert [masks.keyframe_latent(t / 8, SHAPE) for t in range(1, 17, 2)] == list(range(1, 9))
    assert masks.keyframe_latent(2.125, SHAPE) == 8
    with pytest.raises(ValueError, match=r"0 to 2 s, got 2\.13 s"):
        masks.keyframe_latent(2.13, SHAPE)


def test_a_region_is_the_part_to_change_and_its_last_picture_is_held():
    region = torch.zeros(2, 64, 80, dtype=torch.bool)
    region[0, :8, :8] = True
    region[1, 8:16, :8] = True
    known = masks.region_known(region, SHAPE)
    assert known.shape == (33, 64, 80)
    assert torch.equal(~known[0], region[0])
    assert torch.equal(~known[1], region[1])
    assert torch.equal(~known[32], region[1])
    with pytest.raises(ValueError, match="clip's size"):
        masks.region_known(region[:, :32], SHAPE)


def _latents(pattern, seed=0, shape=SHAPE):
    known = masks.draw_known(pattern, shape, generator(seed, "mask"))
    assert known.shape == (shape.num_frames, shape.height, shape.width)
    return masks.latent_known(known[None])[0]


@pytest.mark.parametrize("pattern", masks.PATTERNS)
def test_a_seed_draws_the_same_mask(pattern):
    assert torch.equal(_latents(pattern, 3), _latents(pattern, 3))


@pytest.mark.parametrize("pattern", masks.PATTERNS)
def test_a_single_frame_can_be_drawn(pattern):
    for seed in range(5):
        _latents(pattern, seed, ClipShape(num_frames=1, height=64, width=64))


def _given_frames(pattern, seed):
    found = _latents(pattern, seed).flatten(1)
    assert torch.equal(found.all(1), found.any(1))
    return found.all(1).nonzero().flatten().tolist()


def test_patterns_in_time():
    assert _given_frames("nothing", 0) == []
    assert _given_frames("first", 0) == [0]
    assert _given_frames("last", 0) == [8]
    assert _given_frames("first_last", 0) == [0, 8]
    prefixes = [_given_frames("prefix", seed) for seed in range(100)]
    assert all(found == list(range(len(found))) for found in prefixes)
    assert {len(found) for found in prefixes} == set(range(1, 9))
    suffixes = [_given_frames("suffix", seed) for seed in range(100)]
    assert all(found == list(range(9 - len(found), 9)) for found in suffixes)
    assert {len(found) for found in suffixes} == set(range(1, 9))
    keyframes = [_given_frames("keyframes", seed) for seed in range(100)]
    assert {len(found) for found in keyframes} == set(range(1, 7))
    assert {index for found in keyframes for index in found} == set(range(9))


def test_patterns_in_space():
    moved = 0
    for seed in range(20):
        fixed = masks.draw_known("fixed_region", SHAPE, generator(seed, "mask"))
        assert torch.equal(fixed, fixed[:1].expand_as(fixed))
        assert 0.02 < (~fixed).float().mean() < 0.9
        moving = masks.draw_known("moving_region", SHAPE, generator(seed, "mask"))
        moved += not torch.equal(moving[0], moving[-1])
        centre = masks.draw_known("centre", SHAPE, generator(seed, "mask"))
        assert centre[:, 24:40, 30:50].all()
        assert torch.equal(centre, centre.flip(1).flip(2))
        assert not centre.all()
    assert moved == 20


def test_an_unknown_pattern_is_refused():
    with pytest.raises(ValueError, match="pattern must be one of nothing"):
        masks.draw_known("diagonal", SHAPE, generator(0))
