from dataclasses import fields, replace
from random import Random

import pytest

from openreels.stage import lexicon, lexicon_looks
from openreels.stage.captions import caption, describe
from openreels.stage.captions_looks import LookWriter
from openreels.stage.looks import LookSettings
from openreels.stage.scene import EXPRESSIONS, LOGOS, OVERLAYS, STYLES, WEATHERS
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 1.0 for f in fields(LookSettings) if f.name.endswith("_share")}
ALL = WorldSettings(duration_s=3.0, **SHARES)


def says(text, words):
    return any(word.split("{")[0].lower() in text.lower() for word in words.common + words.rare)


def test_every_look_has_synonyms(check_synonyms):
    tables = [
        (WEATHERS, lexicon_looks.WEATHER_PHRASES),
        (WEATHERS, lexicon_looks.WEATHER_SENTENCES),
        (STYLES, lexicon_looks.STYLE_TITLES),
        (STYLES, lexicon_looks.STYLE_SENTENCES),
        (EXPRESSIONS, lexicon_looks.FACE_PHRASES),
        (EXPRESSIONS, lexicon_looks.FACE_WORDS),
        (OVERLAYS, lexicon_looks.OVERLAY_SENTENCES),
        (OVERLAYS, lexicon_looks.OVERLAY_NOUNS),
        (LOGOS, lexicon_looks.LOGO_WORDS),
    ]
    for words, table in tables:
        check_synonyms(words, table)


@pytest.mark.parametrize("held_out", [False, True])
def test_captions_say_the_looks_that_they_claim(held_out):
    said = {"weather": 0, "style": 0, "cuts": 0, "words": 0}
    for index in range(120):
        scene = sample_scene(6, index, settings=ALL)
        found = describe(scene, index, held_out=held_out)
        text = found.text
        for name in said:
            said[name] += name in found.stated_scene
        if "weather" in found.stated_scene:
            assert says(text, lexicon_looks.WEATHER_PHRASES[scene.weather]) or says(
                text, lexicon_looks.WEATHER_SENTENCES[scene.weather]
            )
        if "style" in found.stated_scene:
            assert says(text, lexicon_looks.STYLE_TITLES[scene.style]) or says(
                text, lexicon_looks.STYLE_SENTENCES[scene.style]
            )
        for overlay in scene.overlays:
            if overlay.kind in found.stated_scene and overlay.kind != "logo":
                assert f'"{overlay.text}"' in text
        assert sum(text.lower().count(w) for w in lexicon_looks.CUT_WORDS.common) >= len(
            scene.shots
        )
        for shot in scene.shots:
            assert says(text, lexicon.PLACE_PHRASES[shot.place])
        assert "{" not in text
        assert "  " not in text
        assert ".." not in text
    assert said["cuts"] == 120
    assert min(said["style"], said["words"]) > 95
    assert said["weather"] > 50


def test_faces_are_said_in_short_captions_too():
    scenes = [sample_scene(6, index, settings=ALL) for index in range(60)]
    hits = sum(
        says(caption(scene, 0, tier="short"), lexicon_looks.FACE_PHRASES[face.expression])
        for scene in scenes
        if (face := scene.actors[0].face)
    )
    assert hits > 45
    assert not any("{" in caption(scene, 0, tier="short") for scene in scenes)


def test_training_never_says_a_held_out_sentence_or_a_rare_look():
    scenes = [sample_scene(6, index, settings=ALL) for index in range(15)]
    seen = {caption(s, v) for s in scenes for v in range(15)}
    held_out = {caption(s, v, held_out=True) for s in scenes for v in range(15)}
    assert not seen & held_out
    rare = [w for entry in lexicon_looks.STYLE_TITLES.values() for w in entry.rare]
    assert not any(word in text.lower() for word in rare for text in seen)
    text = " ".join(caption(s, v, rare_words=True) for s in scenes for v in range(4)).lower()
    assert any(word in text for word in rare)


def test_a_scene_without_looks_is_said_as_it_is():
    scene = sample_scene(6, 0)
    writer = LookWriter(scene, Random(0))
    assert writer.dress("a ball rolls") == "a ball rolls"
    assert (writer.face(0), writer.weather(), writer.said) == ("", "", set())
    assert caption(replace(scene, style="sketch"), 0) != caption(scene, 0)
