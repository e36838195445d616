"""Records of what is heard in a scene: strikes of bell and drum, and syllables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch

from openreels.stage.speech import VOWELS, Utterance, Voice, midi_note
from openreels.stage.voice import place

Size = Literal["small", "medium", "large"]
Instrument = Literal["bell", "drum"]
INSTRUMENTS: tuple[Instrument, ...] = get_args(Instrument)

_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """One moment at which an instrument is struck."""

    time_s: float
    """Exact time from the start of the clip, in seconds."""
    instrument: Instrument
    """What is struck."""
    actor: int
    """Index of the actor that strikes it."""
    size: Size
    """Size of the instrument; decides pitch and how long it rings."""
    speed: float
    """Speed relative to a fast strike, in [0, 1]; decides loudness and brightness."""
    x: float
    """Place in the picture, -1 left edge to 1 right edge; clamped."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """One syllable or sung note as it is heard and seen."""

    text: str
    """The syllable."""
    start_s: float
    """Exact time at which it is first heard, in seconds from the start of the clip."""
    vowel_s: float
    """Exact time at which its vowel, and with it the mouth, begins to open."""
    end_s: float
    """Exact time from which on it is silent."""
    voice: Voice
    """Who says it."""
    level: float
    """Amplitude of its vowel over that of a full "a", in [0, 1]."""
    opening: float
    """How far the mouth opens, in [0, 1]; not seen of a narrator."""
    x: float
    """Place in the picture at the middle of the syllable, -1 left edge to 1 right edge."""
    actor: int | None = None
    """Index of the actor that says it; None is a narrator."""
    pitch_hz: float | None = None
    """Pitch of a sung note; None is speech."""
    midi: float | None = None
    """The same as a MIDI note; 69 is 440 Hz."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT


def spoken(utterances: Sequence[Utterance]) -> tuple[Spoken, ...]:
    """List every syllable of some utterances, in order of time."""
    found = list[Spoken]()
    for one in utterances:
        middles = torch.tensor([(s.start_s + s.end_s) / 2 for s in one.syllables])
        for syllable, x in zip(one.syllables, place(one, middles).tolist(), strict=True):
            vowel, note = VOWELS[syllable.text[-1]], syllable.pitch_hz
            found.append(
                Spoken(
                    text=syllable.text,
                    start_s=syllable.start_s,
                    vowel_s=syllable.start_s + syllable.lead_s,
                    end_s=syllable.end_s,
                    voice=one.voice,
                    level=vowel.level,
                    opening=vowel.opening,
                    x=x,
                    actor=one.actor,
                    pitch_hz=note,
                    midi=None if note is None else midi_note(note),
                )
            )
    return tuple(sorted(found, key=lambda event: event.start_s))
