"""A bell and a drum, struck at exact times: size is pitch, speed is loudness, place is pan.

Both are damped partials, as the impacts of ``stage.sound`` are: those of a church bell, with pairs
that beat, and those of a round membrane, whose pitch falls, with the noise of its skin. All numbers
but the ratios of the partials are ours, tuned by looking at spectrograms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import Waveform
from openreels.core.seeding import generator
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import (
    Onsets,
    Partials,
    add_sounds,
    check_batch,
    ear_onsets,
    glide,
    heard,
    noise_band,
    ring,
    struck_gains,
)
from openreels.stage.events import INSTRUMENTS, Instrument, Size, Strike

_ATTACK_S = 0.0004
_SKIN_S = 0.16
_SKIN_DECAY_S = 0.03
_DROP = 0.55


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    pitch_hz: dict[Size, float]
    """The pitch that is heard."""
    ring_s: dict[Size, float]
    """Time to -60 dB of the slowest partial."""
    ratios: tuple[float, ...]
    """Partials over the pitch that is heard."""
    levels: tuple[float, ...]
    """Their amplitudes at full speed."""
    damping: float
    """How much faster high partials die: exponent over the ratio to the lowest."""
    gain: float
    """Overall level."""


_BODIES: dict[Instrument, _Body] = {
    "bell": _Body(
        pitch_hz={"small": 1_046.5, "medium": 659.26, "large": 392.0},
        ring_s={"small": 3.2, "medium": 4.2, "large": 5.0},
        ratios=(0.5, 1.0, 1.2, 1.5, 2.0, 2.67, 3.0, 4.0, 5.33, 6.67),
        levels=(0.4, 0.55, 0.5, 0.22, 0.7, 0.26, 0.4, 0.26, 0.16, 0.1),
        damping=0.5,
        gain=0.62,
    ),
    "drum": _Body(
        pitch_hz={"small": 165.0, "medium": 104.0, "large": 66.0},
        ring_s={"small": 0.4, "medium": 0.55, "large": 0.75},
        ratios=(1.0, 1.593, 2.136, 2.296, 2.653, 2.917, 3.5),
        levels=(1.0, 0.45, 0.22, 0.2, 0.14, 0.1, 0.08),
        damping=0.9,
        gain=0.85,
    ),
}


def pitch_hz(instrument: Instrument, size: Size) -> float:
    """Pitch that an instrument is heard at."""
    return _BODIES[instrument].pitch_hz[size]


def ring_s(instrument: Instrument, size: Size) -> float:
    """Time for which a strike sounds, until 60 dB below its start."""
    return _BODIES[instrument].ring_s[size]


def render_strikes(
    strikes: Sequence[Sequence[Strike]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise strikes; before each there is true silence.

    Args:
        strikes: The strikes of each clip, in any order; one after the end is not heard.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip: decides the grain of the drum's skin and how the bell beats.

    Returns:
        Sound that adds up linearly, within [-1, 1] for one strike.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(strikes), len(seeds), num_samples)
    mix = torch.zeros(len(strikes), 2, num_samples)
    audible = heard(strikes, num_samples)
    for instrument in INSTRUMENTS:
        mine = [(clip, strike) for clip, strike in audible if strike.instrument == instrument]
        if mine:
            items = [strike for _, strike in mine]
            onsets = ear_onsets([s.time_s for s in items], [s.x for s in items])
            draws = [generator(seeds[clip], "strike", s.actor, s.size) for clip, s in mine]
            waves = (_bells if instrument == "bell" else _drums)(items, onsets, draws, num_samples)
            add_sounds(mix, [c for c, _ in mine], onsets.first, waves * struck_gains(items))
    return mix


def _partials(items: Sequence[Strike]) -> Partials:
    body = _BODIES[items[0].instrument]
    ratios = torch.tensor(body.ratios)[None]
    hz = torch.tensor([[body.pitch_hz[s.size]] for s in items]) * ratios
    tilt = torch.tensor([[-0.7 * (1 - s.speed)] for s in items])
    level = torch.tensor(body.levels)[None] * ratios**tilt
    level = body.gain * level / level.sum(dim=1, keepdim=True).clamp(min=1)
    rate = 6.9 / torch.tensor([[body.ring_s[s.size]] for s in items])
    decay = rate * (ratios / ratios[:, :1]) ** body.damping
    return Partials(hz, level, decay, torch.zeros_like(hz))


def _bells(
    items: Sequence[Strike], onsets: Onsets, draws: Sequence[torch.Generator], num_samples: int
) -> Float[Tensor, "n 2 s"]:
    """Every partial is a pair some tenths of a hertz apart, which beats."""
    one = _partials(items)
    apart = 0.4 + 1.2 * torch.stack([torch.rand(one.hz.shape[1], generator=g) for g in draws])
    pair = Partials(
        torch.cat((one.hz - apart / 2, one.hz + apart / 2), dim=1),
        torch.cat((0.7 * one.level, 0.3 * one.level), dim=1),
        one.decay.repeat(1, 2),
        one.phase.repeat(1, 2),
    )
    length = _length(items, num_samples)
    return _shaped(ring(pair, onsets.offset, length), items, onsets)


def _drums(
    items: Sequence[Strike], onsets: Onsets, draws: Sequence[torch.Generator], num_samples: int
) -> Float[Tensor, "n 2 s"]:
    length = _length(items, num_samples)
    wave = glide(_partials(items), onsets.offset, length, _DROP)
    brief = min(length, round(_SKIN_S * SAMPLE_RATE_HZ))
    time = (torch.arange(brief) + onsets.offset[..., None]) / SAMPLE_RATE_HZ
    skin = noise_band(draws, brief, 180.0, 3_200.0)[:, None] * torch.exp(-time / _SKIN_DECAY_S)
    speed = torch.tensor([s.speed for s in items])[:, None, None]
    wave[..., :brief] += (0.05 + 0.1 * speed) * skin * (1 - time / _SKIN_S).clamp(min=0)
    return _shaped(wave, items, onsets)


def _length(items: Sequence[Strike], num_samples: int) -> int:
    longest = max(ring_s(s.instrument, s.size) for s in items)
    return min(num_samples, round(longest * SAMPLE_RATE_HZ))


def _shaped(
    wave: Float[Tensor, "n 2 s"], items: Sequence[Strike], onsets: Onsets
) -> Float[Tensor, "n 2 s"]:
    """Begin within half a millisecond and end in true silence after the time to -60 dB."""
    time = (torch.arange(wave.shape[-1]) + onsets.offset[..., None]) / SAMPLE_RATE_HZ
    last = torch.tensor([ring_s(s.instrument, s.size) for s in items])[:, None, None]
    fade = (4 * (1 - time / last)).clamp(0, 1)
    return wave * (1 - torch.exp(-time / _ATTACK_S)) * fade
