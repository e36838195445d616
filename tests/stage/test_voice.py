import math

import pytest
import torch
from test_speech import say
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import ear_gains
from openreels.stage.speech import (
    SUNG_MIDI,
    SYLLABLES,
    TIMBRES,
    VOICES,
    VOWELS,
    Utterance,
    midi_hz,
    mouth_opening,
)
from openreels.stage.voice import VOICE_LEVEL, place, render_voices

SECOND = SAMPLE_RATE_HZ


def render(*items: Utterance, seed=0, length=SECOND) -> Tensor:
    return render_voices([items], length, [seed])[0]


def pitch_of(wave: Tensor, low_hz: float, high_hz: float) -> float:
    """Pitch by the first peak of the autocorrelation, between two samples by a parabola."""
    power = torch.fft.rfft(wave.double(), 2 * len(wave)).abs().square()
    same = torch.fft.irfft(power)
    first, last = int(SAMPLE_RATE_HZ / high_hz), int(SAMPLE_RATE_HZ / low_hz)
    lag = first + int(same[first:last].argmax())
    before, here, after = same[lag - 1 : lag + 2].tolist()
    return SAMPLE_RATE_HZ / (lag + (before - after) / (before - 2 * here + after) / 2)


def bands(wave: Tensor, count=26) -> Tensor:
    """Log energy in bands from 150 to 9000 Hz over time."""
    spectrum = torch.stft(
        wave, 1024, 512, window=torch.hann_window(1024), return_complex=True
    ).abs()
    hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, spectrum.shape[0])
    edge = 150 * 60 ** torch.linspace(0, 1, count + 1)
    inside = (hz >= edge[:-1, None]) & (hz < edge[1:, None])
    energy = inside.float() @ spectrum.square() / inside.sum(1, keepdim=True).clamp(min=1)
    return (energy + 1e-3).log()


@pytest.mark.parametrize("voice", VOICES)
def test_sung_notes_have_the_asked_pitch(voice):
    low, high = SUNG_MIDI[voice]
    for word, note in (("la", low), ("mo", low + 5), ("ne", high)):
        wave = render(say(word, voice=voice, length=0.7, notes=[note]))
        held = wave.sum(0)[round(0.36 * SECOND) : round(0.8 * SECOND)]
        want = midi_hz(note)
        cents = 1200 * math.log2(pitch_of(held, want / 1.5, want * 1.5) / want)
        assert abs(cents) < 6


@pytest.mark.parametrize("vowel", VOWELS)
def test_formants_lie_at_their_targets(vowel):
    pitch = 65.4
    note = 69 + 12 * math.log2(pitch / 440)
    wave = render(say("l" + vowel, voice="low", length=0.7, notes=[note])).sum(0)
    held = wave[round(0.35 * SECOND) : round(0.8 * SECOND)]
    spectrum = torch.fft.rfft(held * torch.hann_window(len(held)), 2**16).abs()
    for target in VOWELS[vowel].formants_hz[:2]:
        target_hz = target * TIMBRES["low"].scale
        near = range(round(0.8 * target_hz / pitch), round(1.2 * target_hz / pitch) + 1)
        level = {
            k: float(spectrum[round((k * pitch - 8) * 2**16 / SECOND) :][:24].max()) for k in near
        }
        strongest = max(level, key=lambda k: level[k]) * pitch
        assert strongest == pytest.approx(target_hz, abs=0.75 * pitch)


@pytest.mark.parametrize("voice", VOICES)
def test_the_mouth_moves_with_the_sound(voice):
    one = say("ba", "mo", "li", "ta", "su", "ne", "ka", "pe", voice=voice, start_s=0.1, length=0.22)
    wave = render(one, length=2 * SECOND).sum(0)
    loud = wave.square().unfold(0, 882, 220).mean(1).sqrt()
    times = (torch.arange(len(loud)) * 220 + 441) / SECOND
    mouth = mouth_opening(one, times).float()
    assert torch.corrcoef(torch.stack((loud, mouth)))[0, 1] > 0.85
    assert torch.corrcoef(torch.stack((loud.square(), mouth)))[0, 1] > 0.8


@pytest.mark.parametrize("text", SYLLABLES)
def test_a_syllable_starts_at_its_time_and_ends_in_silence(text):
    wave = render(say(text, start_s=0.233_331)).abs().amax(0)
    start, end = 0.233_331 * SECOND, 0.483_331 * SECOND
    assert not wave[: math.ceil(start)].any()
    assert not wave[math.ceil(end) + 2 :].any()
    heard = int((wave > 0.01 * wave.max()).nonzero()[0, 0])
    assert 0 <= (heard - start) / SECOND < 0.005


def test_vowels_have_their_levels():
    for vowel, sound in VOWELS.items():
        wave = render(say("l" + vowel, length=0.5, notes=[57]))
        held = wave[:, round(0.35 * SECOND) : round(0.6 * SECOND)]
        level = float(held.square().sum(0).mean().sqrt())
        assert level == pytest.approx(VOICE_LEVEL * sound.level, rel=0.1)


def colour_of(word: str, voice: str) -> float:
    """Centre of the logarithmic spectrum above 1 kHz of a note that all voices can sing."""
    wave = render(say(word, voice=voice, length=0.6, notes=[60])).sum(0)
    held = wave[round(0.35 * SECOND) : round(0.7 * SECOND)]
    level = torch.fft.rfft(held).abs().log().clamp(min=0)
    hz = torch.linspace(0, SECOND / 2, len(level))
    level = level * ((hz > 1000) & (hz < 9000))
    return float((level * hz).sum() / level.sum())


def test_voices_are_told_apart_by_pitch_and_on_one_note_by_their_colour():
    words = ("ba", "ne", "lo")
    spoken, colour = [], []
    for voice in VOICES:
        wave = render(say(*words, voice=voice, length=0.25)).sum(0)[round(0.3 * SECOND) :]
        spoken.append(pitch_of(wave[: round(0.12 * SECOND)], 70, 420))
        colour.append(sum(colour_of(word, voice) for word in ("la", "lo", "ne")))
    assert spoken[0] < 140 < spoken[1] < 240 < spoken[2]
    assert colour[0] * 1.06 < colour[1]
    assert colour[1] * 1.06 < colour[2]


def test_syllables_are_told_apart_across_voices_pitches_and_seeds():
    def features(voice, seed, length):
        rows = []
        for index, text in enumerate(SYLLABLES):
            one = say(text, voice=voice, start_s=0.0, length=length)
            view = bands(render(one, seed=seed + index, length=SECOND // 4).sum(0)[:9700])
            rows.append((view - view.mean()).flatten())
        return torch.nn.functional.normalize(torch.stack(rows))

    known = features("mid", 0, 0.24)
    again = features("mid", 50, 0.22)
    assert ((known @ again.T).argmax(0) == torch.arange(len(SYLLABLES))).float().mean() > 0.95
    other = features("low", 100, 0.24)
    assert ((known @ other.T).argmax(0) == torch.arange(len(SYLLABLES))).float().mean() > 0.5


def test_pan_follows_the_place():
    one = say("ba", "si")
    for x in (-1.0, 0.4):
        wave = render(Utterance(voice="mid", syllables=one.syllables, x=x))
        left, right = wave.square().sum(1).sqrt().tolist()
        want_left, want_right = ear_gains(x)
        assert math.atan2(right, left) == pytest.approx(math.atan2(want_right, want_left), abs=0.01)


def test_clips_are_independent_and_deterministic():
    items = [[say("ba", "su")], [], [say("la", "ka", notes=[60, 64]), say("mo", start_s=0.9)]]
    batch = render_voices(items, SECOND, [5, 6, 7])
    assert torch.equal(batch, render_voices(items, SECOND, [5, 6, 7]))
    assert not batch[1].any()
    assert torch.equal(batch[2], render(*items[2], seed=7))
    assert torch.equal(batch[2, :, :9000], render(*items[2], seed=7, length=9000))
    assert not torch.allclose(batch[0], render(*items[0], seed=6), atol=1e-4)
    assert batch.abs().max() < 0.7
    assert not render(say("ba", start_s=1.0)).any()
    with pytest.raises(ValueError, match="a seed a clip"):
        render_voices([[]], 10, [])


def test_a_path_moves_a_voice_and_one_that_stays_changes_nothing():
    said = say("ba", "mo", "ta", "si").syllables
    still = Utterance(voice="mid", syllables=said, x=0.4)
    path = ((0.0, 0.4), (0.7, 0.4), (1.5, 0.4))
    moving = Utterance(voice="mid", syllables=said, x=0.4, path=path)
    assert torch.allclose(render(still), render(moving), atol=1e-6)
    times = torch.tensor([0.0, 1.0, 1.5, 2.0, 3.0])
    turned = Utterance(voice="mid", syllables=said, x=0.0, path=((1.0, -1.0), (2.0, 3.0)))
    assert place(turned, times).tolist() == [-1, -1, 1, 1, 1]
    assert place(still, times).tolist() == pytest.approx([0.4] * 5)
    once = Utterance(voice="mid", syllables=said, x=0.0, path=((1.0, 0.5),))
    assert place(once, times).tolist() == [0.5] * 5
