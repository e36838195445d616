"""What all sounds of the Stage world share: damped partials, two ears, a place in the mix, a limit.

A partial has a closed form, so a sound starts exactly at its time, between two samples if need be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from openreels.core.arrays import Waveform
from openreels.core.shapes import SAMPLE_RATE_HZ

_BLOCK = 128
_EAR_DELAY_S = 0.0004
_GRAIN = 1024
_KNEE = 0.8
_SETTLE_S = 0.018


@runtime_checkable
class Struck(Protocol):
    """What sounds from one moment on, at one place."""

    @property
    def time_s(self) -> float:
        """Exact time from the start of the clip, in seconds."""
        ...

    @property
    def speed(self) -> float:
        """Speed relative to a fast impact, in [0, 1]; decides loudness."""
        ...

    @property
    def x(self) -> float:
        """Place in the picture, -1 left to 1 right; decides the pan."""
        ...


S = TypeVar("S", bound=Struck)


@dataclass(frozen=True, slots=True)
class Partials:
    """Damped partials of ``p`` parts for each of ``n`` sounds."""

    hz: Float[Tensor, "n p"]
    level: Float[Tensor, "n p"]
    decay: Float[Tensor, "n p"]
    """Decay rate, 1/s."""
    phase: Float[Tensor, "n p"]


@dataclass(frozen=True, slots=True)
class Onsets:
    """When ``n`` sounds reach the two ears."""

    first: Int[Tensor, "n 2"]
    """First sample at or after the sound has reached the ear."""
    offset: Float[Tensor, "n 2"]
    """How long before that sample it did, in samples, in [0, 1)."""


def ear_gains(x: float) -> tuple[float, float]:
    """Left and right gains of constant power for a place in the picture, -1 left to 1 right."""
    angle = (min(max(x, -1.0), 1.0) + 1.0) * math.pi / 4
    return math.cos(angle), math.sin(angle)


def ear_onsets(times_s: Sequence[float], x: Sequence[float]) -> Onsets:
    """Samples at which sounds begin in the left and the right ear; the far ear hears later.

    Args:
        times_s: Exact time of each sound, which is when the near ear hears it.
        x: Its place in the picture, clamped to [-1, 1].

    Returns:
        The first sample of each sound in each ear and what is left between two samples.
    """
    place = torch.tensor(x, dtype=torch.float64).clamp(-1, 1)
    late = _EAR_DELAY_S * torch.stack((place.clamp(min=0), (-place).clamp(min=0)), dim=1)
    start = (torch.tensor(times_s, dtype=torch.float64)[:, None] + late) * SAMPLE_RATE_HZ
    first = start.ceil()
    return Onsets(first.long(), (first - start).float())


def heard(clips: Sequence[Sequence[S]], num_samples: int) -> list[tuple[int, S]]:
    """What is struck before the end of its clip, each with the index of its clip."""
    return [
        (clip, item)
        for clip, items in enumerate(clips)
        for item in items
        if item.time_s * SAMPLE_RATE_HZ < num_samples
    ]


def loudness(speed: float) -> float:
    """Amplitude of an impact over that of a full-speed one; 0.2 is 11 dB down."""
    return min(max(speed, 0.0), 1.0) ** 0.8


def struck_gains(items: Sequence[Struck]) -> Float[Tensor, "n 2 1"]:
    """Gain of each sound in each ear, by its place and its speed."""
    gains = torch.tensor([ear_gains(item.x) for item in items])
    return (gains * torch.tensor([[loudness(item.speed)] for item in items]))[..., None]


def add_sounds(
    mix: Waveform, clips: Sequence[int], first: Int[Tensor, "n 2"], waves: Float[Tensor, "n 2 t"]
) -> None:
    """Add sounds to the clips that they belong to, in place; what lies outside is not heard.

    Args:
        mix: The clips.
        clips: Index of the clip of each sound.
        first: Sample of the clip at which each sound begins, for each ear.
        waves: The sounds.
    """
    for clip, ears, wave in zip(clips, first.tolist(), waves, strict=True):
        for ear, index in enumerate(ears):
            begin, end = max(index, 0), min(index + wave.shape[-1], mix.shape[-1])
            if begin < end:
                mix[clip, ear, begin:end] += wave[ear, begin - index : end - index]


def ring(partials: Partials, offset: Float[Tensor, "n e"], length: int) -> Float[Tensor, "n e s"]:
    """Sum damped sines as one matrix product: each is a power of a complex number.

    Args:
        partials: Frequencies, amplitudes, decay rates and phases.
        offset: Time of the first sample after the onset, in samples, for each ear.
        length: Number of samples.

    Returns:
        The sums.
    """
    power = torch.complex(-partials.decay, 2 * math.pi * partials.hz).to(torch.complex128)
    power = power / SAMPLE_RATE_HZ
    blocks = -(-length // _BLOCK)
    coarse = torch.arange(blocks) * _BLOCK + offset[..., None]
    within = torch.exp(power[:, :, None] * torch.arange(_BLOCK))
    begin = torch.exp(power[:, None, None, :] * coarse[..., None])
    begin = begin * torch.polar(partials.level, partials.phase)[:, None, None, :]
    left = torch.cat((begin.real, begin.imag), dim=-1).float()
    right = torch.cat((within.imag, within.real), dim=1).float()
    wave = rearrange(left, "n e a p -> n (e a) p") @ right
    wave = rearrange(wave, "n (e a) t -> n e (a t)", e=offset.shape[1])
    return wave[..., :length].contiguous()


def glide(
    partials: Partials, offset: Float[Tensor, "n e"], length: int, drop: float
) -> Float[Tensor, "n e s"]:
    """Sum damped sines whose pitch falls to its rest within some 20 ms.

    Args:
        partials: Frequencies at rest, amplitudes and decay rates; every phase starts at 0.
        offset: Time of the first sample after the onset, in samples, for each ear.
        length: Number of samples.
        drop: How far above its rest the pitch starts, as a fraction of it.

    Returns:
        The sums.
    """
    time = (torch.arange(length) + offset[..., None]) / SAMPLE_RATE_HZ
    warped = time + drop * _SETTLE_S * (1 - torch.exp(-time / _SETTLE_S))
    wave = torch.zeros_like(time)
    for index in range(partials.hz.shape[1]):
        hz, decay = partials.hz[:, index, None, None], partials.decay[:, index, None, None]
        tone = torch.sin(2 * math.pi * hz * warped) * torch.exp(-decay * time)
        wave += partials.level[:, index, None, None] * tone
    return wave


def soften(time: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Smooth step from 0 at 0 to 1 at 1, flat at both ends."""
    time = time.clamp(0, 1)
    return time * time * (3 - 2 * time)


def soft_limit(wave: Waveform) -> Waveform:
    """Leave samples up to 0.8 as they are and bend louder ones so that none reaches 1."""
    over = wave.abs() - _KNEE
    limited = _KNEE + (1 - _KNEE) * torch.tanh(over / (1 - _KNEE))
    return torch.where(over > 0, wave.sign() * limited, wave)


def noise_band(
    seeds: Sequence[torch.Generator], length: int, low_hz: float, high_hz: float
) -> Float[Tensor, "n s"]:
    """Draw noise between two frequencies, with edges of half an octave, of unit power.

    Args:
        seeds: A generator a sound.
        length: Number of samples.
        low_hz: Lower edge, at -3 dB.
        high_hz: Upper edge, at -3 dB.

    Returns:
        Noise; its power is one over the next multiple of 1024 samples, which are quick to filter.
    """
    whole = -(-length // _GRAIN) * _GRAIN
    white = torch.stack([torch.randn(whole, generator=seed) for seed in seeds])
    hz = torch.fft.rfftfreq(whole, 1 / SAMPLE_RATE_HZ).clamp(min=1.0)
    shape = (1 + (low_hz / hz) ** 8).rsqrt() * (1 + (hz / high_hz) ** 8).rsqrt()
    noise = torch.fft.irfft(torch.fft.rfft(white) * shape, whole)
    return (noise / noise.square().mean(-1, keepdim=True).sqrt())[:, :length]


def check_batch(clips: int, seeds: int, num_samples: int) -> None:
    """Refuse a batch whose seeds do not fit its clips.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    if clips != seeds:
        raise ValueError(f"give a seed a clip: got {clips} clips and {seeds} seeds")
    if num_samples < 0:
        raise ValueError(f"num_samples must be at least 0, got {num_samples}")
