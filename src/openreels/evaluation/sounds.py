"""What the sound probe reads: the levels of the first half second of one sound."""

from functools import cache
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.stage.scene import MATERIALS, SIZES

_WINDOW = 2048
_HOP = 512
_LOWEST_HZ = 60.0
_HIGHEST_HZ = 16_000.0
_FLOOR_DB = -70.0


def sound_levels(
    waveform: Float[Tensor, "2 s"], time_s: float, config: ProbeConfig
) -> Float[Tensor, "bands frames"]:
    """Levels of log-spaced bands after an onset, relative to the loudest, in units of 20 dB.

    Args:
        waveform: Stereo sound at 44.1 kHz.
        time_s: Time of the onset in seconds.
        config: Number of bands and of windows, 11.6 ms apart.
    """
    length = _WINDOW + _HOP * (config.sound_frames - 1)
    first = max(0, round(time_s * SAMPLE_RATE_HZ) - _WINDOW // 4)
    part = waveform[:, first : first + length]
    part = torch.nn.functional.pad(part, (0, length - part.shape[1]))
    window = torch.hann_window(_WINDOW)
    spectrum = torch.stft(part, _WINDOW, _HOP, window=window, center=False, return_complex=True)
    power = spectrum.abs().square().sum(0)
    level = 10 * torch.log10(_bands(config.sound_bands) @ power + 1e-9)
    return (level - level.max()).clamp_min(_FLOOR_DB) / 20 + 1


@cache
def _bands(count: int) -> Float[Tensor, "bands bins"]:
    """How much of each bin of the spectrum lies in each log-spaced band."""
    edges = torch.logspace(0, 1, count + 1, base=_HIGHEST_HZ / _LOWEST_HZ) * _LOWEST_HZ
    index = (edges * _WINDOW / SAMPLE_RATE_HZ).tolist()
    bins = torch.arange(_WINDOW // 2 + 1, dtype=torch.float32)
    rows = [
        ((bins - low).clamp(-0.5, 0.5) - (bins - high).clamp(-0.5, 0.5)).clamp_min(0)
        for low, high in pairwise(index)
    ]
    return torch.stack(rows)


def read_sound(probe: StageProbe, waveform: Float[Tensor, "2 s"], time_s: float) -> tuple[str, str]:
    """Material and size of what sounds at a time, as the sound probe hears it."""
    levels = sound_levels(waveform, time_s, probe.config)[None]
    material, size = probe.sound(levels)
    return MATERIALS[int(material.argmax())], SIZES[int(size.argmax())]
