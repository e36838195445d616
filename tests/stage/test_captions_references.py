import re

import pytest

from openreels.core.prompt import parse
from openreels.core.prompt_rules import broken_rules
from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions_edits import instruction
from openreels.stage.captions_guided import guided_instruction
from openreels.stage.captions_references import REPLACED, caption_with, named
from openreels.stage.edits import sample_edit
from openreels.stage.reference_draws import Namer, draw_references, subject
from openreels.stage.reference_views import Dice
from openreels.stage.references import ROLES
from openreels.stage.world import WorldSettings, sample_scene

WORLD = WorldSettings(
    weather_share=0.3, face_share=0.6, style_share=0.4, words_share=0.2, subtitle_share=0.2,
    logo_share=0.2, cut_share=0.2, speech_share=0.4, song_share=0.2, narrator_share=0.2,
    music_share=0.5, ambience_share=0.5,
)  # fmt: skip
CASES = [
    (scene, draw_references(scene, 0))
    for scene in (sample_scene(3, index, settings=WORLD) for index in range(160))
]


def says(text, words):
    """Whether a text has one of some words, as whole words, outside of quotes and handles."""
    plain = re.sub(r"@[\w-]+|<text>.*?</text>|\"[^\"]*\"", " ", text.lower())
    return any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", plain) for w in words.common + words.rare)


@pytest.mark.parametrize("tier", ["long", "structured"])
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("rare", [False, True])
def test_captions_name_every_handle_and_keep_the_rules(tier, held_out, rare):
    for scene, references in CASES:
        text = caption_with(scene, references, 1, tier=tier, held_out=held_out, rare_words=rare)
        again = caption_with(scene, references, 1, tier=tier, held_out=held_out, rare_words=rare)
        assert text == again
        assert list(broken_rules(text, named(references))) == []
        assert {one.handle for one in references} <= set(parse(text).handles)
        assert "{" not in text
        assert "  " not in text


@pytest.mark.parametrize("tier", ["long", "structured"])
def test_captions_never_say_what_a_reference_shows(tier):
    """Looks are checked in scenes of one actor, where no one else can have the word."""
    checked = dict.fromkeys(ROLES, 0)
    for scene, references in CASES:
        text = caption_with(scene, references, 0, tier=tier)
        body = scene.actors[0]
        tables = {
            "colour": lexicon.COLOUR_WORDS[body.colour],
            "shape": lexicon.SHAPE_WORDS[body.shape],
            "material": lexicon.MATERIAL_ADJECTIVES[body.material],
            "place": lexicon.PLACE_PHRASES[scene.place],
            "time_of_day": lexicon.TIME_PHRASES[scene.time_of_day],
            "style": lexicon_looks.STYLE_SENTENCES[scene.style],
        }
        if body.face is not None:
            tables["expression"] = lexicon_looks.FACE_PHRASES[body.face.expression]
        if scene.lines:
            tables["voice"] = lexicon_sounds.VOICE_PHRASES[scene.lines[0].voice]
        if scene.music:
            tables["music"] = lexicon_sounds.TIMBRE_WORDS[scene.music[0].timbre]
        if scene.ambience:
            tables["ambience"] = lexicon_sounds.AMBIENCE_SENTENCES[scene.ambience[0].kind]
        alone = len(scene.actors) == 1 and not scene.shots
        for one in references:
            for name in REPLACED[one.role] & set(tables) if alone else ():
                if (name == "shape" and scene.overlays) or (
                    name == "voice" and len(scene.lines) > 1
                ):
                    continue
                assert not says(text, tables[name]), (name, text)
                checked[one.role] += 1
    seldom = {"motion", "effect", "frame", "ambience", "music"}
    assert not [role for role in set(ROLES) - seldom if not checked[role]]


def test_what_no_reference_shows_is_said():
    for scene, _ in CASES[:30]:
        text = caption_with(scene, (), 0, tier="structured")
        for actor in scene.actors:
            assert says(text, lexicon.COLOUR_WORDS[actor.colour])
            assert says(text, lexicon.SHAPE_WORDS[actor.shape])
        assert says(text, lexicon.PLACE_PHRASES[scene.place])
        assert list(broken_rules(text, named(()))) == []


def test_paraphrases_differ_and_some_are_kept_for_evaluation():
    seen, kept = set(), set()
    for scene, references in CASES[:20]:
        texts = {caption_with(scene, references, variant) for variant in range(6)}
        assert len(texts) > 3
        seen |= texts
        kept |= {caption_with(scene, references, v, held_out=True) for v in range(6)}
    assert not seen & kept
    rare = words_of.MOTION_PHRASES.rare[0].split("{")[0]
    assert not any(rare in text for text in seen)


def test_instructions_name_their_clip_and_their_reference():
    scene = sample_scene(3, 0)
    edit = sample_edit(scene, 0, "colour")
    plain, of_clip = instruction(edit, 0), instruction(edit, 0, source="@video_1")
    assert "@" not in plain
    assert "@video_1" in of_clip
    assert plain[1:] in of_clip
    held = {instruction(edit, v, source="@video_1", held_out=True) for v in range(8)}
    assert not held & {instruction(edit, v, source="@video_1") for v in range(40)}
    hero = subject(scene, 0, 1, Namer(Dice(scene, "test")))
    texts = {guided_instruction("replace", scene, hero, v, clip="@video_1") for v in range(12)}
    assert len(texts) > 4
    for text in texts:
        assert {"@video_1", hero.handle} <= set(parse(text).handles)
        assert says(text, lexicon.SHAPE_WORDS[scene.actors[0].shape])
    kept = guided_instruction("replace", scene, hero, 0, clip="@video_1", held_out=True)
    assert kept not in texts
