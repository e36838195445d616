"""Music: a loop of chords in a key, with its beats, in one of three timbres.

Happy music is major and sad music minor in every chord, so its mood can be read off its tones.
Chords change and beats fall at exact times; every beat has a bass note. All numbers are ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import Waveform
from openreels.core.seeding import generator
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import (
    Partials,
    add_sounds,
    check_batch,
    ear_gains,
    ear_onsets,
    ring,
    soften,
)
from openreels.stage.speech import midi_hz

Mood = Literal["happy", "sad"]
MusicTimbre = Literal["pluck", "pad", "organ"]
MOODS: tuple[Mood, ...] = get_args(Mood)
MUSIC_TIMBRES: tuple[MusicTimbre, ...] = get_args(MusicTimbre)
TEMPO_BPM: dict[Mood, tuple[float, float]] = {"happy": (104.0, 144.0), "sad": (60.0, 84.0)}
"""Usual tempo of each mood, lowest and highest."""
BEATS_PER_CHORD = 2

_LOOPS: dict[Mood, tuple[int, ...]] = {"happy": (0, 5, 0, 7), "sad": (0, 5, 7, 5)}
_THIRD: dict[Mood, int] = {"happy": 4, "sad": 3}
_RELEASE_S = 0.03
_PANS = (-0.45, 0.0, 0.45)


@dataclass(frozen=True, kw_only=True, slots=True)
class Music:
    """A stretch of music; a clip may have several, one a shot.

    Raises:
        ValueError: If the key, the tempo, the length or the loudness is out of range.
    """

    start_s: float
    """Time of its first beat, in seconds from the start of the clip."""
    duration_s: float
    """Length, after which it is silent."""
    mood: Mood
    """Happy is major, sad is minor."""
    timbre: MusicTimbre
    """What plays the chords."""
    key: int
    """Pitch class of the first chord's root, 0 (C) to 11 (B)."""
    tempo_bpm: float
    """Beats a minute, in [40, 200]."""
    loudness: float = 1.0
    """Amplitude over that of music that stands alone, in [0, 1]."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    def __post_init__(self) -> None:
        if not 0 <= self.key <= 11:
            raise ValueError(f"key must be in [0, 11], got {self.key}")
        if not 40 <= self.tempo_bpm <= 200:
            raise ValueError(f"tempo_bpm must be in [40, 200], got {self.tempo_bpm}")
        if not 0 < self.duration_s <= 60:
            raise ValueError(f"music lasts at most 60 seconds, got {self.duration_s}")
        if not 0 <= self.loudness <= 1:
            raise ValueError(f"loudness must be in [0, 1], got {self.loudness}")

    @property
    def end_s(self) -> float:
        """Time from which on it is silent."""
        return self.start_s + self.duration_s

    @property
    def beat_s(self) -> float:
        """Time from one beat to the next."""
        return 60.0 / self.tempo_bpm


@dataclass(frozen=True, kw_only=True, slots=True)
class Chord:
    """A chord and when it sounds."""

    start_s: float
    duration_s: float
    root: int
    """Pitch class of the root."""
    tones: tuple[int, int, int]
    """Pitch classes of root, third and fifth."""


def beats(music: Music) -> tuple[float, ...]:
    """Exact times of the beats of a piece, in seconds from the start of the clip."""
    count = math.ceil(music.duration_s / music.beat_s - 1e-9)
    return tuple(music.start_s + index * music.beat_s for index in range(count))


def chords(music: Music) -> tuple[Chord, ...]:
    """The chords of a piece in order; each starts on a beat, the last one may be cut short."""
    found = []
    for index, start_s in enumerate(beats(music)[::BEATS_PER_CHORD]):
        loop = _LOOPS[music.mood]
        root = (music.key + loop[index % len(loop)]) % 12
        tones = (root, (root + _THIRD[music.mood]) % 12, (root + 7) % 12)
        length = min(BEATS_PER_CHORD * music.beat_s, music.end_s - start_s)
        found.append(Chord(start_s=start_s, duration_s=length, root=root, tones=tones))
    return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sound:
    """How an instrument sounds."""

    levels: tuple[float, ...]
    """Of the harmonics."""
    decay: float
    """Decay rate of the first harmonic, 1/s; higher ones die faster in proportion."""
    attack_s: float
    apart_cents: float
    """How far two strings of a note are apart."""
    gain: float


_SOUNDS: dict[str, _Sound] = {
    "pluck": _Sound(
        levels=(1.0, 0.5, 0.28, 0.16, 0.06, 0.06, 0.04),
        decay=3.2, attack_s=0.003, apart_cents=2.0, gain=0.075,
    ),
    "pad": _Sound(
        levels=(1.0, 0.42, 0.2, 0.12, 0.05, 0.04),
        decay=0.0, attack_s=0.16, apart_cents=9.0, gain=0.06,
    ),
    "organ": _Sound(
        levels=(1.0, 0.75, 0.45, 0.4, 0.0, 0.2, 0.0, 0.2),
        decay=0.0, attack_s=0.012, apart_cents=1.0, gain=0.04,
    ),
    "bass": _Sound(
        levels=(1.0, 0.55, 0.22, 0.1),
        decay=4.0, attack_s=0.004, apart_cents=0.0, gain=0.1,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Note:
    start_s: float
    end_s: float
    midi: int
    x: float = 0.0
    level: float = 1.0


def render_music(
    pieces: Sequence[Sequence[Music]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise music; outside of its pieces there is true silence.

    Args:
        pieces: The pieces of each clip, in any order.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip: decides the phases of the strings and how hard each note is played.

    Returns:
        Sound that adds up linearly, within [-1, 1] for one piece.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(pieces), len(seeds), num_samples)
    mix = torch.zeros(len(pieces), 2, num_samples)
    for clip, items in enumerate(pieces):
        for music in items:
            for name, notes in _score(music).items():
                heard = [n for n in notes if n.start_s * SAMPLE_RATE_HZ < num_samples]
                if not heard or not music.loudness:
                    continue
                draw = generator(seeds[clip], "music", name, round(music.start_s * 1e6))
                x = [note.x for note in heard]
                onsets = ear_onsets([note.start_s for note in heard], [0.0] * len(heard))
                waves = music.loudness * _play(_SOUNDS[name], heard, onsets.offset[:, :1], draw)
                waves = waves * torch.tensor([ear_gains(place) for place in x])[..., None]
                add_sounds(mix, [clip] * len(heard), onsets.first, waves)
    return mix


def _score(music: Music) -> dict[str, list[_Note]]:
    """The notes of each instrument: bass on the beats, chords, and a tune between the beats."""
    high: list[_Note] = []
    low = [
        _Note(
            start_s=time_s,
            end_s=min(time_s + 0.9 * music.beat_s, music.end_s),
            midi=36 + (chords(music)[index // BEATS_PER_CHORD].root - 4) % 12 + 4,
            level=1.0 if index % BEATS_PER_CHORD == 0 else 0.8,
        )
        for index, time_s in enumerate(beats(music))
    ]
    for place, chord in enumerate(chords(music)):
        end_s = chord.start_s + chord.duration_s
        times = [chord.start_s + i * music.beat_s for i in range(BEATS_PER_CHORD)]
        for index, time_s in enumerate(t for t in times if t < music.end_s):
            stop_s = min(time_s + music.beat_s * (0.88 if music.timbre == "organ" else 1), end_s)
            if music.timbre == "pad":
                stop_s = end_s
            if music.timbre != "pad" or index == 0:
                for x, tone in zip(_PANS, chord.tones, strict=True):
                    midi = 55 + (tone - 55) % 12
                    high.append(_Note(start_s=time_s, end_s=stop_s, midi=midi, x=x))
            between_s = time_s + music.beat_s / 2
            if between_s < end_s:
                tone = chord.tones[(place + index + 1) % 3]
                tune = _Note(
                    start_s=between_s, end_s=end_s, midi=67 + (tone - 67) % 12, x=0.2, level=0.6
                )
                high.append(tune)
    return {music.timbre: high, "bass": low}


def _play(
    sound: _Sound, notes: Sequence[_Note], offset: Float[Tensor, "n 1"], draw: torch.Generator
) -> Float[Tensor, "n 1 s"]:
    count, strings = len(notes), len(sound.levels)
    number = torch.arange(1, strings + 1)[None]
    pitch = torch.tensor([[midi_hz(note.midi)] for note in notes])
    touch = 0.88 + 0.24 * torch.rand(count, 1, generator=draw)
    level = (
        torch.tensor(sound.levels)[None] * torch.tensor([[note.level] for note in notes]) * touch
    )
    phase = 2 * math.pi * torch.rand(count, 2 * strings, generator=draw)
    apart = 2 ** (sound.apart_cents / 2400)
    partials = Partials(
        torch.cat((pitch * number * apart, pitch * number / apart), dim=1),
        torch.cat((0.6 * level, 0.4 * level), dim=1),
        (sound.decay * number**0.7).expand(count, -1).repeat(1, 2),
        phase,
    )
    last = torch.tensor([note.end_s - note.start_s for note in notes])[:, None, None]
    length = math.ceil(float(last.max()) * SAMPLE_RATE_HZ)
    time = (torch.arange(length) + offset[..., None]) / SAMPLE_RATE_HZ
    shape = soften(time / sound.attack_s) * soften((last - time) / _RELEASE_S)
    return sound.gain * ring(partials, offset, length) * shape
