"""Where sounds begin: an onset detector that works from the samples alone."""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ

_WINDOW = 512
_HOP = 64
_BANDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class OnsetSettings:
    """Thresholds of the detector; the defaults were tuned on true Stage clips."""

    rise_db: float = 3.0
    """Mean rise over the bands that counts as an onset, in decibel."""
    floor_db: float = -62.0
    """Level of full scale under which a band counts as silent."""
    separation_s: float = 0.045
    """Two onsets closer than this are one."""
    span: int = 10
    """Rises are measured over this many hops of 64 samples (1.45 ms each)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Onset:
    """The beginning of one sound."""

    time_s: float
    """Seconds from the start of the waveform."""
    strength_db: float
    """Mean rise over the bands, in decibel."""
    pan: float
    """Level balance in the first 60 ms: -1 all left, 0 centre, 1 all right."""


def band_levels(waveform: Float[Tensor, "2 s"], floor_db: float) -> Float[Tensor, "2 bands n"]:
    """Level of log-spaced bands in short windows, in decibel, not under the floor.

    Column ``i`` is a 512-sample Hann window centred on sample ``64 i``.
    """
    window = torch.hann_window(_WINDOW, dtype=waveform.dtype)
    spectrum = torch.stft(
        waveform,
        _WINDOW,
        _HOP,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = spectrum.abs().square() / window.sum().square()
    edges = torch.logspace(
        torch.log10(torch.tensor(2.0)), torch.log10(torch.tensor(240.0)), _BANDS + 1
    )
    index = edges.round().long()
    bands = [power[:, a : max(b, a + 1)].sum(1) for a, b in itertools.pairwise(index)]
    return (10 * torch.log10(torch.stack(bands, 1) + 1e-12)).clamp_min(floor_db)


def detect_onsets(
    waveform: Float[Tensor, "2 s"], settings: OnsetSettings = OnsetSettings()
) -> list[Onset]:
    """Find the beginnings of sounds by rising spectral energy.

    Args:
        waveform: Stereo sound at 44.1 kHz, in [-1, 1].
        settings: Thresholds.

    Returns:
        Onsets in order of time; the time is where the short-time level rises fastest, good to a
        few milliseconds for impacts.
    """
    if waveform.shape[-1] < _WINDOW:
        return []
    levels = band_levels(waveform, settings.floor_db).amax(0)
    padded = torch.nn.functional.pad(levels, (settings.span, 0), value=settings.floor_db)
    rise = (levels - padded[:, : levels.shape[1]]).clamp_min(0).mean(0)
    radius = max(1, round(settings.separation_s * SAMPLE_RATE_HZ / _HOP))
    # A sound that the end of the clip cuts off looks like a click there.
    rise[-_WINDOW // _HOP :] = 0
    peak = torch.nn.functional.max_pool1d(rise[None], 2 * radius + 1, 1, radius)[0]
    found = ((rise == peak) & (rise >= settings.rise_db)).nonzero().flatten().tolist()
    onsets: list[Onset] = []
    for column in found:
        time_s = _steepest(waveform, column, settings.span) / SAMPLE_RATE_HZ
        if onsets and time_s - onsets[-1].time_s < settings.separation_s:
            continue
        onsets.append(
            Onset(time_s=time_s, strength_db=float(rise[column]), pan=pan_at(waveform, time_s))
        )
    return onsets


def _steepest(waveform: Float[Tensor, "2 s"], column: int, span: int) -> int:
    """Sample around a column of the spectrogram at which the level rises fastest."""
    low = max(0, (column - span - 6) * _HOP)
    high = min(waveform.shape[1], (column + 4) * _HOP)
    energy = waveform[:, low:high].square().sum(0)
    step = 32
    count = energy.shape[0] // step
    if count < 3:
        return column * _HOP
    level = 10 * torch.log10(energy[: count * step].reshape(count, step).mean(1) + 1e-8)
    before = torch.nn.functional.pad(level, (2, 0), mode="constant", value=float(level[0]))
    jump = level - before[:count]
    loud = level > level.max() - 30
    return low + int(torch.where(loud, jump, jump.new_full((), -1e9)).argmax()) * step


def pan_at(waveform: Float[Tensor, "2 s"], time_s: float, window_s: float = 0.06) -> float:
    """Level balance of the two channels just after a time.

    Args:
        waveform: Stereo sound at 44.1 kHz.
        time_s: Seconds from the start.
        window_s: Length that is looked at, in seconds.

    Returns:
        The angle of a constant-power pan, -1 left to 1 right; 0 in silence.
    """
    first = max(0, round(time_s * SAMPLE_RATE_HZ))
    part = waveform[:, first : first + round(window_s * SAMPLE_RATE_HZ)]
    if part.shape[1] == 0:
        return 0.0
    left, right = part.square().mean(1).sqrt().tolist()
    if left + right < 1e-5:
        return 0.0
    angle = torch.atan2(torch.tensor(right), torch.tensor(left))
    return float(angle / (torch.pi / 4) - 1)
