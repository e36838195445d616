from dataclasses import fields

import pytest

from openreels.stage import lexicon, lexicon_looks
from openreels.stage.captions_edits import instruction
from openreels.stage.edits import EDITS, possible_edits, sample_edit
from openreels.stage.looks import LookSettings
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 0.6 for f in fields(LookSettings) if f.name.endswith("_share")}
LOOKS = WorldSettings(duration_s=1.0, **{**SHARES, "cut_share": 0.0})


def _edits(kind):
    scenes = [sample_scene(9, index, settings=LOOKS) for index in range(60)]
    able = [scene for scene in scenes if kind in possible_edits(scene)]
    return [sample_edit(scene, number, kind) for number, scene in enumerate(able)]


def says(text, words):
    return any(word.lower() in text.lower() for word in words.common + words.rare)


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("held_out", [False, True])
def test_an_instruction_is_one_sentence_with_many_paraphrases(kind, held_out):
    for edit in _edits(kind)[:10]:
        texts = {instruction(edit, variant, held_out=held_out) for variant in range(12)}
        assert len(texts) >= 3
        for text in texts:
            assert text[0].isupper()
            assert text.endswith(".")
            assert "{" not in text
            assert "  " not in text


@pytest.mark.parametrize("kind", EDITS)
def test_training_never_gives_a_held_out_instruction(kind):
    edits = _edits(kind)[:12]
    seen = {instruction(edit, v) for edit in edits for v in range(10)}
    assert not seen & {instruction(edit, v, held_out=True) for edit in edits for v in range(10)}


def test_training_begins_in_many_ways_and_never_as_what_is_held_out():
    (edit, *_) = _edits("weather")
    clip = "@video_1"

    def beginnings(*, held_out):
        texts = [instruction(edit, v, held_out=held_out, source=clip) for v in range(300)]
        return {text.partition(clip)[0] for text in texts}

    seen, kept = beginnings(held_out=False), beginnings(held_out=True)
    assert kept == {"Take ", "Given "}
    assert len(seen) >= 15
    assert not seen & kept


def test_an_instruction_names_what_and_into_what():
    for edit in _edits("colour"):
        text = instruction(edit, 3)
        before, after = edit.source.actors[edit.number], edit.target.actors[edit.number]
        assert says(text, lexicon.COLOUR_WORDS[before.colour])
        assert says(text, lexicon.SHAPE_WORDS[before.shape])
        assert says(text, lexicon.COLOUR_WORDS[after.colour])
    for edit in _edits("style"):
        assert says(instruction(edit, 3), lexicon_looks.STYLE_TITLES[edit.target.style])
    for edit in _edits("weather"):
        assert says(instruction(edit, 3), lexicon_looks.WEATHER_PHRASES[edit.target.weather])
    for edit in _edits("overlay"):
        overlay = edit.source.overlays[edit.number]
        assert says(instruction(edit, 3), lexicon_looks.OVERLAY_NOUNS[overlay.kind])
    for edit in _edits("add"):
        added = edit.target.actors[edit.number]
        assert says(instruction(edit, 3), lexicon.SHAPE_WORDS[added.shape])
        assert says(instruction(edit, 3), lexicon.MATERIAL_ADJECTIVES[added.material])
