"""From a pixel reading to objects: where each named colour is in every frame, and what it is."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.models.probe.model import PixelReading, StageProbe
from openreels.stage.scene import ACTIONS, COLOURS, SHAPES, SIZES

MIN_AREA = 5.0
"""Cells of the 32-row grid that an object must cover to count as seen in a frame."""
MIN_PRESENCE = 0.3
"""Share of the frames in which an object must be seen to count as there."""


@dataclass(frozen=True, slots=True)
class ColourMaps:
    """What the pixel probe says of one clip, colour by colour."""

    cover: Float[Tensor, "F colours h w"]
    """Probability that a cell belongs to an object of the colour."""
    shape: Float[Tensor, "F shapes h w"]
    """Log-probabilities of the shape."""
    size: Float[Tensor, "F sizes h w"]
    """Log-probabilities of the size."""
    features: Float[Tensor, "F d h w"]
    """Local appearance."""


def colour_maps(reading: PixelReading, num_clips: int) -> list[ColourMaps]:
    """Split the reading of a batch into clips and turn logits into probabilities."""
    cover = reading.colour.softmax(1)[:, 1:]
    fields = (cover, reading.shape.log_softmax(1), reading.size.log_softmax(1), reading.features)
    split = [rearrange(x, "(b f) c h w -> b f c h w", b=num_clips) for x in fields]
    return [ColourMaps(*(x[i] for x in split)) for i in range(num_clips)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedObject:
    """One object of a clip, as the probes see it."""

    colour: str
    """Named colour."""
    shape: str
    """Named shape."""
    size: str
    """Named size."""
    action: str
    """Named action."""
    presence: float
    """Share of the frames in which it is seen."""
    contacts_s: tuple[float, ...]
    """Times of its contacts, in seconds."""
    contact_x: tuple[float, ...]
    """Column of the object at each contact, -1 left edge to 1 right edge."""


def track_of(
    cover: Float[Tensor, "F h w"], features: Float[Tensor, "F d h w"]
) -> Float[Tensor, "c F"]:
    """Follow one colour over a clip.

    Args:
        cover: Probability of the colour in every cell.
        features: Local appearance.

    Returns:
        Channels over frames: presence, row, column (centred, in units of the picture's height),
        their differences, log area, aspect, then the pooled features. A frame in which the object
        is not seen repeats the last known place.
    """
    num_frames, rows, columns = cover.shape
    weight = (cover * (cover > 0.3)).clamp_min(0)
    area = weight.sum((1, 2)) * (32 / rows) ** 2
    seen = area > MIN_AREA
    mass = weight.sum((1, 2)).clamp_min(1e-6)
    y = (torch.arange(rows) + 0.5) / rows - 0.5
    x = ((torch.arange(columns) + 0.5) - columns / 2) / rows
    row = (weight.sum(2) * y).sum(1) / mass
    column = (weight.sum(1) * x).sum(1) / mass
    var_y = (weight.sum(2) * y.square()).sum(1) / mass - row.square()
    var_x = (weight.sum(1) * x.square()).sum(1) / mass - column.square()
    aspect = torch.log(var_x.clamp_min(1e-5) / var_y.clamp_min(1e-5)) / 2
    pooled = torch.einsum("fhw,fdhw->df", weight, features) / mass
    last = torch.where(seen, torch.arange(num_frames), torch.zeros(num_frames, dtype=torch.long))
    last = last.cummax(0).values
    row, column, aspect = row[last], column[last], aspect[last]
    step = [torch.diff(v, prepend=v[:1]) * 8 for v in (row, column)]
    geometry = torch.stack([
        seen.float(),
        row * 2,
        column * 2,
        *step,
        torch.log1p(area) / 4,
        aspect,
    ])
    return torch.cat([geometry, pooled[:, last]])


def contact_times(
    levels: Float[Tensor, " F"], fps: float | int, threshold: float = 0.4
) -> list[float]:
    """Peaks of the contact level, with the centre of mass around the peak as sub-frame time."""
    padded = torch.nn.functional.pad(levels, (1, 1))
    times: list[float] = []
    for i in range(levels.shape[0]):
        before, here, after = padded[i : i + 3].tolist()
        if here >= threshold and here >= before and here > after:
            times.append(max(0.0, i + (after - before) / (before + here + after)) / fps)
    return times


def objects_of(probe: StageProbe, maps: ColourMaps, fps: float | int) -> list[DetectedObject]:
    """Every object that the probes see in one clip, the largest first.

    Args:
        probe: Trained probes.
        maps: Reading of the clip.
        fps: Frames a second of the clip.
    """
    tracks: list[Tensor] = []
    kept: list[tuple[int, float, float]] = []
    for index in range(len(COLOURS)):
        track = track_of(maps.cover[:, index], maps.features)
        presence = float(track[0].mean())
        if presence >= MIN_PRESENCE:
            tracks.append(track)
            kept.append((index, presence, float(track[5].mean())))
    if not tracks:
        return []
    actions, levels = probe.track(torch.stack(tracks))
    found: list[tuple[float, DetectedObject]] = []
    for i, (index, presence, area) in enumerate(kept):
        weight = maps.cover[:, index] * (maps.cover[:, index] > 0.3)
        times = contact_times(levels[i].sigmoid(), fps)
        columns = tracks[i][2] / 2
        width = maps.cover.shape[3] / maps.cover.shape[2] / 2
        frames = [min(round(t * fps), columns.shape[0] - 1) for t in times]
        detected = DetectedObject(
            colour=COLOURS[index],
            shape=SHAPES[int(torch.einsum("fhw,fchw->c", weight, maps.shape).argmax())],
            size=SIZES[int(torch.einsum("fhw,fchw->c", weight, maps.size).argmax())],
            action=ACTIONS[int(actions[i].argmax())],
            presence=presence,
            contacts_s=tuple(times),
            contact_x=tuple(max(-1.0, min(1.0, float(columns[f]) / width)) for f in frames),
        )
        found.append((area, detected))
    return [detected for _, detected in sorted(found, key=lambda pair: -pair[0])]
