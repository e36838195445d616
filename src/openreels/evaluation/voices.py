"""Voices, from the samples alone: how loud, at which pitch, and how far a song is off its notes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.metrics import median
from openreels.stage.events import Spoken

_WINDOW = 2048
_HOP = 220
_LOWEST_HZ = 75.0
_HIGHEST_HZ = 620.0
_NEAR = 0.88
"""The shortest period that is nearly as good as the best is taken, against octave errors."""
_VOICED = 0.5
"""Least periodicity of a voice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceTrack:
    """A waveform every 5 ms."""

    times_s: Float[Tensor, " n"]
    """Middles of the windows of 46 ms, in seconds."""
    level: Float[Tensor, " n"]
    """Root mean square times periodicity: noise and clicks count little."""
    pitch_hz: Float[Tensor, " n"]
    """Pitch in [75, 620]; means nothing where it is not voiced."""
    periodic: Float[Tensor, " n"]
    """Autocorrelation at the period over that at 0, in [0, 1]."""


def track_voice(waveform: Float[Tensor, "2 s"]) -> VoiceTrack:
    """Follow loudness and pitch by the autocorrelation of short windows.

    Args:
        waveform: Stereo sound at 44.1 kHz.

    Returns:
        Loudness, pitch and periodicity; empty for a sound shorter than a window.
    """
    mono = waveform.mean(0)
    if mono.shape[0] < _WINDOW:
        empty = torch.zeros(0)
        return VoiceTrack(times_s=empty, level=empty, pitch_hz=empty, periodic=empty)
    parts = mono.unfold(0, _WINDOW, _HOP)
    parts = parts - parts.mean(1, keepdim=True)
    power = torch.fft.rfft(parts, 2 * _WINDOW).abs().square()
    own = torch.fft.irfft(power)[:, : _WINDOW // 2 + 64]
    lags = torch.arange(own.shape[1])
    fair = own / (1 - lags / _WINDOW)  # fewer products at long lags
    ratio = (fair / fair[:, :1].clamp_min(1e-9)).clamp(-1, 1)
    first, last = round(SAMPLE_RATE_HZ / _HIGHEST_HZ), round(SAMPLE_RATE_HZ / _LOWEST_HZ)
    inner = ratio[:, first : last + 1]
    peaks = (inner >= ratio[:, first - 1 : last]) & (inner > ratio[:, first + 1 : last + 2])
    heights = torch.where(peaks, inner, torch.zeros_like(inner))
    best = heights.amax(1)
    good = heights >= _NEAR * best.clamp_min(1e-9)[:, None]
    lag = first + good.float().argmax(1)
    rows = torch.arange(len(lag))
    before, here, after = ratio[rows, lag - 1], ratio[rows, lag], ratio[rows, lag + 1]
    curve = (before - 2 * here + after).clamp(max=-1e-9)
    exact = lag + 0.5 * (before - after) / curve
    rms = parts.square().mean(1).sqrt()
    return VoiceTrack(
        times_s=(rows * _HOP + _WINDOW / 2) / SAMPLE_RATE_HZ,
        level=rms * best.clamp_min(0),
        pitch_hz=SAMPLE_RATE_HZ / exact,
        periodic=best.clamp_min(0),
    )


def pitch_between(track: VoiceTrack, start_s: float, end_s: float) -> float:
    """Median pitch of a stretch in hertz; nan where nothing is voiced there."""
    inside = (track.times_s >= start_s) & (track.times_s <= end_s)
    inside &= (track.periodic >= _VOICED) & (track.level > 1e-4)
    return median(track.pitch_hz[inside].tolist())


def cents_off(track: VoiceTrack, notes: Sequence[Spoken]) -> list[float]:
    """How far each sung note is from its pitch.

    Args:
        track: What is heard.
        notes: What should be sung; those without a pitch do not count.

    Returns:
        Sizes of the errors in cents, at most 1200; a note that is not heard counts 1200.
    """
    errors: list[float] = []
    for note in notes:
        if note.pitch_hz is None:
            continue
        length = note.end_s - note.vowel_s
        heard = pitch_between(track, note.vowel_s + 0.2 * length, note.end_s - 0.25 * length)
        off = 1200.0
        if math.isfinite(heard):
            off = min(1200.0, abs(1200 * math.log2(heard / note.pitch_hz)))
        errors.append(off)
    return errors


def heard_share(track: VoiceTrack, syllables: Sequence[Spoken]) -> float:
    """Share of the syllables in which a voice is heard; nan of none.

    A syllable is heard where some of it is voiced and a tenth as loud as the clip's loudest moment.
    """
    if not syllables or not len(track.times_s):
        return math.nan if not syllables else 0.0
    loud = float(track.level.max())
    hits = 0
    for one in syllables:
        inside = (track.times_s >= one.vowel_s) & (track.times_s <= one.end_s - 0.03)
        inside &= track.periodic >= _VOICED
        hits += bool(inside.any()) and float(track.level[inside].max()) > max(0.1 * loud, 1e-4)
    return hits / len(syllables)
