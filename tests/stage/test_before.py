"""What default scenes were before there were looks: the shipped weights were trained on them."""

import hashlib
import json

import pytest
import torch

from openreels.core.config import from_dict
from openreels.core.shapes import ClipShape
from openreels.stage.captions import caption, held_out_prompts
from openreels.stage.physics import contacts
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import make_samples, truth_from_json, truth_of, truth_to_json
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings, sample_scene

PLACES = ((0, 0), (0, 3), (5, 7), (11, 42), (3, 1), (987654321, 2))
SHAPE = ClipShape(num_frames=5, height=64, width=80, fps=4)
SCENE_FIELDS = ("seed", "index", "place", "time_of_day", "camera", "aspect_ratio", "duration_s")
ACTOR_FIELDS = (
    "shape", "colour", "material", "size", "action", "start_x", "direction", "tempo", "phase_s",
    "height", "partner",
)  # fmt: skip


def digest(text):
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def fields_of(scenes):
    rows = [
        [
            {name: getattr(scene, name) for name in SCENE_FIELDS},
            [{name: getattr(actor, name) for name in ACTOR_FIELDS} for actor in scene.actors],
        ]
        for scene in scenes
    ]
    return digest(json.dumps(rows))


def captions_of(scenes):
    texts = [
        caption(scene, variant, tier=tier, held_out=held_out, rare_words=rare)
        for scene in scenes
        for variant in range(4)
        for tier in ("short", "long")
        for held_out in (False, True)
        for rare in (False, True)
    ]
    return digest("\n".join(texts + [text for text, _ in held_out_prompts(8)]))


def contacts_of(scenes):
    rows = [
        [(round(c.time_s, 9), c.actor, c.surface, round(c.speed, 9), round(c.x, 9)) for c in found]
        for found in map(contacts, scenes)
    ]
    return digest(repr(rows))


def test_scenes_captions_and_contacts_are_as_before():
    scenes = [sample_scene(seed, index) for seed, index in PLACES]
    assert fields_of(scenes) == "6929a1f929ae41b6"
    assert captions_of(scenes) == "ae21445d49c53b57"
    assert contacts_of(scenes) == "aee4c78006253a8a"


def test_pictures_masks_and_sound_are_as_before():
    """Sums, not hashes: the last bit of a sine differs between processors."""
    scenes = [sample_scene(seed, index) for seed, index in PLACES]
    pixels = render_video(scenes, SHAPE)
    weights = torch.linspace(-1, 1, pixels[0].numel()).view(pixels[0].shape).sin()
    sums = (pixels * weights).double().mean(dim=(1, 2, 3, 4)).tolist()
    assert sums == pytest.approx(
        [-0.042937763, 0.047603117, -0.037993466, 0.024738922, 0.039907989, 0.056484715], abs=1e-7
    )
    assert render_masks(scenes, SHAPE).sum(dim=(2, 3, 4)).tolist() == [
        [660, 0, 0],
        [2293, 1032, 0],
        [903, 0, 0],
        [1236, 480, 0],
        [2961, 645, 0],
        [1210, 1087, 2221],
    ]
    batch = make_samples(2, range(2), ClipShape(num_frames=9, height=32, width=32))
    loudness = batch.waveform.double().square().mean(dim=2).sqrt().flatten().tolist()
    assert loudness == pytest.approx([0, 0, 0.0207810672, 0.0277993141], rel=1e-5)


def test_an_old_truth_still_loads_and_an_old_world_has_no_looks():
    scene = sample_scene(0, 3)
    record = json.loads(truth_to_json(truth_of(scene)))
    for name in ("weather", "style", "overlays", "shots"):
        record["scene"].pop(name)
    for actor in record["scene"]["actors"]:
        actor.pop("face")
    assert truth_from_json(json.dumps(record)).scene == scene
    assert from_dict(Scene, record["scene"], allow_missing=True) == scene
    assert sample_scene(0, 3, settings=WorldSettings(style_share=0.0)) == scene
    for index in range(50):
        scene = sample_scene(9, index)
        assert (scene.weather, scene.style, scene.overlays, scene.shots) == (
            "clear",
            "plain",
            (),
            (),
        )
        assert not any(actor.face for actor in scene.actors)
