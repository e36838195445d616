import logging

import numpy as np
import pytest

from openreels.core.errors import MediaError
from openreels.core.shapes import ClipShape
from openreels.media.image import write_image
from openreels.media.mask import read_mask
from openreels.media.video import probe, write_video

SHAPE = ClipShape(num_frames=17, height=32, width=32)


@pytest.fixture
def source(tmp_path):
    write_video(tmp_path / "source.mp4", np.zeros((17, 32, 64, 3), np.uint8), fps=16)
    return probe(tmp_path / "source.mp4")


def half(rows, columns):
    """White on the right half of the middle half of the columns."""
    frame = np.zeros((rows, columns, 3), np.uint8)
    frame[:, columns // 2 :] = 255
    return frame


def test_a_picture_holds_for_every_frame_and_is_cut_as_its_clip(tmp_path, source):
    write_image(tmp_path / "mask.png", half(32, 64))
    mask = read_mask(tmp_path / "mask.png", source=source, shape=SHAPE)
    assert mask.shape == (17, 32, 32)
    assert not mask[:, :, :16].any()
    assert mask[:, :, 16:].all()


def test_another_size_of_the_same_shape_is_scaled_with_a_message(tmp_path, source, caplog):
    write_image(tmp_path / "mask.png", half(64, 128))
    with caplog.at_level(logging.WARNING):
        mask = read_mask(tmp_path / "mask.png", source=source, shape=SHAPE)
    assert "128x64 pixels and the clip 64x32" in caplog.text
    assert mask[:, :, 16:].all()
    assert not mask[:, :, :16].any()


def test_another_shape_is_refused(tmp_path, source):
    write_image(tmp_path / "mask.png", half(64, 64))
    with pytest.raises(MediaError, match=r"shape of its clip, 64x32, got 64x64 .* draw it"):
        read_mask(tmp_path / "mask.png", source=source, shape=SHAPE)


def test_a_moving_mask_moves(tmp_path, source):
    frames = np.zeros((17, 32, 64, 3), np.uint8)
    frames[8:] = 255
    write_video(tmp_path / "mask.mp4", frames, fps=16)
    mask = read_mask(tmp_path / "mask.mp4", source=source, shape=SHAPE)
    assert mask[8:].all()
    assert not mask[:8].any()


@pytest.mark.parametrize("length", [9, 33])
def test_a_mask_of_another_length_is_refused(tmp_path, source, length):
    write_video(tmp_path / "mask.mp4", np.zeros((length, 32, 64, 3), np.uint8), fps=16)
    with pytest.raises(MediaError, match=r"as long as its clip, 1\.06 seconds, got"):
        read_mask(tmp_path / "mask.mp4", source=source, shape=SHAPE, length_s=17 / 16)


@pytest.mark.parametrize("fps", [16, 32])
def test_one_frame_at_the_rate_of_the_base_is_tolerated_at_any_rate(tmp_path, source, fps):
    frames = np.zeros((16, 32, 64, 3), np.uint8)
    frames[-1] = 255
    write_video(tmp_path / "mask.mp4", frames, fps=16)
    shape = ClipShape(num_frames=17, height=32, width=32, fps=fps)
    mask = read_mask(tmp_path / "mask.mp4", source=source, shape=shape, length_s=17 / 16)
    assert mask[-1].all() == (fps == 16)
    write_video(tmp_path / "mask.mp4", frames[1:], fps=16)
    with pytest.raises(MediaError, match=r"1\.06 seconds, got 0\.94"):
        read_mask(tmp_path / "mask.mp4", source=source, shape=shape, length_s=17 / 16)
