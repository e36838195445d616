from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.evaluation.clips import tensors_of, true_clip
from openreels.media.clip import Clip
from openreels.stage.heard import render_sound
from openreels.stage.physics import contacts
from openreels.stage.sample import make_samples, truth_of
from openreels.stage.sound import render_audio
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.audio_vae_data import ALL_SOUNDS


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


def test_the_sound_of_a_plain_scene_is_that_of_its_contacts_and_of_others_all_there_is():
    plain = sample_scene(3, 5, settings=WorldSettings(duration_s=1.0))
    _, wave, shape = true_clip(plain, 1.0)
    assert torch.equal(wave, render_audio([contacts(plain)], shape.num_samples, [5])[0])
    loud = replace(ALL_SOUNDS, duration_s=1.0, ambience_share=1.0)
    scene = sample_scene(3, 5, settings=loud)
    _, wave, shape = true_clip(scene, 1.0)
    assert torch.equal(wave, render_sound([truth_of(scene)], shape.num_samples, [5])[0])
    alone = render_audio([contacts(scene)], shape.num_samples, [5])[0]
    assert (wave - alone).abs().amax(0)[:20_000].gt(1e-4).float().mean() > 0.5


def test_a_clip_longer_than_its_scene_is_refused():
    with pytest.raises(ValueError, match=r"not be longer than its scene of 2 s, got 3"):
        true_clip(sample_scene(0, 0), 3.0)
