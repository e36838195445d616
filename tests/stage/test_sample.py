import json

import pytest
import torch

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.stage.physics import contacts
from openreels.stage.sample import (
    make_samples,
    render_truths,
    settings_for,
    truth_from_json,
    truth_of,
    truth_to_json,
)
from openreels.stage.world import sample_scene

SHAPE = ClipShape(num_frames=17, height=32, width=32)


def test_samples_are_deterministic_and_independent_of_the_batch():
    batch = make_samples(0, range(4), SHAPE)
    assert batch.pixels.shape == (4, 3, 17, 32, 32)
    assert batch.waveform.shape == (4, 2, SHAPE.num_audio_tokens * 1024)
    alone = make_samples(0, [2], SHAPE)
    assert torch.equal(batch.pixels[2:3], alone.pixels)
    assert torch.equal(batch.waveform[2:3], alone.waveform)
    assert batch.truths[2] == alone.truths[0]
    assert make_samples(0, [2], SHAPE).truths == alone.truths


def test_truth_survives_json_and_renders_the_same():
    batch = make_samples(1, [5, 6], SHAPE)
    again = [truth_from_json(truth_to_json(truth)) for truth in batch.truths]
    assert tuple(again) == batch.truths
    rendered = render_truths(again, SHAPE)
    assert torch.equal(rendered.pixels, batch.pixels)
    assert torch.equal(rendered.waveform, batch.waveform)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda record: record["scene"].pop("place"),
        lambda record: record["scene"].update(weather="hail"),
        lambda record: record["scene"].update(index="7"),
        lambda record: record["scene"]["actors"][0].update(colour="mauve"),
        lambda record: record["scene"]["actors"][0].update(tempo=0.0),
        lambda record: record["contacts"][0].update(time_s="soon"),
    ],
)
def test_a_wrong_truth_is_refused(break_it):
    record = json.loads(truth_to_json(truth_of(sample_scene(0, 0))))
    break_it(record)
    with pytest.raises(ValueError, match="Truth"):
        truth_from_json(json.dumps(record))


def test_truth_tells_contacts_and_captions():
    scene = sample_scene(0, 3)
    truth = truth_of(scene)
    assert truth.contacts == contacts(scene)
    assert set(truth.captions) == {"short", "long", "structured"}
    assert all(truth.captions.values())


def test_sound_starts_with_the_first_contact():
    batch = make_samples(2, range(3), SHAPE)
    for wave, truth in zip(batch.waveform, batch.truths, strict=True):
        heard = wave.abs().amax(0) > 1e-4
        if truth.contacts:
            first = truth.contacts[0].time_s * SAMPLE_RATE_HZ
            assert int(heard.nonzero()[0]) == pytest.approx(first, abs=64)
        else:
            assert not heard.any()


def test_the_world_fits_the_clip():
    wide = settings_for(ClipShape(num_frames=33, height=256, width=448))
    assert (wide.aspect_ratio, wide.duration_s) == ("16:9", 2.0)
    tall = settings_for(ClipShape(num_frames=81, height=80, width=64))
    assert (tall.aspect_ratio, tall.duration_s) == ("3:4", 5.0)
    assert settings_for(ClipShape(num_frames=1, height=64, width=64)).duration_s == 0.25
