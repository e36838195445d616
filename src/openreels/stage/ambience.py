"""Ambience: rain, wind, and a night with crickets; steady, but never twice the same.

Rain is a bed of noise with single drops, wind is noise whose bands and whistle follow gusts, a
night is three crickets that chirp on their own clocks over a faint bed. All numbers are ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import Waveform
from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import check_batch, ear_gains, noise_band, soften

AmbienceKind = Literal["rain", "wind", "night"]
AMBIENCES: tuple[AmbienceKind, ...] = get_args(AmbienceKind)

_FADE_S = 0.03
_DROPS_PER_S = 110
_DROP_SAMPLES = 1_024
_WIND_BANDS = (
    (60.0, 200.0, 1.0),
    (200.0, 500.0, 0.75),
    (500.0, 1_100.0, 0.4),
    (1_100.0, 2_400.0, 0.14),
)
_LEVELS: dict[AmbienceKind, float] = {"rain": 0.055, "wind": 0.085, "night": 0.06}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ambience:
    """A stretch of ambient sound; a clip may have several, one a shot or one over another.

    Raises:
        ValueError: If the length or the loudness is out of range.
    """

    kind: AmbienceKind
    """What is heard."""
    start_s: float
    """Time at which it is first heard, in seconds from the start of the clip."""
    duration_s: float
    """Length, after which it is silent."""
    loudness: float = 1.0
    """Amplitude over that of strong rain, wind or crickets, in [0, 1]."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    def __post_init__(self) -> None:
        if not 0 < self.duration_s <= 60:
            raise ValueError(f"ambience lasts at most 60 seconds, got {self.duration_s}")
        if not 0 <= self.loudness <= 1:
            raise ValueError(f"loudness must be in [0, 1], got {self.loudness}")


def render_ambience(
    sounds: Sequence[Sequence[Ambience]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise ambience.

    Args:
        sounds: The ambience of each clip; those that overlap add up.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip: decides the noise, the drops, the gusts and the crickets.

    Returns:
        Sound whose two channels are nearly uncorrelated, within [-1, 1] for one ambience.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(sounds), len(seeds), num_samples)
    mix = torch.zeros(len(sounds), 2, num_samples)
    make = {"rain": _rain, "wind": _wind, "night": _night}
    for clip, items in enumerate(sounds):
        for index, sound in enumerate(items):
            first = max(0, math.ceil(sound.start_s * SAMPLE_RATE_HZ))
            last = math.ceil((sound.start_s + sound.duration_s) * SAMPLE_RATE_HZ)
            if first >= min(last, num_samples):
                continue
            wave = make[sound.kind](last - first, derive_seed(seeds[clip], "ambience", index))
            time = torch.arange(last - first) / SAMPLE_RATE_HZ
            edge = soften(time / _FADE_S) * soften(time.flip(0) / _FADE_S)
            wave = _LEVELS[sound.kind] * sound.loudness * edge * wave
            mix[clip, :, first:last] += wave[:, : num_samples - first]
    return mix


def _noise(seed: int, name: str, length: int, band: tuple[float, float]) -> Float[Tensor, "2 s"]:
    return noise_band([generator(seed, name, ear) for ear in range(2)], length, *band)


def _sway(seed: int, name: str, length: int, rates_hz: tuple[float, float]) -> Float[Tensor, " s"]:
    """Slow, smooth movement in [-1, 1]: five sines of random rate and phase."""
    draw = torch.rand(2, 5, 1, generator=generator(seed, name))
    rate = rates_hz[0] + (rates_hz[1] - rates_hz[0]) * draw[0]
    time = torch.arange(length) / SAMPLE_RATE_HZ
    return torch.sin(2 * math.pi * (rate * time + draw[1])).mean(0)


def _rain(length: int, seed: int) -> Float[Tensor, "2 s"]:
    bed = _noise(seed, "bed", length, (900.0, 9_500.0)) + 0.3 * _noise(
        seed, "low", length, (150.0, 900.0)
    )
    bed = 0.8 * bed * (1 + 0.25 * _sway(seed, "gust", length, (0.3, 2.0)))
    draw = generator(seed, "drops")
    count = max(1, round(_DROPS_PER_S * length / SAMPLE_RATE_HZ))
    place, hz, size, side, decay = torch.rand(5, count, generator=draw)
    hz, decay = 1_300 * 4.5**hz, 0.0015 + 0.005 * decay
    time = torch.arange(_DROP_SAMPLES) / SAMPLE_RATE_HZ
    tone = torch.sin(2 * math.pi * hz[:, None] * time * (1 + 2 * time))
    drops = tone * torch.exp(-time / decay[:, None]) * soften(time / 0.0004)
    drops = drops * (2.8 * (0.12 / (0.12 + size)) ** 1.2)[:, None]
    angle = side * math.pi / 2
    drops = torch.stack((angle.cos(), angle.sin()))[..., None] * drops
    where = ((place * length).long()[:, None] + torch.arange(_DROP_SAMPLES)) % length
    return bed.index_add(1, where.flatten(), 2.0 * drops.flatten(1))


def _wind(length: int, seed: int) -> Float[Tensor, "2 s"]:
    gust = (0.5 + 0.75 * _sway(seed, "gust", length, (0.12, 0.8))).clamp(0.1, 1.0)
    wave = torch.zeros(2, length)
    for index, (low, high, level) in enumerate(_WIND_BANDS):
        band = _noise(seed, f"band {index}", length, (low, high))
        wave += level * gust ** (0.8 + 0.5 * index) * band
    flutter = gust + 0.08 * _sway(seed, "flutter", length, (2.0, 5.0))
    phase = 2 * math.pi * ((380 + 420 * flutter).double() / SAMPLE_RATE_HZ).cumsum(0)
    cosine, sine = phase.cos().float(), phase.sin().float()
    inner = [_noise(seed, f"whistle {part}", length, (1.0, 18.0)) for part in "ab"]
    return wave + 0.3 * gust**1.5 * (inner[0] * cosine + inner[1] * sine)


def _night(length: int, seed: int) -> Float[Tensor, "2 s"]:
    wave = 0.12 * _noise(seed, "bed", length, (150.0, 1_200.0))
    time = torch.arange(length) / SAMPLE_RATE_HZ
    for index, (x, level) in enumerate(((-0.95, 1.0), (0.9, 0.8), (0.2, 0.35))):
        draw = torch.rand(6, generator=generator(seed, "cricket", index)).tolist()
        hz = 3_900 + 420 * index + 350 * draw[0]
        pulse_s, pulses = 0.028 + 0.008 * draw[1], 3 + int(3 * draw[2])
        every_s = pulses * pulse_s + 0.16 + 0.3 * draw[3]
        since = (time + draw[4] * every_s) % every_s
        within = since % pulse_s / pulse_s
        shape = torch.sin(math.pi * (within / 0.7).clamp(max=1)) ** 2 * (since < pulses * pulse_s)
        rise = 0.6 + 0.4 * (since / (pulses * pulse_s)).clamp(max=1)
        tone = torch.sin(2 * math.pi * (hz * time.double() + draw[5])).float()
        wave += 2.4 * level * torch.tensor(ear_gains(x))[:, None] * shape * rise * tone
    return wave
