"""What is said: voices, syllables, utterances, and in closed form their energy, mouth and pitch.

A syllable is a consonant and a vowel. Its consonant *leads*: it is heard from the syllable's start,
and after ``lead_s`` the vowel opens. The energy of the voice, the opening of the mouth and the
formants follow the same smooth steps, so the mouth is exactly in time with the sound. Vowel
formants are near the averages of grown men (Peterson and Barney, 1952); other numbers are ours.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from openreels.stage.acoustics import soften

Voice = Literal["low", "mid", "high"]
VOICES: tuple[Voice, ...] = get_args(Voice)
SYLLABLES: tuple[str, ...] = (
    *("ba", "mo", "li", "ta", "su", "ne", "ka", "ru", "di", "po", "ga", "mi"),
    *("lo", "sha", "nu", "pe", "ro", "si", "du", "la"),
)
"""Syllables that the world says; every consonant and vowel of the tables can be said."""

_OPEN_S = 0.035
_CLOSE_S = 0.06
_FIRST_S = 0.008
_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Timbre:
    """What tells one voice from another."""

    pitch_hz: float
    """Pitch at which it speaks."""
    scale: float
    """Its formants over those of a grown man."""
    breath: float
    """Level of its breath over that of its tone."""
    vibrato: float
    """Depth of the vibrato of a sung note, in cents to either side."""
    vibrato_hz: float
    """Its rate."""
    tilt_hz: float
    """Where its harmonics begin to fall by 6 dB an octave; dark voices fall early."""


TIMBRES: dict[Voice, Timbre] = {
    "low": Timbre(
        pitch_hz=104.0, scale=0.93, breath=0.02, vibrato=16.0, vibrato_hz=4.8, tilt_hz=380.0
    ),
    "mid": Timbre(
        pitch_hz=186.0, scale=1.08, breath=0.05, vibrato=24.0, vibrato_hz=5.5, tilt_hz=620.0
    ),
    "high": Timbre(
        pitch_hz=294.0, scale=1.28, breath=0.09, vibrato=20.0, vibrato_hz=6.2, tilt_hz=900.0
    ),
}
SUNG_MIDI: dict[Voice, tuple[int, int]] = {"low": (43, 55), "mid": (52, 64), "high": (60, 72)}
"""Comfortable notes of each voice, lowest and highest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vowel:
    """Where a vowel rings, how loud it is, and how far it opens the mouth."""

    formants_hz: tuple[float, float, float]
    level: float
    opening: float


VOWELS: dict[str, Vowel] = {
    "a": Vowel(formants_hz=(730.0, 1_090.0, 2_440.0), level=1.0, opening=1.0),
    "e": Vowel(formants_hz=(530.0, 1_840.0, 2_480.0), level=0.85, opening=0.7),
    "i": Vowel(formants_hz=(280.0, 2_290.0, 3_010.0), level=0.7, opening=0.45),
    "o": Vowel(formants_hz=(500.0, 860.0, 2_410.0), level=0.88, opening=0.75),
    "u": Vowel(formants_hz=(320.0, 780.0, 2_240.0), level=0.72, opening=0.4),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Consonant:
    """How a syllable begins."""

    locus_hz: tuple[float, float, float]
    """Formants from which the vowel's formants move."""
    lead_s: float
    """Time from the start of the syllable to the start of its vowel."""
    level: float = 0.0
    """Level of the voice in the lead; 0 is unvoiced."""
    muffled: float = 0.0
    """How much the closed mouth takes from high frequencies in the lead, 0 to 1."""
    opening: float = 0.0
    """How open the mouth is in the lead; 0 at closed lips."""
    glide_s: float = 0.06
    """Time in which the formants reach the vowel."""
    noise_hz: tuple[float, float] = (0.0, 0.0)
    """Band of its burst or hiss."""
    noise: float = 0.0
    """Level of the burst or hiss."""
    noise_s: float = 0.0
    """How long it sounds: a hiss fills it, a burst dies within it."""
    hiss: bool = False
    """Whether it is a hiss."""
    late: bool = False
    """Whether the burst is at the end of the lead, not at the start of the syllable."""


_LIPS, _TIP, _BACK = (220.0, 850.0, 2_150.0), (240.0, 1_750.0, 2_650.0), (240.0, 1_950.0, 2_300.0)
CONSONANTS: dict[str, Consonant] = {
    "b": Consonant(
        locus_hz=_LIPS,
        lead_s=0.035,
        level=0.24,
        muffled=1.0,
        noise_hz=(300.0, 1_600.0),
        noise=0.1,
        noise_s=0.02,
        late=True,
    ),
    "d": Consonant(
        locus_hz=_TIP,
        lead_s=0.035,
        level=0.22,
        muffled=1.0,
        opening=0.08,
        noise_hz=(2_600.0, 5_500.0),
        noise=0.1,
        noise_s=0.025,
        late=True,
    ),
    "g": Consonant(
        locus_hz=_BACK,
        lead_s=0.035,
        level=0.22,
        muffled=1.0,
        opening=0.1,
        noise_hz=(1_300.0, 2_800.0),
        noise=0.1,
        noise_s=0.03,
        late=True,
    ),
    "p": Consonant(
        locus_hz=_LIPS, lead_s=0.055, noise_hz=(400.0, 2_200.0), noise=0.16, noise_s=0.055
    ),
    "t": Consonant(
        locus_hz=_TIP,
        lead_s=0.06,
        opening=0.08,
        noise_hz=(3_200.0, 8_000.0),
        noise=0.16,
        noise_s=0.06,
    ),
    "k": Consonant(
        locus_hz=_BACK,
        lead_s=0.065,
        opening=0.1,
        noise_hz=(1_400.0, 3_200.0),
        noise=0.17,
        noise_s=0.065,
    ),
    "m": Consonant(
        locus_hz=(260.0, 1_000.0, 2_200.0), lead_s=0.075, level=0.42, muffled=0.8, glide_s=0.05
    ),
    "n": Consonant(
        locus_hz=(260.0, 1_550.0, 2_600.0),
        lead_s=0.075,
        level=0.4,
        muffled=0.7,
        opening=0.08,
        glide_s=0.05,
    ),
    "l": Consonant(
        locus_hz=(350.0, 1_100.0, 2_750.0), lead_s=0.07, level=0.5, muffled=0.25, opening=0.15
    ),
    "r": Consonant(
        locus_hz=(340.0, 1_150.0, 1_600.0),
        lead_s=0.07,
        level=0.5,
        muffled=0.15,
        opening=0.15,
        glide_s=0.09,
    ),
    "s": Consonant(
        locus_hz=_TIP,
        lead_s=0.1,
        opening=0.1,
        noise_hz=(5_000.0, 10_000.0),
        noise=0.11,
        noise_s=0.105,
        hiss=True,
    ),
    "sh": Consonant(
        locus_hz=(260.0, 1_850.0, 2_550.0),
        lead_s=0.1,
        opening=0.15,
        noise_hz=(2_200.0, 5_500.0),
        noise=0.12,
        noise_s=0.105,
        hiss=True,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Syllable:
    """One syllable, spoken or sung.

    Raises:
        ValueError: If the text is no consonant and vowel, or the length or the pitch is wrong.
    """

    text: str
    """A consonant of ``CONSONANTS`` and a vowel of ``VOWELS``, e.g. ``ba``."""
    start_s: float
    """Exact time at which it is first heard, in seconds from the start of the clip."""
    duration_s: float
    """Length until silence, at least 0.1 s; the next syllable may start at its end."""
    pitch_hz: float | None = None
    """Pitch of a sung note, in [55, 1000]; None is speech."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        if self.text[:-1] not in CONSONANTS or self.text[-1:] not in VOWELS:
            raise ValueError(
                f"a syllable is one of {', '.join(CONSONANTS)} and one of {', '.join(VOWELS)}, "
                f"got {self.text!r}"
            )
        if not 0.1 <= self.duration_s <= 15:
            raise ValueError(f"a syllable lasts 0.1 to 15 seconds, got {self.duration_s}")
        if self.pitch_hz is not None and not 55 <= self.pitch_hz <= 1000:
            raise ValueError(f"a note has 55 to 1000 Hz, got {self.pitch_hz}")

    @property
    def lead_s(self) -> float:
        """Time from the start of the syllable to that of its vowel."""
        return min(CONSONANTS[self.text[:-1]].lead_s, 0.35 * self.duration_s)

    @property
    def end_s(self) -> float:
        """Time from which on it is silent."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Syllables that one voice says or sings.

    Raises:
        ValueError: If there is no syllable, or one starts before the last one has ended.
    """

    voice: Voice
    """Who speaks."""
    syllables: tuple[Syllable, ...]
    """What is said, in order of time."""
    actor: int | None = None
    """Index of the actor that speaks; None is a narrator who is not seen."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        if not self.syllables:
            raise ValueError("an utterance has at least one syllable, got none")
        for one, after in zip(self.syllables, self.syllables[1:], strict=False):
            if after.start_s < one.end_s - 1e-9:
                raise ValueError(
                    f"syllables must not overlap, got {after.text!r} at {after.start_s} s before "
                    f"the end of {one.text!r} at {one.end_s} s"
                )

    @property
    def text(self) -> str:
        """The words, syllables joined by hyphens."""
        return "-".join(syllable.text for syllable in self.syllables)

    @property
    def is_sung(self) -> bool:
        """Whether any syllable has a pitch."""
        return any(syllable.pitch_hz is not None for syllable in self.syllables)

    @property
    def end_s(self) -> float:
        """Time from which on it is silent."""
        return self.syllables[-1].end_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance(Line):
    """A line, and where in the picture its voice is."""

    x: float
    """Place of the speaker, -1 left edge to 1 right edge; clamped."""
    path: tuple[tuple[float, float], ...] = ()
    """Keys ``(time_s, x)`` of one who moves, in order and joined by straight lines; none stays."""


def midi_hz(note: float) -> float:
    """Frequency of a MIDI note; 69 is 440 Hz."""
    return 440.0 * 2.0 ** ((note - 69.0) / 12.0)


def midi_note(hz: float) -> float:
    """MIDI note of a frequency; 440 Hz is 69."""
    return 69.0 + 12.0 * math.log2(hz / 440.0)


@dataclass(frozen=True, slots=True)
class Moments:
    """The syllable at each of some times, and where in it they are."""

    index: Int[Tensor, " t"]
    """Index of the last syllable that has started; 0 before the first."""
    since: Float[Tensor, " t"]
    """Seconds since its start; negative before the first."""
    opened: Float[Tensor, " t"]
    """How far its vowel has opened, 0 to 1."""
    held: Float[Tensor, " t"]
    """1 while it sounds, 0 outside, with smooth edges."""


def moments(utterance: Line, times: Float[Tensor, " t"]) -> Moments:
    """Place times in an utterance.

    Args:
        utterance: What is said.
        times: Seconds from the start of the clip.

    Returns:
        What the energy, the mouth and the formants are made of.
    """
    items = utterance.syllables
    times = times.double()
    rows = torch.tensor([(s.start_s, s.duration_s, s.lead_s) for s in items], dtype=torch.float64)
    index = torch.searchsorted(rows[:, 0].contiguous(), times, right=True).clamp(min=1) - 1
    start, length, lead = rows[index].unbind(-1)
    since = times - start
    held = soften(since / _FIRST_S) * soften((length - since) / _CLOSE_S)
    return Moments(index, since, soften((since - lead) / _OPEN_S), held)


def _blend(now: Moments, lead: list[float], vowel: list[float]) -> Float[Tensor, " t"]:
    first = torch.tensor(lead, dtype=torch.float64)[now.index]
    second = torch.tensor(vowel, dtype=torch.float64)[now.index]
    return (first + (second - first) * now.opened) * now.held


def energy(utterance: Line, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Amplitude of the voice, hiss and bursts left out: 0 is silence, 1 a full "a"."""
    now, items = moments(utterance, times), utterance.syllables
    lead = [CONSONANTS[s.text[:-1]].level for s in items]
    return _blend(now, lead, [VOWELS[s.text[-1]].level for s in items])


def mouth_opening(utterance: Line, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """How open the mouth of the speaker is.

    Args:
        utterance: What is said.
        times: Seconds from the start of the clip.

    Returns:
        0 is closed (before, after and between syllables, and in the lead of b, m and p), 1 is a
        full "a"; float64.
    """
    now, items = moments(utterance, times), utterance.syllables
    lead = [CONSONANTS[s.text[:-1]].opening for s in items]
    return _blend(now, lead, [VOWELS[s.text[-1]].opening for s in items])


def pitch_hz(utterance: Line, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Pitch of the voice, but for its jitter of a few cents.

    A sung note is even about its pitch, with a vibrato that sets in after 0.15 s. Speech falls by
    three semitones over the utterance, rises and falls within a syllable, and begins high.

    Args:
        utterance: What is said.
        times: Seconds from the start of the clip.

    Returns:
        Frequencies, also where the voice is silent; float64.
    """
    voice, items = TIMBRES[utterance.voice], utterance.syllables
    now = moments(utterance, times)
    length = torch.tensor([s.duration_s for s in items], dtype=torch.float64)[now.index]
    note = torch.tensor([s.pitch_hz or 0.0 for s in items], dtype=torch.float64)[now.index]
    deep = soften((now.since - 0.15) / 0.15) * voice.vibrato / 1200
    sway = deep * torch.sin(2 * torch.pi * voice.vibrato_hz * (now.since - 0.15))
    begin, whole = items[0].start_s, utterance.end_s - items[0].start_s
    fall = 1.5 - 3 * ((times.double() - begin) / whole).clamp(0, 1)
    accent = 1.2 * torch.sin(torch.pi * (now.since / length).clamp(0, 1)) + (now.index == 0)
    spoken = voice.pitch_hz * 2 ** ((fall + accent - 0.8) / 12)
    return torch.where(note > 0, note * 2**sway, spoken)
