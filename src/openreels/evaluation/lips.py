"""Lips: the mouth's opening from pixels against the voice's loudness from samples."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.evaluation.metrics import correlation
from openreels.evaluation.voices import VoiceTrack
from openreels.stage.actors import COLOUR_VALUES
from openreels.stage.scene import Colour

_MOUTH = (0.30, 0.03, 0.07)
_TONGUE = (0.93, 0.42, 0.44)
_NEAR = 0.35
"""Colours further apart than this have nothing in common."""
_REACH_S = 0.25
_STEP_S = 0.005


@dataclass(frozen=True, kw_only=True, slots=True)
class LipSync:
    """Agreement of a mouth and a voice."""

    late_ms: float
    """How much later the voice is than the mouth, at the best agreement; nan where the mouth does
    not move or nothing is heard."""
    agreement: float
    """Correlation of opening and loudness there."""


def mouth_opening(
    pixels: Float[Tensor, "3 F H W"], cover: Float[Tensor, "F h w"], colour: Colour
) -> Float[Tensor, " F"]:
    """Measure how open the mouth of an actor is.

    Args:
        pixels: Frames in [-1, 1].
        cover: Probability that a cell of a coarser grid belongs to the actor.
        colour: Its colour, which is told from that of its tongue.

    Returns:
        Amount of the colours of mouth and tongue inside the actor's disc, in units of pixels; only
        its course in time means something.
    """
    height, width = pixels.shape[2:]
    rows, columns = cover.shape[1:]
    weight = cover * (cover > 0.3)
    mass = weight.sum((1, 2))
    middle_y = (weight.sum(2) * (torch.arange(rows) + 0.5)).sum(1) / mass.clamp_min(1e-6)
    middle_x = (weight.sum(1) * (torch.arange(columns) + 0.5)).sum(1) / mass.clamp_min(1e-6)
    radius = 1.15 * (mass.median() / math.pi).sqrt() * height / rows
    y = torch.arange(height)[None, :, None] + 0.5 - (middle_y * height / rows)[:, None, None]
    x = torch.arange(width)[None, None, :] + 0.5 - (middle_x * width / columns)[:, None, None]
    inside = (y.square() + x.square() < radius.square()).float() * (mass > 1e-3)[:, None, None]
    image = (pixels + 1) / 2
    body = _distance(image, COLOUR_VALUES[colour])
    opening = torch.zeros(pixels.shape[1])
    for paint, share in ((_MOUTH, 1.0), (_TONGUE, 2.0)):
        far = _distance(image, paint)
        like = (1 - far / _NEAR).clamp_min(0) * (far < body)
        opening += share * (like * inside).sum((1, 2))
    return opening


def _distance(image: Float[Tensor, "3 F H W"], colour: tuple[float, float, float]) -> Tensor:
    return (image - torch.tensor(colour).view(3, 1, 1, 1)).norm(dim=0)


def lip_sync(
    opening: Float[Tensor, " F"],
    fps: float | int,
    voice: VoiceTrack,
    during: Bool[Tensor, " F"] | None = None,
) -> LipSync:
    """Shift the loudness of a voice against the opening of a mouth until they agree best.

    Args:
        opening: One value a frame.
        fps: Frames a second.
        voice: What is heard.
        during: Frames that count, e.g. those in which the actor speaks; all by default.

    Returns:
        The shift, within a quarter of a second to either side, and the agreement at it.
    """
    times = torch.arange(len(opening)) / fps
    if during is not None:
        times, opening = times[during], opening[during]
    shifts = torch.arange(-_REACH_S, _REACH_S + _STEP_S / 2, _STEP_S)
    found = [correlation(opening.tolist(), _level_at(voice, times + s).tolist()) for s in shifts]
    good = [(value, float(s)) for value, s in zip(found, shifts, strict=True) if value == value]
    if not good:
        return LipSync(late_ms=math.nan, agreement=math.nan)
    best, late_s = max(good, key=lambda pair: (pair[0], -abs(pair[1])))
    return LipSync(late_ms=1000 * late_s, agreement=best)


def _level_at(voice: VoiceTrack, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """Loudness at some times, by straight lines; silent outside."""
    if len(voice.times_s) < 2:
        return torch.zeros_like(times)
    step = float(voice.times_s[1] - voice.times_s[0])
    place = (times - voice.times_s[0]) / step
    left = place.floor().long().clamp(0, len(voice.times_s) - 2)
    share = place - left
    level = torch.lerp(voice.level[left], voice.level[left + 1], share.clamp(0, 1).float())
    return torch.where((place < -1) | (place > len(voice.times_s)), 0.0, level)
