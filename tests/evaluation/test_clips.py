import numpy as np
import pytest
import torch

from openreels.evaluation.clips import tensors_of, true_clip
from openreels.media.clip import Clip
from openreels.stage.sample import make_samples
from openreels.stage.world import WorldSettings, sample_scene


def test_bytes_become_pixels_in_range():
    frames = np.zeros((5, 16, 16, 3), dtype=np.uint8)
    frames[..., 0] = 255
    pixels, wave = tensors_of(Clip(frames=frames, fps=16))
    assert wave is None
    assert pixels.shape == (3, 5, 16, 16)
    assert float(pixels[0].min()) == 1.0
    assert float(pixels[1].max()) == -1.0


def test_sound_alone_has_no_pixels():
    with pytest.raises(ValueError, match="sound alone"):
        tensors_of(Clip(frames=None, waveform=np.zeros((2, 100), np.float32)))


def test_the_true_clip_is_the_one_of_the_world():
    scene = sample_scene(3, 5, settings=WorldSettings(duration_s=1.0))
    pixels, wave, shape = true_clip(scene, 1.0)
    sample = make_samples(3, [5], shape, settings=WorldSettings(duration_s=1.0))
    assert shape.num_frames == 17
    assert torch.equal(pixels, sample.pixels[0])
    assert wave.shape == (2, shape.num_samples)
