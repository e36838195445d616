"""What the probe of looks and voices is shown, and what it says of a clip."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from openreels.evaluation.sounds import sound_levels
from openreels.models.probe.world import WorldProbe
from openreels.stage.events import Spoken
from openreels.stage.scene import (
    EFFECTS,
    EXPRESSIONS,
    MATERIALS,
    PLACES,
    STYLES,
    TIMES_OF_DAY,
    WEATHERS,
)
from openreels.stage.speech import VOICES, VOWELS

NUM_LOOKS = 9
"""Frames of a clip that are read."""
_ROOM = 1.5
"""Half side of the picture of an actor over the radius of a disc of its area."""
FACES = ("none", *EXPRESSIONS)
AFFECTED = ("none", *EFFECTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneLooks:
    """What a whole clip looks like."""

    style: str
    weather: str
    place: str
    time_of_day: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ActorLooks:
    """What one actor looks like."""

    material: str
    face: str
    """Its expression, or none."""
    effect: str
    """What happens to it, or none."""


def some_frames(count: int, wanted: int = NUM_LOOKS) -> Tensor:
    """Indices of evenly spaced frames, the first and the last among them."""
    return torch.linspace(0, count - 1, min(wanted, max(2, count))).round().long()


def crops_of(
    frames: Float[Tensor, "n 3 H W"], cover: Float[Tensor, "n h w"], side: int
) -> Float[Tensor, "n 3 s s"]:
    """Cut one actor out of frames: a square about its middle, scaled to its size.

    Args:
        frames: Pixels in [-1, 1].
        cover: Where the actor is, in [0, 1], on any grid of the same shape.
        side: Pixels a side of the result.

    Returns:
        Pictures in [-1, 1]; where the actor is not seen, the middle of the frame.
    """
    rows, columns = cover.shape[1:]
    height, width = frames.shape[2:]
    weight = cover * (cover > 0.3)
    mass = weight.sum((1, 2))
    y = (weight.sum(2) * (torch.arange(rows) + 0.5)).sum(1) / mass.clamp_min(1e-6) / rows
    x = (weight.sum(1) * (torch.arange(columns) + 0.5)).sum(1) / mass.clamp_min(1e-6) / columns
    seen = mass > 1.0
    x, y = (torch.where(seen, v, torch.full_like(v, 0.5)) for v in (x, y))
    usual = mass[seen].median() if bool(seen.any()) else torch.tensor(rows * rows / 16.0)
    half = _ROOM * (usual / torch.pi).sqrt() / rows  # in heights of the picture
    turn = torch.zeros(len(frames), 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = 2 * half * height / width, 2 * half
    turn[:, 0, 2], turn[:, 1, 2] = 2 * x - 1, 2 * y - 1
    grid = functional.affine_grid(turn, [len(frames), 3, side, side], align_corners=False)
    return functional.grid_sample(frames, grid, padding_mode="border", align_corners=False)


def look_at_scene(probe: WorldProbe, pixels: Float[Tensor, "3 F H W"]) -> SceneLooks:
    """Name style, weather, place and light of a clip."""
    frames = rearrange(pixels[:, some_frames(pixels.shape[1])], "c f h w -> 1 f c h w")
    with torch.no_grad():
        read = probe.read_scene(frames)
    return SceneLooks(
        style=STYLES[int(read.style.argmax())],
        weather=WEATHERS[int(read.weather.argmax())],
        place=PLACES[int(read.place.argmax())],
        time_of_day=TIMES_OF_DAY[int(read.light.argmax())],
    )


def look_at_actor(
    probe: WorldProbe, pixels: Float[Tensor, "3 F H W"], cover: Float[Tensor, "F h w"]
) -> ActorLooks:
    """Name material, face and effect of the actor that is covered."""
    index = some_frames(pixels.shape[1])
    frames = rearrange(pixels[:, index], "c f h w -> f c h w")
    with torch.no_grad():
        read = probe.read_actor(crops_of(frames, cover[index], probe.config.crop)[None])
    return ActorLooks(
        material=MATERIALS[int(read.material.argmax())],
        face=FACES[int(read.face.argmax())],
        effect=AFFECTED[int(read.effect.argmax())],
    )


def hear_syllables(
    probe: WorldProbe, waveform: Float[Tensor, "2 s"], syllables: tuple[Spoken, ...]
) -> list[tuple[str, str]]:
    """Name voice and vowel at the time of each syllable."""
    if not syllables:
        return []
    config = probe.sound_config
    levels = [sound_levels(waveform, one.vowel_s, config) for one in syllables]
    with torch.no_grad():
        voices, vowels = probe.read_syllable(torch.stack(levels))
    names = tuple(VOWELS)
    return [
        (VOICES[v], names[w])
        for v, w in zip(voices.argmax(1).tolist(), vowels.argmax(1).tolist(), strict=True)
    ]
