from dataclasses import replace

import torch

from openreels.core.shapes import AUDIO_TOKENS_PER_S
from openreels.stage.speech import CONSONANTS, VOICES, VOWELS, Line, Syllable, midi_hz
from openreels.stage.world import sample_scene
from openreels.training.voice_truth import NUM_VOICE_TRUTHS, voice_truths

FIRST = {
    "vowel": 1,
    "consonant": 1 + len(VOWELS),
    "voice": 1 + len(VOWELS) + len(CONSONANTS),
    "note": 1 + len(VOWELS) + len(CONSONANTS) + len(VOICES),
}


def _scene(*lines):
    return replace(sample_scene(0, 0), duration_s=2.0, lines=lines)


def _token(time_s):
    return int(time_s * AUDIO_TOKENS_PER_S)


def test_a_syllable_is_its_consonant_then_its_vowel_in_its_voice():
    said = Syllable(text="mo", start_s=0.5, duration_s=0.4)
    (told,) = voice_truths([_scene(Line(voice="mid", syllables=(said,)))], 86)
    assert told.shape == (NUM_VOICE_TRUTHS, 86)
    voiced = told[0].bool()
    assert abs(int(voiced.sum()) - 0.4 * AUDIO_TOKENS_PER_S) <= 1
    assert not voiced[: _token(0.5) - 1].any()
    assert not voiced[_token(0.9) + 1 :].any()
    vowel = told[FIRST["vowel"] + list(VOWELS).index("o")]
    consonant = told[FIRST["consonant"] + list(CONSONANTS).index("m")]
    assert torch.equal(vowel + consonant, told[0])
    assert consonant[_token(0.5 + said.lead_s / 2)] == 1
    assert vowel[_token(0.8)] == 1
    assert torch.equal(told[FIRST["voice"] + VOICES.index("mid")], told[0])
    assert told.sum() == 3 * told[0].sum()


def test_a_sung_note_is_told_by_its_name():
    notes = (60, 63, 72)
    sung = tuple(
        Syllable(text="la", start_s=0.5 * i, duration_s=0.4, pitch_hz=midi_hz(note))
        for i, note in enumerate(notes)
    )
    (told,) = voice_truths([_scene(Line(voice="high", syllables=sung))], 86)
    named = told[FIRST["note"] :]
    assert torch.equal(named.sum(0), told[0])
    for i, note in enumerate(notes):
        assert named[:, _token(0.5 * i + 0.2)].argmax() == note % 12


def test_who_is_silent_is_told_nothing():
    assert not voice_truths([_scene()], 20).any()
