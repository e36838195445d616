from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.prompt import parse
from openreels.core.protocols import Enhancer
from openreels.core.request import GenerationRequest, validate
from openreels.stage.captions import caption, describe, held_out_prompts
from openreels.stage.enhance import SHAPE, USUAL, StageEnhancer, fill, write
from openreels.stage.reading import read
from openreels.stage.scene import SHAPES
from openreels.stage.world import WorldSettings, sample_scene

LOOKS = WorldSettings(
    weather_share=0.5,
    style_share=0.5,
    face_share=0.5,
    words_share=0.2,
    logo_share=0.2,
    cut_share=0.2,
)
HEARD = WorldSettings(
    speech_share=0.3,
    song_share=0.3,
    narrator_share=0.2,
    music_share=0.5,
    ambience_share=0.5,
    instrument_share=0.5,
)
OF_A_THING = (
    "expression",
    "shape",
    "colour",
    "material",
    "size",
    "action",
    "side",
    "direction",
    "partner",
    "plays",
)
OF_A_SCENE = ("place", "time_of_day", "camera", "weather", "style", "music", "ambience")
ENHANCE = StageEnhancer().enhance
DEFAULT = "A medium red rubber ball bounces in a meadow by day. The camera is still."


def test_it_keeps_the_promise_of_its_room():
    assert isinstance(StageEnhancer(), Enhancer)
    assert set(USUAL) == set(SHAPES)


@pytest.mark.parametrize(
    "settings", [WorldSettings(), LOOKS, HEARD], ids=["plain", "looks", "heard"]
)
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("tier", ["long", "short", "structured"])
def test_captions_come_back_letter_for_letter(tier, held_out, settings):
    for index in range(60):
        scene = sample_scene(8, index, settings=settings)
        text = caption(scene, index, tier=tier, held_out=held_out)
        assert validate(GenerationRequest(prompt=text)).prompt == text
        assert ENHANCE(text).prompt == text
        assert ENHANCE(text).notes == ()


def test_the_prompts_of_the_bench_come_back_letter_for_letter():
    for text, _ in held_out_prompts(100):
        assert ENHANCE(text).prompt == text


def test_rare_words_become_plain_ones_and_nothing_that_was_said_is_lost():
    settings = WorldSettings(
        weather_share=0.5,
        style_share=0.5,
        face_share=0.5,
        music_share=0.5,
        ambience_share=0.5,
        instrument_share=0.5,
    )
    for index in range(100):
        scene = sample_scene(9, index, settings=settings)
        text = describe(scene, index, rare_words=True).text
        before, after = read(text), read(ENHANCE(text).prompt)
        assert after.in_captions
        for thing, written in zip(before.things, after.things, strict=True):
            for name in OF_A_THING:
                said = getattr(thing, name)
                unsaid = said is None or (name == "direction" and thing.partner is not None)
                assert unsaid or getattr(written, name) == said, text
        for name in OF_A_SCENE:
            assert getattr(before, name) in (None, getattr(after, name)), text


@pytest.mark.parametrize(
    ("text", "caption_of_it"),
    [
        ("a ball", DEFAULT),
        ("make a video", DEFAULT),
        ("a bonucing crimson shpere on the grass", DEFAULT),
        (
            "a small glass star spins on a beach at dusk",
            "A small yellow glass star spins on a beach at dusk. The camera is still.",
        ),
        (
            "a happy ball in the rain, pencil sketch",
            "A medium red rubber ball with a happy face bounces in a meadow in the rain by day. The"
            " camera is still. The style is a pencil sketch.",
        ),
        (
            "a red ball sings with sad music",
            "A medium red rubber ball with a happy face bounces in a meadow by day. The camera is"
            ' still. The red ball sings "la-mi-lo" in a middle voice. Sad music plays on plucked'
            " strings.",
        ),
        (
            "it rains, wind howls, a ball beats a drum",
            "A medium red rubber ball bounces on a drum in a meadow in the rain by day. The camera"
            " is still. Wind howls.",
        ),
        (
            "a cube rings a bell to organ music",
            "A medium blue wooden cube rolls ringing a bell in a meadow by day. The camera is"
            " still. Happy music plays on an organ.",
        ),
        (
            "two wooden cubes crash into each other at night",
            "A medium blue wooden cube collides with a medium red wooden cube in a meadow at night."
            " The camera is still.",
        ),
        (
            "an orange ring on the left and a huge ball rolls to the right, zooms in",
            "A medium orange metal ring on the left rolls and a large red rubber ball rolls to the"
            " right in a meadow by day. The camera zooms in.",
        ),
    ],
)
def test_free_text_becomes_a_caption(text, caption_of_it):
    enhanced = ENHANCE(text)
    assert enhanced.prompt == caption_of_it
    assert enhanced.notes
    assert ENHANCE(enhanced.prompt).prompt == caption_of_it


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("thunder", "the Stage world does not know 'thunder'"),
        ("a ball in a theatre in the snow", "the prompt says snow in the theatre"),
        ("a dog runs on a beach", "does not know 'dog', 'runs'"),
        ("a ball bounces in a forest", "does not know 'forest'"),
        ("a ball on a cube", "does not know 'on'"),
        ("a red and blue ball", "the prompt says colour red and blue of ball"),
        ("a lemon rolls", "names no thing of the Stage world, which are ball, cube"),
        ("a ball, a cube, a ring and a star", "at most 3 things, got 4"),
        ("two", "does not know 'two'"),
        (" ".join(f"word{i}" for i in range(40)), "and more"),
    ],
)
def test_what_is_not_understood_to_the_last_word_keeps_its_form(text, note):
    enhanced = ENHANCE(text)
    assert enhanced.prompt == text
    assert note in enhanced.notes[-1]
    assert all("\n" not in sentence for sentence in enhanced.notes)


def test_slips_are_mended_in_what_keeps_its_form():
    enhanced = ENHANCE("A Rde blal next to my dog on the beahc")
    assert enhanced.prompt == "A Red ball next to my dog on the beach"
    assert enhanced.notes[:3] == (
        "'Rde' was read as 'red'",
        "'blal' was read as 'ball'",
        "'beahc' was read as 'beach'",
    )


@pytest.mark.parametrize(
    "text",
    [
        "a logo of a blal",
        'a ball and "HELLO"',
        "a red ball bounces. Cut to a wide shot on a beach",
        "a ball <sfx>with a dull thud</sfx>",
        "@hero bounces",
        "<dialogue>a blal</dialogue>@Audio-0",
    ],
)
def test_structured_prompts_come_back_letter_for_letter(text):
    assert ENHANCE(text).prompt == text
    assert ENHANCE(text).notes == ()


@given(st.text(alphabet=st.sampled_from("a redbluoxst.,@<>-'ü球 \n"), max_size=40))
def test_any_prompt_gives_a_prompt_and_twice_is_as_good_as_once(text):
    try:
        parse(text)
    except ValueError:
        return
    once = ENHANCE(text).prompt
    assert ENHANCE(once).prompt == once


def test_filling_gives_every_thing_a_colour_of_its_own():
    filled = fill(read("a ball, a ball and a red star"))
    assert [thing.colour for thing in filled.things] == ["orange", "yellow", "red"]
    assert fill(read("")).things[0].shape == SHAPE


def test_a_reading_with_gaps_cannot_be_written():
    filled = fill(read("a ball"))
    (thing,) = filled.things
    for gap in (
        replace(filled, place=None),
        replace(filled, things=(replace(thing, colour=None),)),
        replace(filled, things=(replace(thing, action=None),)),
    ):
        with pytest.raises(ValueError, match="fill the reading first"):
            write(gap)
