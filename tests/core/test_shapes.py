from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core import shapes
from openreels.core.shapes import ClipShape


def clip(num_frames: int, fps: int = 16) -> ClipShape:
    return ClipShape(num_frames=num_frames, height=64, width=64, fps=fps)


def test_the_papers_example():
    example = clip(shapes.frames_of_seconds(5.0))
    assert example.num_frames == 81
    assert example.num_latent_frames == 21
    assert example.num_audio_tokens == 218
    # 21 video latents over 218 audio tokens: the factor of sec. 3.1 is the ratio of the two clocks
    ratio = float(example.latent_fps / shapes.AUDIO_TOKENS_PER_S)
    assert ratio == pytest.approx(4 * 1024 / 44100)
    assert example.num_latent_frames / example.num_audio_tokens == pytest.approx(0.09633, abs=1e-5)


@pytest.mark.parametrize("fps", [16, 32])
@pytest.mark.parametrize("seconds", range(1, 16))
def test_every_length_ends_together(seconds, fps):
    shape = clip(shapes.frames_of_seconds(seconds, fps), fps)
    assert shape.num_frames == seconds * fps + 1
    assert shape.num_latent_frames == seconds * fps // 4 + 1
    assert shapes.latent_time_s(shape.num_latent_frames - 1, fps) == seconds
    token = Fraction(1024, 44100)
    assert abs(shape.num_audio_tokens * token - shape.duration_s) <= token / 2
    assert abs(Fraction(shape.num_samples, 44100) - shape.duration_s) <= Fraction(1, 88200)
    assert abs(shape.num_audio_tokens * 1024 - shape.num_samples) <= 512
    # the last audio token and the last video latent are within one token of each other's end
    last_audio_end = shapes.token_time_s(shape.num_audio_tokens)
    assert abs(last_audio_end - shape.duration_s) <= token / 2


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(1.1, 17), (1.125, 21), (1.25, 21), (1.375, 25), (1.75, 29), (1.874, 29)],
)
def test_a_length_is_rounded_to_the_nearest_latent_half_way_up(seconds, frames):
    assert shapes.frames_of_seconds(seconds) == frames


@given(st.integers(1, 500))
def test_latents_and_frames_are_inverse(num_latents):
    frames = shapes.frames_of_latents(num_latents)
    assert shapes.latent_frames(frames) == num_latents
    covered = [f for i in range(num_latents) for f in shapes.frames_in_latent(i)]
    assert covered == list(range(frames))


@given(st.integers(0, 5000))
def test_each_frame_lies_in_its_latent(frame):
    assert frame in shapes.frames_in_latent(shapes.latent_of_frame(frame))


@given(st.integers(0, 2000))
def test_each_sample_lies_in_its_token(index):
    first = index * 1024
    assert shapes.token_of_sample(first) == index
    assert shapes.token_of_sample(first + 1023) == index
    assert shapes.token_time_s(index) == Fraction(first, 44100)


@given(st.integers(1, 400).filter(lambda n: n % 4 != 1))
def test_impossible_frame_counts_name_the_nearest(num_frames):
    low = max(1, (num_frames - 1) // 4 * 4 + 1)
    with pytest.raises(ValueError, match=rf"nearest are {low} and {low + 4}"):
        clip(num_frames)


def test_sizes_of_the_five_ratios():
    sizes = {ratio: shapes.size_for(ratio, 64) for ratio in shapes.ASPECT_RATIOS}
    assert sizes == {
        "16:9": (64, 112),
        "4:3": (64, 80),
        "1:1": (64, 64),
        "9:16": (112, 64),
        "3:4": (80, 64),
    }
    assert shapes.size_for("16:9", 480) == (480, 848)


@pytest.mark.parametrize(
    ("ratio", "side", "size"),
    [
        ("16:9", 1080, (1088, 1920)),
        ("9:16", 1080, (1920, 1088)),
        ("1:1", 1080, (1088, 1088)),
        ("4:3", 1080, (1088, 1440)),
        ("16:9", 720, (720, 1280)),
        ("4:3", 1, (16, 16)),
    ],
)
def test_sizes_that_are_coded_and_cut_afterwards(ratio, side, size):
    assert shapes.coded_size(ratio, side) == size
    if side % 16 == 0:
        assert shapes.size_for(ratio, side) == size


def test_no_side_is_no_size():
    with pytest.raises(ValueError, match="short_side must be at least 1, got 0"):
        shapes.coded_size("1:1", 0)


def test_negative_indices_are_times_before_the_clip():
    assert shapes.latent_time_s(-1) == Fraction(-1, 4)
    assert shapes.token_time_s(-43) < -Fraction(99, 100)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shapes.size_for("2:1", 64), "aspect_ratio must be one of"),
        (lambda: shapes.size_for("1:1", 12), "short_side must be at least 16, got 12"),
        (lambda: shapes.frames_of_seconds(0), "duration_s must be positive"),
        (lambda: shapes.frames_of_latents(0), "at least 1"),
        (lambda: shapes.frames_in_latent(-1), "at least 0"),
        (lambda: shapes.latent_of_frame(-1), "at least 0"),
        (lambda: ClipShape(num_frames=5, height=60, width=64), "nearest is 64"),
        (lambda: ClipShape(num_frames=5, height=64, width=64, fps=0), "fps must be"),
    ],
)
def test_wrong_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
