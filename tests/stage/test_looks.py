from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import pytest
import torch

from openreels.core.config import from_json, to_json
from openreels.core.shapes import ClipShape
from openreels.stage.geometry import half_size
from openreels.stage.lexicon_looks import HELD_OUT_SCREEN_WORDS, SCREEN_WORDS
from openreels.stage.looks import (
    CUT_GRID_S,
    SHORTEST_SHOT_S,
    LookSettings,
    add_looks,
    close_up,
    has_looks,
)
from openreels.stage.overlays import axes, spread
from openreels.stage.physics import pose
from openreels.stage.sample import truth_from_json, truth_of, truth_to_json
from openreels.stage.scene import EXPRESSIONS, OUTDOORS, Scene
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 1.0 for f in fields(LookSettings) if f.name.endswith("_share")}
ALL = WorldSettings(duration_s=3.0, **SHARES)


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(5, index, settings=ALL) for index in range(300)]


def test_a_look_changes_nothing_else_of_a_scene(scenes):
    plain = WorldSettings(duration_s=3.0)
    for index, scene in enumerate(scenes[:60]):
        bare = tuple(replace(actor, face=None) for actor in scene.actors)
        rest = {"weather": "clear", "style": "plain", "overlays": (), "shots": (), "effects": ()}
        assert replace(scene, actors=bare, **rest) == sample_scene(5, index, settings=plain)


@pytest.mark.parametrize("name", sorted(SHARES))
def test_each_share_switches_its_look_alone(name):
    base = [sample_scene(5, index, settings=WorldSettings(duration_s=2.0)) for index in range(60)]
    half = LookSettings(**{name: 0.5})
    changed = [add_looks(scene, half) for scene in base]
    count = sum(one != other for one, other in zip(base, changed, strict=True))
    assert 8 <= count <= 52
    full = [add_looks(scene, LookSettings(**{name: 1.0})) for scene in base]
    for scene, some, every in zip(base, changed, full, strict=True):
        if name != "face_share":
            assert some in {scene, every}
    assert [add_looks(scene, LookSettings()) for scene in base] == base


def test_words_are_even(scenes):
    weathers = Counter(scene.weather for scene in scenes)
    outdoors = sum(scene.place in OUTDOORS for scene in scenes)
    assert weathers["rain"] + weathers["snow"] == outdoors
    assert abs(weathers["rain"] - weathers["snow"]) < 60
    styles = Counter(scene.style for scene in scenes)
    assert set(styles) == {"paper-cut", "mosaic", "sketch"}
    assert min(styles.values()) > 70
    faces = Counter(actor.face.expression for scene in scenes for actor in scene.actors)
    assert set(faces) == set(EXPRESSIONS)
    assert min(faces.values()) > 80
    texts = {o.text for scene in scenes for o in scene.overlays if o.kind == "words"}
    assert texts == set(SCREEN_WORDS)
    assert not texts & set(HELD_OUT_SCREEN_WORDS)


def test_overlays_of_a_scene_do_not_touch(scenes):
    x, y = axes(ClipShape(num_frames=1, height=64, width=64))
    for scene in scenes[:80]:
        covers = [spread(overlay, x, y)[1] > 0 for overlay in scene.overlays]
        assert len(covers) >= 2
        assert torch.stack(covers).sum(0).max() == 1


def test_cuts_are_on_the_grid_and_lead_elsewhere(scenes):
    counts = Counter(len(scene.shots) for scene in scenes)
    assert set(counts) == {1, 2}
    for scene in scenes:
        starts = [0.0, *(shot.start_s for shot in scene.shots), scene.duration_s]
        gaps = [late - early for early, late in pairwise(starts)]
        assert min(gaps) >= SHORTEST_SHOT_S - CUT_GRID_S
        assert all((start / CUT_GRID_S).is_integer() for start in starts)
        places = [scene.place, *(shot.place for shot in scene.shots)]
        assert all(one != other for one, other in pairwise(places))
    close = [shot for scene in scenes for shot in scene.shots if shot.focus is not None]
    assert len(close) > 50
    short = WorldSettings(duration_s=0.5, cut_share=1.0)
    assert not sample_scene(5, 0, settings=short).shots


def test_a_close_up_holds_its_actor(scenes):
    for scene in scenes[:60]:
        found = close_up(scene, 0, (0.5, 1.5))
        if found is None:
            continue
        zoom, x, y = found
        placed = pose(scene, torch.linspace(0.5, 1.5, 33, dtype=torch.float64))
        half_width, half_height = half_size(scene.aspect_ratio)
        assert zoom >= 1.25
        assert ((placed.x[0] - x).abs() * zoom).max() < half_width
        assert ((placed.y[0] - y).abs() * zoom).max() < half_height


def test_truth_with_looks_survives_json(scenes):
    for scene in scenes[:8]:
        truth = truth_of(scene)
        assert truth_from_json(truth_to_json(truth)) == truth
        assert from_json(Scene, to_json(scene)) == scene


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weather_share": 1.5}, "weather_share"),
        ({"cut_share": -0.1}, "cut_share"),
        ({"screen_words": ()}, "screen_words"),
    ],
)
def test_impossible_looks_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        WorldSettings(**changes)


@pytest.mark.parametrize(
    "look", ["weather", "style", "face", "words", "watermark", "logo", "cut", "effect"]
)
def test_a_scene_with_a_look_is_known_from_one_without(look):
    settings = WorldSettings(**{f"{look}_share": 1.0})
    plain = [sample_scene(3, index) for index in range(30)]
    shown = [sample_scene(3, index, settings=settings) for index in range(30)]
    assert not any(map(has_looks, plain))
    changed = [a != b for a, b in zip(plain, shown, strict=True)]
    assert any(changed)
    assert [has_looks(scene) for scene in shown] == changed
