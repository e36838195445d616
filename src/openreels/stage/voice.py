"""Voices that speak and sing: a source of pulses and breath, filtered by moving formants.

The source is a train of band-limited pulses, which has a closed form in the phase of the pitch.
Frames of it are filtered by the product of seven resonances, evaluated on the frequency axis and
normalised at the harmonics, so that ``speech.energy`` is the level of the voice. Hiss and bursts
are added at their times.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from einops import rearrange
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn import functional

from openreels.core.arrays import Waveform
from openreels.core.seeding import generator
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import (
    add_sounds,
    check_batch,
    ear_gains,
    ear_onsets,
    noise_band,
    soften,
)
from openreels.stage.speech import (
    CONSONANTS,
    TIMBRES,
    VOWELS,
    Syllable,
    Utterance,
    energy,
    moments,
    pitch_hz,
)

VOICE_LEVEL = 0.13
"""Root mean square of a full "a"."""

_HOP = 256
_FFT = 2048
_HIGHEST_HZ = 12_000.0
_HIGH_FORMANTS_HZ = (3_400.0, 4_500.0, 5_600.0, 6_800.0)
_WIDTHS_HZ = (75.0, 90.0, 130.0, 190.0, 260.0, 340.0, 450.0)
_HARMONICS = 48
_BREATH = 40.0
_JITTER_CENTS = 3.0


@dataclass(frozen=True, slots=True)
class _Sound:
    """A waveform and the clip, time and place that it belongs to."""

    clip: int
    time_s: float
    wave: Float[Tensor, " s"]


def render_voices(
    utterances: Sequence[Sequence[Utterance]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise what is said and sung; between syllables there is true silence.

    Args:
        utterances: The utterances of each clip, in any order; what is after the end is not heard.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip: decides breath, hiss and a jitter of the pitch of a few cents.

    Returns:
        Sound that adds up linearly, within [-1, 1] for one voice.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(utterances), len(seeds), num_samples)
    mix = torch.zeros(len(utterances), 2, num_samples)
    for clip, items in enumerate(utterances):
        for index, one in enumerate(items):
            if one.syllables[0].start_s * SAMPLE_RATE_HZ < num_samples:
                _add(mix, one, _speak(one, clip, (seeds[clip], index)))
                for syllable in one.syllables:
                    if CONSONANTS[syllable.text[:-1]].noise:
                        _add(mix, one, _hiss(one, syllable, clip, (seeds[clip], index)))
    return mix


def place(utterance: Utterance, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Where in the picture a voice is.

    Args:
        utterance: Its path, or its one place.
        times: Seconds from the start of the clip.

    Returns:
        -1 left edge to 1 right edge; float64.
    """
    if not utterance.path:
        return torch.full_like(times, utterance.x, dtype=torch.float64).clamp(-1, 1)
    keys = torch.tensor(utterance.path, dtype=torch.float64)
    after = torch.searchsorted(keys[:, 0].contiguous(), times.double()).clamp(1, len(keys) - 1)
    start, end = keys[(after - 1).clamp(min=0)], keys[after.clamp(max=len(keys) - 1)]
    share = (times - start[:, 0]) / (end[:, 0] - start[:, 0]).clamp(min=1e-9)
    return (start[:, 1] + (end[:, 1] - start[:, 1]) * share.clamp(0, 1)).clamp(-1, 1)


def _add(mix: Waveform, one: Utterance, sound: _Sound) -> None:
    """Add a sound; one that moves keeps the delay of its ears for a syllable, not its gains."""
    if not one.path:
        onset = ear_onsets([sound.time_s], [one.x])
        gains = torch.tensor(ear_gains(one.x))[None, :, None]
        add_sounds(mix, [sound.clip], onset.first, sound.wave * gains)
        return
    times = _grid(sound.time_s, len(sound.wave))
    angle = (place(one, times) + 1) * math.pi / 4
    wave = sound.wave * torch.stack((angle.cos(), angle.sin())).float()
    first = math.ceil(sound.time_s * SAMPLE_RATE_HZ)
    marks = [math.ceil(s.start_s * SAMPLE_RATE_HZ) - first for s in one.syllables]
    marks = [0, *(mark for mark in marks if 0 < mark < len(times)), len(times)]
    for begin, end in pairwise(marks):
        middle = place(one, times[(begin + end) // 2][None])
        onset = ear_onsets([sound.time_s], middle.tolist())
        add_sounds(mix, [sound.clip], onset.first + begin, wave[None, :, begin:end])


def _grid(start_s: float, length: int) -> Float[Tensor, " s"]:
    """Times of the samples from the first one at or after a time."""
    first = math.ceil(start_s * SAMPLE_RATE_HZ)
    return (first + torch.arange(length, dtype=torch.float64)) / SAMPLE_RATE_HZ


def _speak(one: Utterance, clip: int, seed: tuple[int, int]) -> _Sound:
    start_s = one.syllables[0].start_s
    length = math.ceil((one.end_s - start_s) * SAMPLE_RATE_HZ / _HOP) * _HOP
    times = _grid(start_s, length)
    pitch = pitch_hz(one, times)
    draw = generator(seed[0], "voice", seed[1])
    pitch = pitch * _jitter(times, draw)
    phase = 2 * math.pi * (pitch / SAMPLE_RATE_HZ).cumsum(0)
    breath = torch.randn(length, generator=draw)
    breath = TIMBRES[one.voice].breath * functional.pad(breath, (1, 0)).diff()
    source = _pulses(phase, float(pitch.max())) + _BREATH * breath * (
        0.6 + 0.4 * phase.cos().float()
    )
    every = torch.arange(0, length + 1, _HOP)
    frames = times[0] + (every + _HOP) / SAMPLE_RATE_HZ
    tone = pitch[every.clamp(max=length - 1)]
    shaped = _filter(source, _response(one, frames, tone))
    wave = VOICE_LEVEL * shaped * energy(one, times).float()
    return _Sound(clip, start_s, wave)


def _jitter(times: Float[Tensor, " s"], draw: torch.Generator) -> Float[Tensor, " s"]:
    """A voice is never quite steady: three slow sines of random phase and rate, as a ratio."""
    rate, phase = 5 + 9 * torch.rand(3, generator=draw), 2 * math.pi * torch.rand(3, generator=draw)
    sines = torch.sin(2 * math.pi * rate[:, None] * times + phase[:, None])
    return 2 ** (_JITTER_CENTS / 1200 * sines.sum(0))


def _pulses(phase: Float[Tensor, " s"], highest_hz: float) -> Float[Tensor, " s"]:
    """Sum of equal harmonics up to 12 kHz (the Dirichlet kernel), each of amplitude 1."""
    count = int(_HIGHEST_HZ / highest_hz)
    half = phase / 2
    below = half.sin()
    flat = below.abs() < 1e-6
    kernel = ((2 * count + 1) * half).sin() / torch.where(flat, 1.0, below)
    return torch.where(flat, 2.0 * count, kernel - 1).float()


def _formants(one: Utterance, times: Float[Tensor, " t"]) -> Float[Tensor, "t 7"]:
    now, items = moments(one, times), one.syllables
    onset = torch.tensor([CONSONANTS[s.text[:-1]].locus_hz for s in items], dtype=torch.float64)
    aim = torch.tensor([VOWELS[s.text[-1]].formants_hz for s in items], dtype=torch.float64)
    lead = torch.tensor([s.lead_s for s in items], dtype=torch.float64)
    slow = torch.tensor([CONSONANTS[s.text[:-1]].glide_s for s in items], dtype=torch.float64)
    moved = soften((now.since - 0.8 * lead[now.index]) / slow[now.index])
    low = onset[now.index] + (aim - onset)[now.index] * moved[:, None]
    high = torch.tensor(_HIGH_FORMANTS_HZ, dtype=torch.float64).expand(len(times), -1)
    return torch.cat((low, high), dim=1) * TIMBRES[one.voice].scale


def _response(
    one: Utterance, times: Float[Tensor, " t"], pitch: Float[Tensor, " t"]
) -> Complex[Tensor, "t k"]:
    """Complex response of throat and mouth a frame, for a voice of unit power at that pitch."""
    voice = TIMBRES[one.voice]
    peak = _formants(one, times)
    peak = torch.cat((torch.maximum(peak[:, :1], 0.95 * pitch[:, None]), peak[:, 1:]), dim=1)
    width = torch.tensor(_WIDTHS_HZ, dtype=torch.float64) * voice.scale
    hz = torch.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)
    squared = (peak**2 + (width / 2) ** 2).float()[..., None]
    flow = torch.complex(squared - hz**2, (width.float()[:, None] * hz).expand(len(times), 7, -1))
    response = (squared / flow).prod(1)
    now = moments(one, times)
    lips = torch.tensor([CONSONANTS[s.text[:-1]].muffled for s in one.syllables])
    muffled = (lips[now.index] * (1 - now.opened)).float()[:, None]
    tilt = (1 + (hz / voice.tilt_hz) ** 2).rsqrt() * (1 + (hz / 9_000.0) ** 8).rsqrt()
    tilt = tilt * (hz / (hz + 60.0)) * (1 + muffled * (hz / 450.0) ** 2).reciprocal()
    response = response * tilt
    return response / _level(response, pitch)[:, None]


def _level(response: Complex[Tensor, "t k"], pitch: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Root mean square of the harmonics of a pulse train (amplitude 2 each) after a response."""
    hz = torch.arange(1, _HARMONICS + 1) * pitch.float()[:, None]
    place = (hz * (_FFT / SAMPLE_RATE_HZ)).clamp(max=_FFT // 2 - 1)
    low = place.long()
    power = response.abs().square()
    below, above = power.gather(1, low), power.gather(1, low + 1)
    power = (below + (above - below) * (place - low)) * (hz < _HIGHEST_HZ)
    return (2 * power).sum(1).sqrt()


def _filter(source: Float[Tensor, " s"], response: Complex[Tensor, "t k"]) -> Float[Tensor, " s"]:
    """Filter overlapping windows of the source, each with its own response, and add them up."""
    length = len(source)
    windows = functional.pad(source, (_HOP, _HOP)).unfold(0, 2 * _HOP, _HOP)
    windows = windows * torch.hann_window(2 * _HOP)
    rung = torch.fft.irfft(torch.fft.rfft(windows, _FFT) * response, _FFT)
    pieces = rearrange(rung, "t (n h) -> n t h", h=_HOP)
    wave = torch.zeros(len(response) + len(pieces), _HOP)
    for index, piece in enumerate(pieces):
        wave[index : index + len(response)] += piece
    return wave.flatten()[_HOP : _HOP + length]


def _hiss(one: Utterance, syllable: Syllable, clip: int, seed: tuple[int, int]) -> _Sound:
    sound = CONSONANTS[syllable.text[:-1]]
    stretch = syllable.lead_s / sound.lead_s
    start_s = syllable.start_s + (syllable.lead_s if sound.late else 0.0)
    last = sound.noise_s * stretch
    length = math.ceil(last * SAMPLE_RATE_HZ / 16) * 16
    since = _grid(start_s, length) - start_s
    draw = generator(seed[0], "hiss", seed[1], round(syllable.start_s * 1e6))
    scale = TIMBRES[one.voice].scale ** 0.5
    noise = noise_band([draw], length, sound.noise_hz[0] * scale, sound.noise_hz[1] * scale)[0]
    if sound.hiss:
        shape = soften(since / 0.02 / stretch) * soften((last - since) / 0.03 / stretch)
    else:
        shape = soften(since / 0.001) * torch.exp(-4 * since / last) * soften((last - since) / 0.01)
    return _Sound(clip, start_s, sound.noise * (noise * shape).float())
