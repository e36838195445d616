"""Endless sound for the audio autoencoder: the Stage world, and other sounds so that it copes."""

import math
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Generator, Tensor

from openreels.core.arrays import Waveform
from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN
from openreels.stage.heard import render_scene_sounds
from openreels.stage.scene import MATERIALS, SHAPES, SIZES, Contact, Surface
from openreels.stage.sound import render_audio
from openreels.stage.world import WorldSettings, sample_scene

ALL_SOUNDS = WorldSettings(
    speech_share=0.4, song_share=0.4, narrator_share=0.3, instrument_share=0.5, music_share=0.5,
    ambience_share=0.5, weather_share=0.3,
)  # fmt: skip
"""A world with everything that sounds."""

_SURFACES: tuple[Surface, ...] = ("floor", "wall", "post", "actor")
_TAIL_S = 0.6
_VOWELS_HZ = (
    (730.0, 1_090.0, 2_440.0),
    (270.0, 2_290.0, 3_010.0),
    (300.0, 870.0, 2_240.0),
    (530.0, 1_840.0, 2_480.0),
    (570.0, 840.0, 2_410.0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundMix:
    """What a batch consists of."""

    tokens: int = 28
    """Length of a clip in tokens."""
    clips: int = 10
    """Clips in a batch."""
    impacts: float = 0.7
    """Share of clips with stage impacts; the others are scenes, or tones, voices and noise."""
    scenes: float = 0.0
    """Share of clips cut out of whole scenes: with all that sounds in ``world``."""
    world: WorldSettings = ALL_SOUNDS
    """What those scenes hold; a scene is longer than a clip, so that one begins anywhere."""
    most_contacts: int = 5
    """Most impacts in a clip."""

    def __post_init__(self) -> None:
        if min(self.impacts, self.scenes) < 0 or self.impacts + self.scenes > 1:
            raise ValueError(
                "impacts and scenes are shares of the clips, at least 0 and together at most 1, "
                f"got {self.impacts} and {self.scenes}; lower one"
            )


def random_contacts(duration_s: float, most: int, draw: Generator) -> list[Contact]:
    """Independent random impacts, some of which began before the clip.

    Args:
        duration_s: Length of the clip.
        most: Largest number of impacts; zero happens too.
        draw: Source of chance.
    """

    def number(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=draw))

    def index(count: int) -> int:
        return int(torch.randint(count, (), generator=draw))

    count = 0 if number(0.0, 1.0) < 0.08 else 1 + index(most)
    return [
        Contact(
            time_s=number(-_TAIL_S, duration_s),
            actor=index(3),
            surface=_SURFACES[index(len(_SURFACES))],
            speed=number(0.05, 1.0),
            x=number(-1.0, 1.0),
            material=MATERIALS[index(len(MATERIALS))],
            size=SIZES[index(len(SIZES))],
            shape=SHAPES[index(len(SHAPES))],
        )
        for _ in range(count)
    ]


def sound_batch(mix: SoundMix, seed: int, step: int) -> Waveform:
    """The batch of a step, the same on every machine.

    Args:
        mix: What it consists of.
        seed: Seed of the whole run.
        step: Which batch.
    """
    draw = generator(seed, "sounds", step)
    samples = mix.tokens * SAMPLES_PER_TOKEN
    impacts = round(mix.impacts * mix.clips)
    contacts = [
        random_contacts(samples / SAMPLE_RATE_HZ, mix.most_contacts, draw) for _ in range(impacts)
    ]
    seeds = torch.randint(2**31, (impacts,), generator=draw).tolist()
    parts = [render_audio(contacts, samples, seeds)]
    scenes = min(round(mix.scenes * mix.clips), mix.clips - impacts)
    if impacts + scenes < mix.clips:
        parts.append(other_sounds(mix.clips - impacts - scenes, samples, draw))
    if scenes:
        parts.append(scene_sounds(mix.world, scenes, samples, seed, step))
    return torch.cat(parts)


def scene_sounds(world: WorldSettings, clips: int, samples: int, seed: int, step: int) -> Waveform:
    """Cut clips out of the sound of whole scenes, of which no two steps have the same.

    Args:
        world: What the scenes hold.
        clips: How many.
        samples: Length of each, at most that of a scene.
        seed: Seed of the whole run.
        step: Which batch.

    Raises:
        ValueError: If a clip is longer than a scene.
    """
    whole = round(world.duration_s * SAMPLE_RATE_HZ)
    if samples > whole:
        raise ValueError(
            f"a clip is cut out of a scene of {world.duration_s:g} s, got {samples} samples, which "
            "are more; lengthen the scenes or shorten the clips"
        )
    source = derive_seed(seed, "scenes") % 2**31
    indices = range(step * clips, (step + 1) * clips)
    drawn = [sample_scene(source, index, settings=world) for index in indices]
    waves = render_scene_sounds(drawn, whole, list(indices))
    draw = generator(seed, "cuts", step)
    starts = torch.randint(whole - samples + 1, (clips,), generator=draw).tolist()
    return torch.stack([
        wave[:, start : start + samples] for wave, start in zip(waves, starts, strict=True)
    ])


def other_sounds(clips: int, samples: int, draw: Generator) -> Waveform:
    """Tones, chirps, voice-like syllables and filtered noise, with random gain, gate and place.

    Args:
        clips: How many.
        samples: Length of each.
        draw: Source of chance.
    """
    kinds = (_tones, _voice, _noise)
    chosen = torch.randint(len(kinds), (clips,), generator=draw).tolist()
    mono = torch.stack([kinds[kind](samples, draw) for kind in chosen])
    mono = mono / mono.abs().amax(-1, keepdim=True).clamp(min=1e-6)
    level = 10 ** (-1.5 * torch.rand(clips, 1, generator=draw)) * 0.9
    mono = mono * level * _gates(clips, samples, draw)
    angle = torch.rand(clips, 1, generator=draw) * math.pi / 2
    return torch.stack((mono * angle.cos(), mono * angle.sin()), dim=1)


def _gates(clips: int, samples: int, draw: Generator) -> Float[Tensor, "b s"]:
    """Slow random envelopes: each clip begins and ends somewhere, within 1 to 100 ms."""
    time = torch.arange(samples) / samples
    begin = 1.2 * torch.rand(clips, 1, generator=draw) - 0.6
    end = begin + 0.2 + 1.2 * torch.rand(clips, 1, generator=draw)
    edge = 10 ** (-3 + 2 * torch.rand(clips, 1, generator=draw)) * SAMPLE_RATE_HZ / samples
    rise, fall = (time - begin) / edge, (end - time) / edge
    return torch.minimum(rise, fall).clamp(0, 1)


def _log_uniform(low: float, high: float, draw: Generator, *shape: int) -> Tensor:
    return low * (high / low) ** torch.rand(shape, generator=draw)


def _tones(samples: int, draw: Generator) -> Float[Tensor, " s"]:
    """One to six sines, steady or gliding, harmonic or not."""
    time = torch.arange(samples) / SAMPLE_RATE_HZ
    count = int(torch.randint(1, 7, (), generator=draw))
    base = _log_uniform(60.0, 2_000.0, draw, 1)
    harmonic = bool(torch.rand((), generator=draw) < 0.5)
    ratios = torch.arange(1, count + 1) if harmonic else _log_uniform(1.0, 8.0, draw, count)
    glide = torch.randn((), generator=draw) * float(torch.rand((), generator=draw) < 0.5)
    warped = time + 0.5 * glide * time.square() / time[-1]
    phase = 2 * math.pi * torch.rand(count, 1, generator=draw)
    levels = torch.rand(count, 1, generator=draw) / torch.arange(1, count + 1)[:, None]
    waves = torch.sin(2 * math.pi * (base * ratios)[:, None] * warped + phase)
    return (levels * waves * ((base * ratios)[:, None] < 16_000)).sum(0)


def _noise(samples: int, draw: Generator) -> Float[Tensor, " s"]:
    """Noise with a random smooth spectrum."""
    spectrum = torch.fft.rfft(torch.randn(samples, generator=draw))
    hz = torch.arange(len(spectrum)) * SAMPLE_RATE_HZ / samples
    centre, width = _log_uniform(100.0, 10_000.0, draw, 1), _log_uniform(0.2, 3.0, draw, 1)
    shape = torch.exp(-((torch.log(hz.clamp(min=1) / centre) / width) ** 2))
    return torch.fft.irfft(spectrum * shape, n=samples)


def _voice(samples: int, draw: Generator) -> Float[Tensor, " s"]:
    """Harmonics under moving formants, with the rhythm of syllables."""
    frames = samples // SAMPLES_PER_TOKEN + 2
    anchors = torch.randint(len(_VOWELS_HZ), (2 + frames // 8,), generator=draw)
    formants = torch.tensor(_VOWELS_HZ)[anchors] * (0.85 + 0.3 * torch.rand((), generator=draw))
    formants = _stretch(formants.T, samples)
    time = torch.arange(samples) / SAMPLE_RATE_HZ
    pitch = _stretch(
        _log_uniform(80.0, 330.0, draw, 1) * _log_uniform(0.8, 1.25, draw, 1, 4), samples
    )
    phase = 2 * math.pi * pitch[0].cumsum(0) / SAMPLE_RATE_HZ
    harmonics = torch.arange(1, 25)[:, None]
    hz = harmonics * pitch
    gain = sum(torch.exp(-(((hz - f) / 120) ** 2)) / (i + 1) for i, f in enumerate(formants))
    rate = _log_uniform(2.0, 7.0, draw, 1)
    rhythm = (torch.sin(2 * math.pi * (rate * time + torch.rand(1, generator=draw))) + 0.6).clamp(0)
    return ((gain + 0.02 / harmonics) * torch.sin(phase * harmonics)).sum(0) * rhythm


def _stretch(values: Float[Tensor, "n a"], samples: int) -> Float[Tensor, "n s"]:
    return rearrange(
        torch.nn.functional.interpolate(
            repeat(values, "n a -> 1 n a"), samples, mode="linear", align_corners=True
        ),
        "1 n s -> n s",
    )
