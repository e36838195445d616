from collections import Counter

import pytest

from openreels.stage.motion import tracks
from openreels.stage.physics import contacts
from openreels.stage.scene import (
    CAMERAS,
    COLOURS,
    MATERIALS,
    PLACES,
    SHAPES,
    SIZES,
    TIMES_OF_DAY,
    Scene,
)
from openreels.stage.world import WorldSettings, sample_scene


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(5, index) for index in range(2400)]


def test_a_scene_follows_from_seed_and_index():
    assert sample_scene(5, 7) == sample_scene(5, 7)
    assert sample_scene(5, 7) != sample_scene(5, 8)
    assert sample_scene(5, 7) != sample_scene(6, 7)
    tracks.cache_clear()
    first = contacts(sample_scene(5, 7))
    tracks.cache_clear()
    assert contacts(sample_scene(5, 7)) == first


def _is_uniform(values, words):
    """Chi-squared below its 99.9 % point for up to 7 degrees of freedom."""
    counts, expected = Counter(values), len(values) / len(words)
    assert set(counts) == set(words)
    return sum((counts[word] - expected) ** 2 / expected for word in words) < 24.3


@pytest.mark.parametrize(
    ("name", "words"),
    [("shape", SHAPES), ("colour", COLOURS), ("material", MATERIALS), ("size", SIZES)],
)
def test_actor_words_are_uniform(scenes, name, words):
    assert _is_uniform([getattr(scene.actors[0], name) for scene in scenes], words)
    colliding = [getattr(a, name) for s in scenes for a in s.actors if a.action == "collide"]
    assert _is_uniform(colliding, words)


@pytest.mark.parametrize(
    ("name", "words"), [("place", PLACES), ("time_of_day", TIMES_OF_DAY), ("camera", CAMERAS)]
)
def test_scene_words_are_uniform(scenes, name, words):
    assert _is_uniform([getattr(scene, name) for scene in scenes], words)


def test_material_and_size_are_independent_of_colour(scenes):
    pairs = [(s.actors[0].colour, s.actors[0].material) for s in scenes]
    counts = Counter(pairs)
    expected = len(pairs) / (len(COLOURS) * len(MATERIALS))
    chi2 = sum((counts[c, m] - expected) ** 2 / expected for c in COLOURS for m in MATERIALS)
    assert chi2 < 62  # 99.9 % point of 31 degrees of freedom


def test_numbers_of_actors_follow_the_odds(scenes):
    counts = Counter(len(scene.actors) for scene in scenes)
    for number, odds in ((1, 0.55), (2, 0.30), (3, 0.15)):
        assert abs(counts[number] / len(scenes) - odds) < 0.04


def test_actors_of_a_scene_differ_in_colour_and_shape(scenes):
    for scene in scenes:
        assert len({actor.colour for actor in scene.actors}) == len(scene.actors)
        assert len({actor.shape for actor in scene.actors}) == len(scene.actors)


def test_partners_start_apart_and_face_each_other(scenes):
    pairs = [s for s in scenes if s.actors[0].partner is not None]
    assert 0.1 < len(pairs) / len(scenes) < 0.17
    for scene in pairs:
        left, right = sorted(scene.actors[:2], key=lambda actor: actor.start_x)
        assert (left.direction, right.direction) == ("right", "left")
        assert left.phase_s == right.phase_s
        assert contacts(scene)[0].time_s > 0


def test_settings_restrict_the_words():
    settings = WorldSettings(places=("beach",), cameras=("static",), actor_odds=(1.0, 0.0, 0.0))
    for index in range(20):
        scene = sample_scene(0, index, settings=settings)
        assert (scene.place, scene.camera, len(scene.actors)) == ("beach", "static", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actor_odds": (0.0, 0.0, 0.0)}, "actor_odds"),
        ({"collide_odds": 1.5}, "collide_odds"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"places": ()}, "places"),
        ({"aspect_ratio": "2:1"}, "aspect_ratio"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        WorldSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tempo": 0.0}, "tempo"),
        ({"height": float("nan")}, "height"),
        ({"start_x": 9.0}, "start_x"),
        ({"action": "collide"}, "partner"),
        ({"partner": 1}, "partner"),
    ],
)
def test_impossible_actors_are_refused(changes, message, make_actor):
    with pytest.raises(ValueError, match=message):
        make_actor(**changes)


def test_impossible_scenes_are_refused(make_actor):
    rest = {"seed": 0, "index": 0, "place": "room", "time_of_day": "day", "camera": "static"}
    with pytest.raises(ValueError, match="1 to 4 actors"):
        Scene(actors=(), **rest)
    with pytest.raises(ValueError, match="name each other"):
        Scene(actors=(make_actor(action="collide", partner=1), make_actor()), **rest)
    with pytest.raises(ValueError, match="aspect_ratio"):
        Scene(actors=(make_actor(),), aspect_ratio="3:1", **rest)
