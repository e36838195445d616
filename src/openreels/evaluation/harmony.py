"""Music and ambience, from the samples alone: mood, tempo, and which weather is heard."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.ambience import AmbienceKind
from openreels.stage.music import Mood

_WINDOW = 8192
_HOP = 2048
_LOWEST_MIDI, _HIGHEST_MIDI = 52, 80
_THIRDS: dict[Mood, int] = {"happy": 4, "sad": 3}
_TEMPO_HOP = 441
_SLOWEST_BPM, _FASTEST_BPM = 55.0, 150.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Harmony:
    """What the chords of a sound say."""

    mood: Mood
    """Major is happy, minor is sad."""
    clear: float
    """How much better the chords of that mood fit than those of the other, in [0, 1]."""


def chroma(waveform: Float[Tensor, "2 s"]) -> Float[Tensor, "12 n"]:
    """Strength of the twelve pitch classes in windows of 186 ms.

    Args:
        waveform: Stereo sound at 44.1 kHz.

    Returns:
        Amplitudes from C to B of the tones from E3 to G sharp 5, where chords lie.
    """
    mono = waveform.mean(0)
    mono = torch.nn.functional.pad(mono, (0, max(0, _WINDOW - mono.shape[0])))
    window = torch.hann_window(_WINDOW)
    spectrum = torch.stft(mono, _WINDOW, _HOP, window=window, center=False, return_complex=True)
    size = spectrum.abs()
    found = torch.zeros(12, size.shape[1])
    for midi in range(_LOWEST_MIDI, _HIGHEST_MIDI + 1):
        place = 440 * 2 ** ((midi - 69) / 12) * _WINDOW / SAMPLE_RATE_HZ
        found[midi % 12] += size[round(place) - 1 : round(place) + 2].amax(0)
    return found


def hear_harmony(waveform: Float[Tensor, "2 s"]) -> Harmony | None:
    """Tell major from minor by the chord that fits each moment best.

    Args:
        waveform: Stereo sound at 44.1 kHz.

    Returns:
        The mood, or None in silence.
    """
    tones = chroma(waveform)
    loud = tones.sum(0)
    if not bool((loud > 1e-3).any()):
        return None
    tones = tones[:, loud > 0.1 * loud.max()]
    fits: dict[Mood, float] = {}
    for mood, third in _THIRDS.items():
        chord = torch.zeros(12, 12)
        for root in range(12):
            chord[root, [root, (root + third) % 12, (root + 7) % 12]] = 1.0
        fits[mood] = float((chord @ tones).amax(0).sum() / tones.sum())
    mood: Mood = "happy" if fits["happy"] >= fits["sad"] else "sad"
    return Harmony(mood=mood, clear=abs(fits["happy"] - fits["sad"]))


def tempo_bpm(waveform: Float[Tensor, "2 s"]) -> float:
    """Tempo by the autocorrelation of rising energy; nan in silence.

    A beat and its half are told apart no better than by ear: compare octaves as equal.

    Args:
        waveform: Stereo sound at 44.1 kHz, at least two seconds for slow music.
    """
    window = torch.hann_window(2048)
    if waveform.shape[1] < SAMPLE_RATE_HZ or float(waveform.abs().max()) < 1e-4:
        return math.nan
    spectrum = torch.stft(
        waveform.mean(0), 2048, _TEMPO_HOP, window=window, center=True, pad_mode="constant",
        return_complex=True,
    )  # fmt: skip
    level = torch.log1p(1000 * spectrum[2:200].abs() / window.sum())
    rise = torch.nn.functional.pad(level.diff(dim=1).clamp_min(0).sum(0), (1, 0))
    rise = rise - rise.mean()
    size = len(rise)
    own = torch.fft.irfft(torch.fft.rfft(rise, 2 * size).abs().square())[:size]
    own = own / (1 - torch.arange(size) / size).clamp_min(0.2)
    rate = SAMPLE_RATE_HZ / _TEMPO_HOP
    first, last = round(60 * rate / _FASTEST_BPM), round(60 * rate / _SLOWEST_BPM)
    part = own[first : min(last, size - 2) + 1]
    lag = first + int(part.argmax())
    before, here, after = own[lag - 1 : lag + 2].tolist()
    curve = before - 2 * here + after
    return 60 * rate / (lag + (0.5 * (before - after) / curve if curve < 0 else 0.0))


def tempo_error(heard_bpm: float, true_bpm: float) -> float:
    """Relative error of a tempo, its double and its half taken as equal; nan of nothing."""
    if not math.isfinite(heard_bpm):
        return math.nan
    return min(abs(heard_bpm * factor / true_bpm - 1) for factor in (0.5, 1.0, 2.0))


def hear_ambience(waveform: Float[Tensor, "2 s"]) -> AmbienceKind | None:
    """Tell rain, wind and a night of crickets apart by where the energy of quiet moments lies.

    Args:
        waveform: Stereo sound at 44.1 kHz.

    Returns:
        Rain is noise between 1 and 10 kHz, wind noise below 1 kHz; crickets are narrow tones around
        4.5 kHz over little noise. None in silence.
    """
    if waveform.shape[1] < 4096 or float(waveform.abs().max()) < 1e-4:
        return None
    window = torch.hann_window(2048)
    spectrum = torch.stft(waveform, 2048, 512, window=window, center=False, return_complex=True)
    power = spectrum.abs().square().sum(0)
    quiet = power.quantile(0.35, dim=1)  # what is always there, not what strikes
    hertz = torch.arange(1025) * SAMPLE_RATE_HZ / 2048
    low = float(quiet[(hertz > 60) & (hertz < 900)].sum())
    beside = ((hertz > 1_200) & (hertz < 3_400)) | ((hertz > 5_600) & (hertz < 9_000))
    crickets = (hertz > 3_700) & (hertz < 5_300)
    often = power.quantile(0.8, dim=1)  # chirps are there a third of the time, strikes are not
    hiss = float(quiet[beside].sum())
    if low + float(often[crickets].sum()) + hiss < 1e-6:
        return None
    if float(often[crickets].sum()) > 20 * float(often[beside].sum()):
        return "night"
    return "rain" if hiss > 0.3 * low else "wind"
