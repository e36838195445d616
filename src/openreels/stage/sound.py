"""Impact sounds by modal synthesis: material, size, shape, speed and place become timbre and pan.

Every impact is a sum of damped partials: a few of the body, and a dense bunch that dies within
milliseconds and sounds as a click. Partials have a closed form, so an impact starts exactly at its
contact time, between two samples where need be. All numbers here are ours, tuned by ear.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    ear_onsets,
    glide,
    heard,
    ring,
    soft_limit,
    struck_gains,
)
from openreels.stage.scene import Contact, Material, Shape, Size, Surface

_ATTACK_S = 0.00025
_ATTACK_SAMPLES = 512
_CLICK_PARTIALS = 14
_HIGHEST_HZ = 17_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timbre:
    pitch_hz: float
    """First partial of the medium size."""
    ratios: tuple[float, ...]
    """Partials over the first."""
    levels: tuple[float, ...]
    """Their amplitudes at full speed."""
    decay_s: float
    """Time to -60 dB of the first partial."""
    damping: float
    """How much faster high partials die: exponent over the ratio."""
    drop: float
    """How far above its rest the pitch starts, as a fraction of it."""
    gain: float
    """Overall level."""
    click: float
    """Level of the click."""
    click_hz: tuple[float, float]
    """Band of the click."""


_TIMBRES: dict[Material, _Timbre] = {
    "rubber": _Timbre(
        pitch_hz=130.0,
        ratios=(1.0, 1.58, 2.31, 3.1),
        levels=(1.0, 0.4, 0.15, 0.06),
        decay_s=0.16,
        damping=0.7,
        drop=1.1,
        gain=0.75,
        click=0.05,
        click_hz=(300.0, 1_800.0),
    ),
    "wood": _Timbre(
        pitch_hz=420.0,
        ratios=(1.0, 2.57, 4.64, 6.98, 9.72),
        levels=(1.0, 0.55, 0.3, 0.16, 0.08),
        decay_s=0.2,
        damping=0.5,
        drop=0.06,
        gain=0.72,
        click=0.16,
        click_hz=(900.0, 5_000.0),
    ),
    "metal": _Timbre(
        pitch_hz=560.0,
        ratios=(1.0, 1.52, 2.09, 2.74, 3.6, 4.47, 5.63, 7.05),
        levels=(0.75, 1.0, 0.8, 0.7, 0.55, 0.45, 0.35, 0.25),
        decay_s=0.95,
        damping=0.35,
        drop=0.0,
        gain=0.72,
        click=0.12,
        click_hz=(2_500.0, 11_000.0),
    ),
    "glass": _Timbre(
        pitch_hz=1_750.0,
        ratios=(1.0, 1.83, 2.69, 3.93, 5.37),
        levels=(1.0, 0.55, 0.4, 0.25, 0.15),
        decay_s=0.45,
        damping=0.3,
        drop=0.0,
        gain=0.6,
        click=0.1,
        click_hz=(5_000.0, 15_000.0),
    ),
}
_SIZE_PITCH: dict[Size, float] = {"small": 1.65, "medium": 1.0, "large": 0.6}
_SIZE_DECAY: dict[Size, float] = {"small": 0.85, "medium": 1.0, "large": 1.15}
_SHAPE_STRETCH: dict[Shape, float] = {
    "ball": 1.0,
    "cube": 0.96,
    "pyramid": 1.03,
    "star": 1.06,
    "ring": 0.92,
}
_SHAPE_TILT: dict[Shape, float] = {
    "ball": 0.0,
    "cube": -0.15,
    "pyramid": 0.1,
    "star": 0.25,
    "ring": 0.15,
}
_SURFACE_TILT: dict[Surface, float] = {"floor": 0.0, "wall": -0.1, "post": 0.1, "actor": 0.05}


def fundamental_hz(material: Material, size: Size) -> float:
    """Frequency of the first partial that a material and a size ring at."""
    return _TIMBRES[material].pitch_hz * _SIZE_PITCH[size]


def ring_s(material: Material, size: Size) -> float:
    """Time for which an impact sounds, until 60 dB below its start."""
    return _TIMBRES[material].decay_s * _SIZE_DECAY[size]


def render_audio(
    contacts: Sequence[Sequence[Contact]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise the sound of contacts; between and before them there is true silence.

    Args:
        contacts: The contacts of each clip, in any order; one after the end is not heard.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip: decides the grain of the clicks and a slight detuning of each actor.

    Returns:
        Sound in [-1, 1]. Impacts add up linearly until 0.8, above which a soft limit sets in.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    return soft_limit(render_impacts(contacts, num_samples, seeds))


def render_impacts(
    contacts: Sequence[Sequence[Contact]], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise contacts as ``render_audio`` does, without its limit, to mix with other sounds.

    Args:
        contacts: The contacts of each clip, in any order; one after the end is not heard.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip.

    Returns:
        Sound that adds up linearly, and may exceed 1.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(contacts), len(seeds), num_samples)
    mix = torch.zeros(len(contacts), 2, num_samples)
    audible = heard(contacts, num_samples)
    for material in _TIMBRES:
        mine = [(clip, contact) for clip, contact in audible if contact.material == material]
        if mine:
            _add_impacts(mix, mine, seeds)
    return mix


def _add_impacts(mix: Waveform, mine: Sequence[tuple[int, Contact]], seeds: Sequence[int]) -> None:
    timbre = _TIMBRES[mine[0][1].material]
    items = [contact for _, contact in mine]
    onsets = ear_onsets([contact.time_s for contact in items], [contact.x for contact in items])
    length = round(max(ring_s(c.material, c.size) for c in items) * SAMPLE_RATE_HZ)
    waves = _impacts(timbre, items, onsets.offset, length, _grain(mine, seeds))
    add_sounds(mix, [clip for clip, _ in mine], onsets.first, waves * struck_gains(items))


def _grain(mine: Sequence[tuple[int, Contact]], seeds: Sequence[int]) -> Float[Tensor, "n p"]:
    """Random numbers in [0, 1) of a contact: its click's grain, then its actor's detuning."""
    rows: list[Tensor] = []
    tuning: dict[tuple[int, int], Tensor] = {}
    for clip, contact in mine:
        key = (seeds[clip], contact.actor)
        if key not in tuning:
            tuning[key] = torch.rand(8, generator=generator(key[0], "tuning", key[1]))
        moment = round(contact.time_s * 1e6)
        click = generator(seeds[clip], "click", contact.actor, moment)
        rows.append(torch.cat((torch.rand(2 * _CLICK_PARTIALS, generator=click), tuning[key])))
    return torch.stack(rows)


def _impacts(
    timbre: _Timbre,
    items: Sequence[Contact],
    offset: Float[Tensor, "n 2"],
    length: int,
    grain: Float[Tensor, "n p"],
) -> Float[Tensor, "n 2 s"]:
    body = _body(timbre, items, grain[:, 2 * _CLICK_PARTIALS :])
    click = _click(timbre, items, grain[:, : 2 * _CLICK_PARTIALS])
    drop = timbre.drop
    wave = glide(body, offset, length, drop) if drop else ring(body, offset, length)
    brief = min(length, round(0.03 * SAMPLE_RATE_HZ))
    wave[..., :brief] += ring(click, offset, brief)
    time = (torch.arange(min(length, _ATTACK_SAMPLES)) + offset[..., None]) / SAMPLE_RATE_HZ
    wave[..., : time.shape[-1]] *= 1 - torch.exp(-time / _ATTACK_S)
    fade = length // 4
    wave[..., length - fade :] *= torch.linspace(1, 0, fade)
    return wave * timbre.gain


def _body(timbre: _Timbre, items: Sequence[Contact], tuning: Float[Tensor, "n p"]) -> Partials:
    ratios = torch.tensor(timbre.ratios)[None]
    pitch = _column([fundamental_hz(c.material, c.size) for c in items])
    stretch = _column([_SHAPE_STRETCH[c.shape] for c in items])
    tilt = _column([_SHAPE_TILT[c.shape] + _SURFACE_TILT[c.surface] for c in items])
    tilt = tilt - _column([0.9 * (1 - c.speed) for c in items])
    detune = 1 + 0.02 * (tuning[:, : ratios.shape[1]] - 0.5)
    hz = pitch * ratios**stretch * detune
    level = torch.tensor(timbre.levels)[None] * ratios**tilt
    level = level / level.sum(dim=1, keepdim=True).clamp(min=1) * (hz < _HIGHEST_HZ)
    rate = 6.9 / _column([ring_s(c.material, c.size) for c in items])
    return Partials(hz, level, rate * ratios**timbre.damping, torch.zeros_like(hz))


def _click(timbre: _Timbre, items: Sequence[Contact], grain: Float[Tensor, "n p"]) -> Partials:
    pitch, phase = grain.chunk(2, dim=1)
    low, high = timbre.click_hz
    size = _column([_SIZE_PITCH[c.size] ** 0.5 for c in items])
    speed = _column([c.speed for c in items])
    hz = (low * (high / low) ** pitch * size).clamp(max=_HIGHEST_HZ)
    level = timbre.click * (0.25 + 0.75 * speed) * torch.ones_like(hz)
    rate = 1 / (0.0012 + 0.6 / hz)
    return Partials(hz, level, rate, 2 * math.pi * phase)


def _column(values: Sequence[float]) -> Float[Tensor, "n 1"]:
    return torch.tensor(values)[:, None]
