import numpy as np
import pytest
import torch

from openreels.core.errors import MediaError
from openreels.media.clip import Clip, frames_of, pixels_of, read_clip, waveform_of
from openreels.media.image import read_image

SOUND = np.linspace(-0.5, 0.5, 2 * 66_150, dtype=np.float32).reshape(2, -1)


def test_bytes_and_pixels_are_inverse():
    frames = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    pixels = pixels_of(frames)
    assert pixels.shape == (1, 3, 1, 16, 16)
    assert (pixels.min(), pixels.max()) == (-1.0, 1.0)
    assert np.array_equal(frames_of(pixels), frames)
    assert frames_of(torch.full((1, 3, 1, 2, 2), 1.7)).max() == 255
    with pytest.raises(ValueError, match="one sample"):
        frames_of(torch.zeros(2, 3, 1, 2, 2))


def test_each_suffix_writes_its_kind(tmp_path, moving_frames):
    clip = Clip(frames=moving_frames, fps=16, waveform=SOUND)
    assert clip.duration_s == 1.5
    assert np.array_equal(read_image(clip.save(tmp_path / "a.png")), moving_frames[0])
    assert read_clip(clip.save(tmp_path / "a.mp4")).waveform.shape == (2, 66_150)
    assert clip.save(tmp_path / "a.wav").stat().st_size == 44 + 4 * 66_150
    with pytest.raises(MediaError, match="needs sound"):
        Clip(frames=moving_frames).save(tmp_path / "b.wav")
    with pytest.raises(MediaError, match="needs frames"):
        Clip(frames=None, waveform=SOUND).save(tmp_path / "b.mp4")
    with pytest.raises(MediaError, match="must end in one of"):
        clip.save(tmp_path / "b.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.png", "a.wav"]


def test_a_notebook_plays_what_there_is(moving_frames):
    assert "video/mp4;base64,AAAA" in Clip(frames=moving_frames, waveform=SOUND)._repr_html_()
    assert "image/png;base64," in Clip(frames=moving_frames[:1])._repr_html_()
    sound = Clip(frames=None, waveform=SOUND)
    assert "audio/wav;base64,UklG" in sound._repr_html_()
    assert sound.duration_s == 1.5
    assert sound.num_frames == 0


def test_rates_and_lengths_change_the_picture_and_keep_the_sound(moving_frames):
    clip = Clip(frames=moving_frames, fps=16, waveform=SOUND)
    double = clip.to_fps(32)
    assert double.num_frames == 48
    assert np.array_equal(double.to_fps(16).frames, moving_frames)
    assert double.waveform is SOUND
    longer = clip.with_num_frames(33)
    assert np.array_equal(longer.frames[-1], moving_frames[-1])
    assert longer.waveform.shape == (2, round(33 / 16 * 44_100))
    assert longer.with_num_frames(24).waveform.tolist() == SOUND.tolist()
    assert clip.fit(16, 16).frames.shape == (24, 16, 16, 3)
    with pytest.raises(ValueError, match="at least 1 frame"):
        clip.with_num_frames(0)


def test_the_waveform_tensor_has_the_length_asked(moving_frames):
    clip = Clip(frames=moving_frames, waveform=SOUND)
    assert waveform_of(clip, 1024).tolist() == [SOUND[:, :1024].tolist()]
    assert waveform_of(Clip(frames=moving_frames), 8).tolist() == torch.zeros(1, 2, 8).tolist()
    with pytest.raises(ValueError, match="stereo at 44100"):
        waveform_of(Clip(frames=None, waveform=SOUND, sample_rate_hz=8_000), 8)


def test_an_empty_clip_is_refused():
    with pytest.raises(ValueError, match="needs frames or a waveform"):
        Clip(frames=None)
    with pytest.raises(ValueError, match="rates must be positive"):
        Clip(frames=None, waveform=SOUND, fps=0)
