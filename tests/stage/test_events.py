from itertools import pairwise

import pytest

from openreels.stage.events import spoken
from openreels.stage.speech import VOWELS, Syllable, Utterance, midi_hz


def test_every_syllable_is_an_event_with_its_exact_times():
    first = Utterance(
        voice="low",
        syllables=(
            Syllable(text="ma", start_s=0.1, duration_s=0.2),
            Syllable(text="ti", start_s=0.3, duration_s=0.25),
        ),
        x=0.25,
        actor=1,
    )
    song = Utterance(
        voice="high",
        syllables=(Syllable(text="lo", start_s=0.2, duration_s=1.0, pitch_hz=midi_hz(67)),),
        x=0.0,
        path=((0.2, -1.0), (1.2, 1.0)),
    )
    events = spoken((first, song))
    assert [event.text for event in events] == ["ma", "lo", "ti"]
    assert all(one.start_s <= after.start_s for one, after in pairwise(events))
    ma, lo, ti = events
    assert (ma.start_s, ma.end_s, ma.voice, ma.actor, ma.x) == (
        0.1,
        pytest.approx(0.3),
        "low",
        1,
        0.25,
    )
    assert ma.vowel_s == pytest.approx(0.1 + first.syllables[0].lead_s)
    assert (ma.level, ma.opening) == (VOWELS["a"].level, VOWELS["a"].opening)
    assert (ti.opening, ti.pitch_hz, ti.midi) == (VOWELS["i"].opening, None, None)
    assert (lo.actor, lo.midi, lo.x) == (None, pytest.approx(67), pytest.approx(0, abs=1e-6))
