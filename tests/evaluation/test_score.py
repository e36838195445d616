import math

import pytest
import torch

from openreels.evaluation.onsets import Onset
from openreels.evaluation.score import (
    Reading,
    attribute_hits,
    pan_pairs,
    read_clip,
    subject_of,
    summarise,
)
from openreels.evaluation.tracks import DetectedObject
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.stage.scene import Actor, Scene


def actor(**changes) -> Actor:
    fields = {
        "shape": "ball",
        "colour": "red",
        "material": "wood",
        "size": "large",
        "action": "bounce",
        "start_x": 0.0,
        "direction": "left",
        "tempo": 1.0,
        "phase_s": 0.0,
        "height": 1.0,
    }
    return Actor(**(fields | changes))


def scene(*actors: Actor) -> Scene:
    return Scene(seed=0, index=0, actors=actors, place="room", time_of_day="day", camera="static")


def seen(**changes) -> DetectedObject:
    fields = {
        "colour": "red",
        "shape": "ball",
        "size": "large",
        "action": "bounce",
        "presence": 1.0,
        "contacts_s": (0.5, 1.0),
        "contact_x": (-0.5, 0.5),
    }
    return DetectedObject(**(fields | changes))


def reading(*objects: DetectedObject, times=(0.51, 1.2), sounds=None) -> Reading:
    onsets = tuple(
        Onset(time_s=t, strength_db=9.0, pan=p) for t, p in zip(times, (-0.4, 0.4), strict=False)
    )
    return Reading(
        objects=objects,
        onsets=onsets,
        sounds=sounds or tuple(("wood", "large") for _ in onsets),
        flicker=1.0,
    )


def test_everything_right():
    hits = attribute_hits(reading(seen()), scene(actor()))
    assert hits == dict.fromkeys(
        ("colour", "shape", "size", "motion", "count", "material by sound"), True
    )


def test_the_subject_is_found_by_colour_not_by_size():
    two = reading(seen(colour="blue", shape="star"), seen())
    found = subject_of(two, scene(actor()))
    assert found is not None
    assert found.colour == "red"
    hits = attribute_hits(two, scene(actor()))
    assert hits["colour"]
    assert hits["shape"]
    assert not hits["count"]


def test_a_missing_colour_is_wrong_but_its_shape_may_be_right():
    hits = attribute_hits(reading(seen(colour="blue")), scene(actor()))
    assert not hits["colour"]
    assert hits["shape"]
    assert subject_of(reading(), scene(actor())) is None


def test_material_is_the_vote_of_the_subjects_own_sounds():
    objects = (seen(contacts_s=(0.5,), contact_x=(0.0,)), seen(colour="blue"))
    sounds = (("wood", "large"), ("metal", "large"))
    hits = attribute_hits(
        reading(*objects, sounds=sounds), scene(actor(), actor(colour="blue", material="metal"))
    )
    assert hits["material by sound"]
    silent = reading(seen(), times=())
    assert "material by sound" not in attribute_hits(silent, scene(actor()))


def test_summary_of_one_clip():
    figures = summarise([reading(seen())], [scene(actor())])
    assert figures["contacts with a sound"] == pytest.approx(1 / 2)
    assert figures["sounds with a contact"] == pytest.approx(1 / 2)
    assert figures["sync error ms"] == pytest.approx(10, abs=1e-6)
    assert math.isnan(figures["pan against x"])
    other = summarise([reading(seen())], [scene(actor())], lambda _: [])
    assert math.isnan(other["sounds with a contact"])
    assert other["contacts with a sound"] == 0


def test_contacts_of_two_objects_at_once_are_one_event():
    both = reading(
        seen(contacts_s=(0.5,), contact_x=(0.1,)), seen(contacts_s=(0.52,), contact_x=(0.2,))
    )
    assert both.contacts_s == [0.5]
    assert len(pan_pairs(both)) == 1


def test_reading_of_true_pixels_runs_end_to_end():
    result = read_clip(
        StageProbe(ProbeConfig()).eval(), torch.zeros(3, 5, 64, 64), torch.zeros(2, 20000), 16
    )
    assert result.onsets == ()
    assert result.flicker == 0
