"""Prompts that name references: no handle is lost, and none is given looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.prompt import HANDLE, parse
from openreels.core.prompt_rules import broken_rules
from openreels.stage import lexicon
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions_references import caption_with, named
from openreels.stage.enhance import StageEnhancer
from openreels.stage.loose_words import LOOSE_REFERENCES
from openreels.stage.reading import read
from openreels.stage.reference_draws import ReferenceShares, draw_references
from openreels.stage.reference_tasks import TASKS, Order, make_task
from openreels.stage.vocabulary import reference_phrases
from openreels.stage.world import WorldSettings, sample_scene

ENHANCE = StageEnhancer().enhance
WORLD = WorldSettings(
    style_share=0.4, face_share=0.4, weather_share=0.3, speech_share=0.3, music_share=0.4,
    ambience_share=0.4, words_share=0.2, cut_share=0.2, duration_s=2.0,
)  # fmt: skip
SHARES = ReferenceShares(subject=0.6, place=0.4, background=0.4, motion=0.4, storyboard=0.1)


def _handles(text):
    return set(parse(text).handles)


@pytest.mark.parametrize("tier", ["long", "structured"])
@pytest.mark.parametrize("rare_words", [False, True])
@pytest.mark.parametrize("held_out", [False, True])
def test_no_caption_loses_a_handle_and_a_training_caption_comes_back_as_it_was(
    tier, rare_words, held_out
):
    for index in range(25):
        scene = sample_scene(21, index, settings=WORLD)
        references = draw_references(scene, index, SHARES)
        if not references:
            continue
        fields = {"tier": tier, "held_out": held_out, "rare_words": rare_words}
        text = caption_with(scene, references, index, **fields)
        found = ENHANCE(text)
        assert _handles(found.prompt) == _handles(text)
        assert not list(broken_rules(found.prompt, named(references)))
        assert ENHANCE(found.prompt).prompt == found.prompt
        if not rare_words:
            assert found.prompt == text


@pytest.mark.parametrize("name", [name for name in TASKS if "edit " not in name])
def test_the_prompts_of_the_tasks_come_back_letter_for_letter(name):
    for index in range(3):
        text = make_task(name, Order(seed=5, index=index, variant=2 * index)).caption
        assert ENHANCE(text).prompt == text


NAMES = st.from_regex(HANDLE, fullmatch=True).map(lambda name: name[:20])
PHRASES = [
    *(text for texts in LOOSE_REFERENCES.values() for text in texts.split("|")),
    *(text for words in (words_of.MOTION_PHRASES, words_of.PLACE_OF) for text in words.common),
    *("{handle}", "the red {handle}", "{handle} jumps", "a ball near {handle}", "mail@{handle}"),
    *("{handle} collides with", "on the beach", "at night", "a star spins", ",", "and", "it sings"),
]


@given(st.lists(st.tuples(st.sampled_from(PHRASES), NAMES), min_size=1, max_size=6))
def test_no_free_text_loses_or_gains_a_handle(parts):
    text = " ".join(phrase.format(handle=name) for phrase, name in parts)
    found = ENHANCE(text).prompt
    assert _handles(found) == _handles(text)
    if found != text:
        assert ENHANCE(found).prompt == found


@pytest.mark.parametrize(
    ("text", "caption_of_it"),
    [
        ("@a", "@a bounces in a meadow by day. The camera is still."),
        (
            "a small @hero jupms on the beach",
            "The small @hero jumps on a beach by day. The camera is still.",
        ),
        (
            "@hero and @friend crash together at night",
            "@hero collides with @friend in a meadow at night. The camera is still.",
        ),
        (
            "@hero dances like @moves, drawn like @look",
            "@hero moves like @moves in a meadow by day. The camera is still. The style is that of"
            " @look.",
        ),
        (
            "a ball on @place",
            "A medium red rubber ball bounces in the place of @place. The camera is still.",
        ),
        (
            "@hero sings to the music of @theme with the sounds of @air",
            '@hero bounces in a meadow by day. The camera is still. @hero sings "la-mi-lo". Music'
            " like @theme plays. One hears the ambience of @air.",
        ),
        (
            "starting with @start, it changes like @magic, zooms in",
            "@start is the first frame and it bounces then changes as in @magic. The camera zooms"
            " in.",
        ),
        (
            "the story of @board",
            "The clip tells the storyboard @board in order. The camera is still.",
        ),
        (
            "@hero looks like @mimic and spins in the rain",
            "@hero with the expression of @mimic spins in a meadow in the rain by day. The camera"
            " is still.",
        ),
    ],
)
def test_free_text_with_handles_becomes_a_caption(text, caption_of_it):
    found = ENHANCE(text)
    assert found.prompt == caption_of_it
    assert found.notes
    assert ENHANCE(caption_of_it).prompt == caption_of_it


def test_what_is_said_of_a_handle_is_read_and_looks_are_not_invented():
    reading = read("the large @hero on the left jumps, a star moves like @moves")
    hero, star = reading.things
    assert (hero.handle, hero.size, hero.side, hero.action) == ("@hero", "large", "left", "jump")
    assert (star.handle, star.shape, star.like, star.action) == (None, "star", "@moves", None)
    words = {word for table in (lexicon.COLOUR_WORDS, lexicon.MATERIAL_ADJECTIVES)
             for said in table.values() for word in said.common}  # fmt: skip
    assert not words & set(ENHANCE("@hero on a street").prompt.split())


@pytest.mark.parametrize("text", ["@hero meets a dog", "@hero's ball", "write to me@here.org"])
def test_what_is_not_understood_keeps_its_form(text):
    found = ENHANCE(text)
    assert found.prompt == text
    assert found.notes


def test_a_handle_that_is_no_picture_is_no_thing():
    found = StageEnhancer(pictured=frozenset({"@hero"})).enhance("@hero jumps with @song")
    assert found.prompt == "@hero jumps with @song"
    assert "what @song gives was not understood" in found.notes[0]


def test_every_phrase_of_a_reference_has_one_handle():
    assert all(phrase.count("@") == 1 for phrase in reference_phrases())
