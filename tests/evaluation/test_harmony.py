import math

import pytest
import torch

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.harmony import (
    chroma,
    hear_ambience,
    hear_harmony,
    tempo_bpm,
    tempo_error,
)
from openreels.stage.ambience import AMBIENCES, Ambience, render_ambience
from openreels.stage.music import Music, render_music
from openreels.stage.speech import midi_hz


def chord(*notes: int) -> torch.Tensor:
    time = torch.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    wave = sum(torch.sin(2 * math.pi * midi_hz(note) * time) for note in notes) * 0.1
    return torch.stack([wave, wave])


def test_chroma_of_a_tone_is_its_pitch_class():
    assert set(chroma(chord(69)).argmax(0).tolist()) == {9}


def test_major_is_happy_and_minor_is_sad():
    major, minor = hear_harmony(chord(60, 64, 67)), hear_harmony(chord(60, 63, 67))
    assert major is not None
    assert minor is not None
    assert (major.mood, minor.mood) == ("happy", "sad")
    assert hear_harmony(torch.zeros(2, SAMPLE_RATE_HZ)) is None


def piece(mood: str, timbre: str, tempo: float) -> torch.Tensor:
    music = Music(start_s=0.0, duration_s=4.0, mood=mood, timbre=timbre, key=2, tempo_bpm=tempo)
    return render_music([[music]], 4 * SAMPLE_RATE_HZ, [3])[0]


@pytest.mark.parametrize("timbre", ["pluck", "pad", "organ"])
def test_the_mood_of_true_music_is_heard(timbre):
    for mood, tempo in (("happy", 120.0), ("sad", 70.0)):
        heard = hear_harmony(piece(mood, timbre, tempo))
        assert heard is not None
        assert heard.mood == mood


@pytest.mark.parametrize("tempo", [72.0, 116.0])
def test_the_tempo_of_plucked_music(tempo):
    wave = piece("happy", "pluck", tempo)
    assert tempo_error(tempo_bpm(wave), tempo) < 0.02
    assert tempo_error(tempo_bpm(wave), 1.25 * tempo) > 0.1


def test_octaves_of_a_tempo_are_equal_and_silence_has_none():
    assert tempo_error(60.0, 120.0) == 0
    assert tempo_error(240.0, 120.0) == 0
    assert tempo_error(66.0, 60.0) == pytest.approx(0.1)
    assert math.isnan(tempo_error(tempo_bpm(torch.zeros(2, 2 * SAMPLE_RATE_HZ)), 60.0))


@pytest.mark.parametrize("kind", AMBIENCES)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_ambience_is_told_from_the_others(kind, seed):
    sound = Ambience(kind=kind, start_s=0.0, duration_s=2.0)
    assert hear_ambience(render_ambience([[sound]], 2 * SAMPLE_RATE_HZ, [seed])[0]) == kind


def test_silence_is_no_ambience():
    assert hear_ambience(torch.zeros(2, SAMPLE_RATE_HZ)) is None
    assert hear_ambience(torch.zeros(2, 10)) is None
