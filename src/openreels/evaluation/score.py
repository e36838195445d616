"""Score clips against the scenes that their prompts describe, from pixels and samples alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.evaluation.metrics import Matching, correlation, flicker, match_times, median
from openreels.evaluation.onsets import Onset, detect_onsets
from openreels.evaluation.sounds import read_sound
from openreels.evaluation.tracks import DetectedObject, colour_maps, objects_of
from openreels.models.probe.model import StageProbe
from openreels.stage.scene import Scene

TOLERANCE_S = 0.08
MERGE_S = 0.06
"""Contacts of two objects closer than this are one event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the instruments see and hear in one clip."""

    objects: tuple[DetectedObject, ...]
    """Objects, the largest first."""
    onsets: tuple[Onset, ...]
    """Beginnings of sounds."""
    sounds: tuple[tuple[str, str], ...]
    """Material and size heard at each onset."""
    flicker: float
    """Temporal flicker in grey levels."""

    @property
    def contacts_s(self) -> list[float]:
        """Visible contacts of all objects; closer than 60 ms they are one."""
        times = sorted(t for o in self.objects for t in o.contacts_s)
        merged: list[float] = []
        for t in times:
            if not merged or t - merged[-1] > MERGE_S:
                merged.append(t)
        return merged


def read_clip(
    probe: StageProbe,
    pixels: Float[Tensor, "3 F H W"],
    waveform: Float[Tensor, "2 s"] | None,
    fps: float | int,
) -> Reading:
    """Run all instruments on one clip.

    Args:
        probe: Trained probes.
        pixels: Video in [-1, 1].
        waveform: Stereo sound at 44.1 kHz, or None for a silent clip.
        fps: Frames a second.
    """
    with torch.no_grad():
        maps = colour_maps(probe.pixels.read_clip(pixels[None]), 1)[0]
        objects = objects_of(probe, maps, fps)
        onsets = detect_onsets(waveform) if waveform is not None else []
        sounds = [read_sound(probe, waveform, o.time_s) for o in onsets if waveform is not None]
    return Reading(
        objects=tuple(objects),
        onsets=tuple(onsets),
        sounds=tuple(sounds),
        flicker=flicker(pixels),
    )


def subject_of(reading: Reading, scene: Scene) -> DetectedObject | None:
    """The object of the subject's colour, else the largest one, else None."""
    wanted = scene.actors[0].colour
    same = [o for o in reading.objects if o.colour == wanted]
    return (same or [*reading.objects, None])[0]


def attribute_hits(reading: Reading, scene: Scene) -> dict[str, bool]:
    """Whether each asked attribute is in the clip.

    The material is heard, not seen: the vote of the sounds that fall on a visible contact of the
    subject, or of all sounds when it is alone; without any sound it is missing, not wrong.
    """
    subject, found = scene.actors[0], subject_of(reading, scene)
    hits = {
        "colour": found is not None and found.colour == subject.colour,
        "shape": found is not None and found.shape == subject.shape,
        "size": found is not None and found.size == subject.size,
        "motion": found is not None and found.action == subject.action,
        "count": len(reading.objects) == len(scene.actors),
    }
    votes = _subject_sounds(reading, scene, found)
    if votes:
        materials = [material for material, _ in votes]
        best = max(sorted(set(materials)), key=materials.count)
        hits["material by sound"] = best == subject.material
    return hits


def _subject_sounds(
    reading: Reading, scene: Scene, found: DetectedObject | None
) -> list[tuple[str, str]]:
    """Sounds that belong to the subject."""
    if len(scene.actors) == 1:
        return list(reading.sounds)
    if found is None:
        return []
    pairs = match_times(found.contacts_s, [o.time_s for o in reading.onsets], TOLERANCE_S).pairs
    return [reading.sounds[j] for _, j in pairs]


def sync(reading: Reading, onsets: Sequence[Onset] | None = None) -> Matching:
    """Visible contacts against sound onsets, of the same clip unless others are given."""
    heard = reading.onsets if onsets is None else onsets
    return match_times(reading.contacts_s, [o.time_s for o in heard], TOLERANCE_S)


def pan_pairs(reading: Reading, onsets: Sequence[Onset] | None = None) -> list[tuple[float, float]]:
    """Column of each visible contact and pan of the sound that matches it."""
    heard = reading.onsets if onsets is None else onsets
    where = [
        (t, x) for o in reading.objects for t, x in zip(o.contacts_s, o.contact_x, strict=True)
    ]
    matching = match_times([t for t, _ in where], [o.time_s for o in heard], TOLERANCE_S)
    return [(where[i][1], heard[j].pan) for i, j in matching.pairs]


def summarise(
    readings: Sequence[Reading],
    scenes: Sequence[Scene],
    sounds_of: Callable[[int], Sequence[Onset]] | None = None,
) -> dict[str, float]:
    """Figures over many clips.

    Args:
        readings: One reading a clip.
        scenes: The scene that each clip should show.
        sounds_of: Onsets to use in the place of those of clip ``i``, for the floor of the sync
            figures.

    Returns:
        Shares in [0, 1]; ``sync error`` in milliseconds; ``pan against x`` a correlation; flicker
        in grey levels. Sync shares are over all contacts (sounds) of all clips.
    """
    figures: dict[str, float] = {}
    hits = [attribute_hits(r, s) for r, s in zip(readings, scenes, strict=True)]
    for name in ("colour", "shape", "size", "motion", "count", "material by sound"):
        values = [h[name] for h in hits if name in h]
        figures[name] = sum(values) / len(values) if values else math.nan
    others = [None if sounds_of is None else sounds_of(i) for i in range(len(readings))]
    matches = [sync(r, o) for r, o in zip(readings, others, strict=True)]
    num_contacts = sum(m.num_first for m in matches)
    num_sounds = sum(m.num_second for m in matches)
    matched = sum(len(m.pairs) for m in matches)
    figures["contacts with a sound"] = matched / num_contacts if num_contacts else math.nan
    figures["sounds with a contact"] = matched / num_sounds if num_sounds else math.nan
    figures["sync error ms"] = 1000 * median([abs(d) for m in matches for d in m.offsets_s])
    figures["sound late ms"] = 1000 * median([d for m in matches for d in m.offsets_s])
    pans = [p for r, o in zip(readings, others, strict=True) for p in pan_pairs(r, o)]
    figures["pan against x"] = correlation([x for x, _ in pans], [p for _, p in pans])
    figures["contacts a clip"] = num_contacts / max(1, len(readings))
    figures["sounds a clip"] = num_sounds / max(1, len(readings))
    figures["flicker"] = sum(r.flicker for r in readings) / max(1, len(readings))
    return figures
