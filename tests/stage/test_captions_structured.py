import re
from dataclasses import fields

import pytest

from openreels.stage import lexicon, lexicon_looks
from openreels.stage.captions import caption, describe
from openreels.stage.captions_structured import span
from openreels.stage.looks import CUT_GRID_S, LookSettings
from openreels.stage.physics import contacts
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 0.7 for f in fields(LookSettings) if f.name.endswith("_share")}
LOOKS = WorldSettings(duration_s=3.0, **SHARES)
BEGINS = re.compile(r"from (\d+\.\d+) s: ")


def says(text, words):
    return any(word.split("/")[0] in text.lower() for word in words.common + words.rare)


@pytest.mark.parametrize("held_out", [False, True])
def test_everything_is_said_with_balanced_tags(held_out):
    for index in range(80):
        scene = sample_scene(7, index, settings=LOOKS)
        found = describe(scene, index, tier="structured", held_out=held_out)
        text = found.text
        assert found.order == tuple(range(len(scene.actors)))
        for actor in scene.actors:
            assert says(text, lexicon.COLOUR_WORDS[actor.colour])
            assert says(text, lexicon.MATERIAL_ADJECTIVES[actor.material])
            assert says(text, lexicon.ACTION_WORDS[actor.action])
            if actor.face is not None:
                assert says(text, lexicon_looks.FACE_PHRASES[actor.face.expression])
        assert says(text, lexicon.PLACE_PHRASES[scene.place])
        assert says(text, lexicon.CAMERA_SENTENCES[scene.camera])
        tags = re.findall(r"<(/?)(\w+)>", text)
        assert tags[::2] == [("", name) for _, name in tags[1::2]]
        assert {name for _, name in tags} <= {"text", "sfx"}
        assert "{" not in text


def test_spans_are_only_for_what_the_scene_has():
    for index in range(60):
        scene = sample_scene(7, index, settings=LOOKS)
        text = caption(scene, index, tier="structured")
        heard = {contact.actor for contact in contacts(scene)}
        assert text.count("<sfx>") == len(heard)
        written = [o.text for o in scene.overlays if o.kind != "logo"]
        assert re.findall(r"<text>(.*?)</text>", text) == written
        assert ("hot 2" in text) == bool(scene.shots)


def test_a_shot_begins_at_its_frame_or_at_the_nearest_tenth():
    scenes = [sample_scene(7, index, settings=LOOKS) for index in range(60)]
    digits = set()
    for scene in scenes:
        for variant in range(4):
            told = BEGINS.findall(caption(scene, variant, tier="structured"))
            assert len(told) == len(scene.shots)
            for text, shot in zip(told, scene.shots, strict=True):
                places = len(text.split(".")[1])
                assert text == f"{shot.start_s:.{places}f}"
                digits.add(places)
        exact = BEGINS.findall(caption(scene, 0, tier="structured", held_out=True))
        assert [round(float(text) / CUT_GRID_S) * CUT_GRID_S for text in exact] == [
            shot.start_s for shot in scene.shots
        ]
    assert digits == {1, 2}


@pytest.mark.parametrize("held_out", [False, True])
def test_handles_are_introduced_before_they_act(held_out):
    patterns = set()
    for index in range(60):
        scene = sample_scene(7, index, settings=LOOKS)
        text = caption(scene, index, tier="structured", held_out=held_out)
        handles = re.findall(r"(@\w+) is ", text)
        assert len(set(handles)) == len(scene.actors)
        assert set(re.findall(r"@\w+", text)) == set(handles)
        for handle in handles:
            assert text.count(handle) >= 2
        patterns.add(re.sub(r"[a-z]+|\d", "w", handles[0]))
    assert len(patterns) == (1 if held_out else 3 - 1)


def test_training_never_says_a_held_out_structure():
    scenes = [sample_scene(7, index, settings=LOOKS) for index in range(20)]
    starts = {
        flag: {
            caption(s, v, tier="structured", held_out=flag).split(":")[0]
            for s in scenes
            for v in range(5)
        }
        for flag in (False, True)
    }
    assert len(starts[False]) == 3
    assert not starts[False] & starts[True]
    assert span("bgm", "a waltz") == "<bgm>a waltz</bgm>"
