import itertools

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from openreels.stage.speech import (
    CONSONANTS,
    SUNG_MIDI,
    SYLLABLES,
    TIMBRES,
    VOICES,
    VOWELS,
    Syllable,
    Utterance,
    energy,
    midi_hz,
    moments,
    mouth_opening,
    pitch_hz,
)


def say(*words: str, voice="mid", start_s=0.2, length=0.25, notes=()) -> Utterance:
    syllables = tuple(
        Syllable(
            text=word,
            start_s=start_s + index * length,
            duration_s=length,
            pitch_hz=midi_hz(notes[index]) if notes else None,
        )
        for index, word in enumerate(words)
    )
    return Utterance(voice=voice, syllables=syllables, x=0.0)


def at(*times: float) -> torch.Tensor:
    return torch.tensor(times, dtype=torch.float64)


def test_there_are_enough_syllables_and_every_one_can_be_said():
    assert len(set(SYLLABLES)) == len(SYLLABLES) >= 12
    for consonant, vowel in itertools.product(CONSONANTS, VOWELS):
        assert say(consonant + vowel).text == consonant + vowel
    assert {word[-1] for word in SYLLABLES} == set(VOWELS)
    assert {word[:-1] for word in SYLLABLES} == set(CONSONANTS)


@pytest.mark.parametrize("text", SYLLABLES)
def test_the_mouth_is_closed_outside_and_open_on_the_vowel(text):
    one, opening = say(text, length=0.3), VOWELS[text[-1]].opening
    middle = 0.2 + one.syllables[0].lead_s + 0.06
    closed = mouth_opening(one, at(0.0, 0.19, 0.2, 0.5, 0.7))
    assert not closed.any()
    assert mouth_opening(one, at(middle)).item() == pytest.approx(opening)
    assert energy(one, at(middle)).item() == pytest.approx(VOWELS[text[-1]].level)
    path = mouth_opening(one, torch.linspace(0, 1, 2000))
    assert 0 <= path.min() <= path.max() <= 1


def test_lips_stay_closed_until_b_m_and_p_open():
    for word in ("ba", "mo", "pe"):
        lead = torch.linspace(0.2, 0.2 + say(word).syllables[0].lead_s, 50)
        assert mouth_opening(say(word), lead).max() < 1e-9
    assert energy(say("mo"), at(0.24)).item() > 0.3
    assert energy(say("pe"), at(0.24)).item() == 0
    assert mouth_opening(say("la"), at(0.24)).item() > 0.1


def test_a_is_widest():
    widths = {v: mouth_opening(say("b" + v), at(0.33)).item() for v in VOWELS}
    assert max(widths, key=lambda v: widths[v]) == "a"
    assert widths["a"] == pytest.approx(1)


def test_moments_follow_the_syllables():
    now = moments(say("ba", "mo"), at(0.1, 0.2, 0.3, 0.45, 0.5, 2.0))
    assert now.index.tolist() == [0, 0, 0, 1, 1, 1]
    assert now.since.tolist() == pytest.approx([-0.1, 0, 0.1, 0, 0.05, 1.55])
    assert now.held.tolist()[0] == now.held.tolist()[-1] == 0


@pytest.mark.parametrize("voice", VOICES)
def test_a_sung_note_is_even_about_its_pitch(voice):
    note = SUNG_MIDI[voice][0] + 5
    one = say("la", voice=voice, length=1.5, notes=[note])
    cents = 1200 * (pitch_hz(one, torch.linspace(0.2, 1.7, 5000)) / midi_hz(note)).log2()
    assert cents.abs().max().item() == pytest.approx(TIMBRES[voice].vibrato, rel=0.02)
    assert not cents[:400].any()
    assert cents.mean().abs() < 2


def test_speech_falls_about_the_pitch_of_its_voice():
    ranges = []
    for voice in VOICES:
        pitch = pitch_hz(say("ba", "mo", "li", voice=voice), torch.linspace(0.2, 0.95, 500))
        assert pitch[:160].mean() > 1.1 * pitch[-160:].mean()
        assert pitch.mean().item() == pytest.approx(TIMBRES[voice].pitch_hz, rel=0.06)
        ranges.append((pitch.min(), pitch.max()))
    assert ranges[0][1] < ranges[1][0] < ranges[1][1] < ranges[2][0]


def test_midi_notes():
    assert midi_hz(69) == 440
    assert midi_hz(60) == pytest.approx(261.6256, rel=1e-5)


def test_records_are_read_strictly():
    adapter, one = TypeAdapter(Utterance), say("ba", "sha", notes=[60, 62])
    assert adapter.validate_json(adapter.dump_json(one)) == one
    assert one.is_sung
    assert not say("ba").is_sung
    assert one.end_s == pytest.approx(0.7)
    assert one.text == "ba-sha"
    with pytest.raises(ValidationError):
        adapter.validate_json(adapter.dump_json(one).replace(b"mid", b"loud"))


def test_wrong_records_are_refused():
    for text in ("", "a", "xa", "bx"):
        with pytest.raises(ValueError, match="a syllable is one of"):
            Syllable(text=text, start_s=0.0, duration_s=0.2)
    with pytest.raises(ValueError, match=r"lasts 0\.1"):
        Syllable(text="ba", start_s=0.0, duration_s=0.05)
    with pytest.raises(ValueError, match="55 to 1000"):
        Syllable(text="ba", start_s=0.0, duration_s=0.2, pitch_hz=20.0)
    with pytest.raises(ValueError, match="at least one"):
        Utterance(voice="low", syllables=(), x=0.0)
    late, early = say("ba", start_s=0.3).syllables[0], say("mo", start_s=0.2).syllables[0]
    with pytest.raises(ValueError, match="must not overlap"):
        Utterance(voice="low", syllables=(late, early), x=0.0)
