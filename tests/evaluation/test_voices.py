import math

import pytest
import torch

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.voices import cents_off, heard_share, pitch_between, track_voice
from openreels.stage.heard import render_sound
from openreels.stage.sample import sound_seed, truth_of
from openreels.stage.world import WorldSettings, sample_scene


def tone(hz: float, seconds: float = 0.5) -> torch.Tensor:
    time = torch.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = sum(torch.sin(2 * math.pi * k * hz * time) / k for k in (1, 2, 3))
    return 0.1 * torch.stack([wave, wave])


@pytest.mark.parametrize("hz", [98.0, 186.3, 311.7, 523.25])
def test_the_pitch_of_a_tone_is_its_frequency(hz):
    heard = pitch_between(track_voice(tone(hz)), 0.1, 0.4)
    assert abs(1200 * math.log2(heard / hz)) < 5


def test_noise_and_silence_have_no_pitch():
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(2, 20_000)
    assert math.isnan(pitch_between(track_voice(noise), 0.0, 0.4))
    assert math.isnan(pitch_between(track_voice(torch.zeros(2, 20_000)), 0.0, 0.4))
    assert len(track_voice(torch.zeros(2, 100)).times_s) == 0


def song(index: int):
    scene = sample_scene(7, index, settings=WorldSettings(song_share=1.0))
    truth = truth_of(scene)
    return truth, render_sound([truth], 2 * SAMPLE_RATE_HZ, [sound_seed(scene)])[0]


def test_true_songs_are_in_tune_and_a_shift_of_pitch_is_measured():
    truth, wave = song(1)
    off = cents_off(track_voice(wave), truth.spoken)
    assert len(off) == len(truth.spoken)
    assert sorted(off)[len(off) // 2] < 15
    assert heard_share(track_voice(wave), truth.spoken) == 1
    slower = torch.nn.functional.interpolate(wave[None], scale_factor=2 ** (1 / 12))[0]
    moved = track_voice(slower)
    stretched = 2 ** (1 / 12)
    first = truth.spoken[0]
    heard = pitch_between(moved, (first.vowel_s + 0.05) * stretched, first.end_s - 0.03)
    assert 1200 * math.log2(heard / first.pitch_hz) == pytest.approx(-100, abs=25)


def test_silence_sings_nothing():
    truth, wave = song(1)
    silent = track_voice(torch.zeros_like(wave))
    assert set(cents_off(silent, truth.spoken)) == {1200.0}
    assert heard_share(silent, truth.spoken) == 0
    assert math.isnan(heard_share(silent, []))
