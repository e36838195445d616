import re

import pytest

from openreels.stage import lexicon, lexicon_looks
from openreels.stage.loose_words import LOOKALIKES
from openreels.stage.vocabulary import find, mend, phrases


def kinds(text):
    return [(item.kind, item.value) for item in find(text)[0]]


def test_every_word_of_the_lexicon_is_found_as_what_it_is():
    tables = {
        "shape": lexicon.SHAPE_WORDS,
        "colour": lexicon.COLOUR_WORDS,
        "size": lexicon.SIZE_WORDS,
        "place": lexicon.PLACE_PHRASES,
        "time_of_day": lexicon.TIME_PHRASES,
        "camera": lexicon.CAMERA_SENTENCES,
        "side": lexicon.SIDE_PHRASES,
        "direction": lexicon.TRAVEL_PHRASES,
        "sound": lexicon.SOUND_PHRASES,
        "material": lexicon.MATERIAL_NOUNS,
        "weather": lexicon_looks.WEATHER_SENTENCES,
        "style": lexicon_looks.STYLE_SENTENCES,
        "expression": lexicon_looks.FACE_PHRASES,
    }
    for kind, table in tables.items():
        for value, words in table.items():
            for text in words.common + words.rare:
                assert kinds(text.upper()) == [(kind, value)], text
    for action, words in lexicon.ACTION_WORDS.items():
        for text in words.common + words.rare:
            for part, kind in zip(text.split("/"), ("action", "doing"), strict=True):
                wanted = "hit" if action == "collide" else kind
                assert kinds(part) == [(wanted, action)], part


def test_the_longest_phrase_wins():
    assert kinds("dark blue") == [("colour", "blue")]
    assert kinds("rolls into a wall and back") == [("action", "roll")]
    assert kinds("the camera pans to the left") == [("camera", "pan left")]
    assert kinds("colliding with a dull thud at the impact") == [
        ("meet", "collide"),
        ("sound", "rubber"),
        ("moment", "collide"),
    ]


def test_phrases_lead_back_to_their_place_in_the_text():
    text = "Look: a bright-red ball, it's huge!"
    items, mendings = find(text)
    assert not mendings
    assert [text[item.start :].split()[0] for item in items][:4] == [
        "Look:",
        ":",
        "a",
        "bright-red",
    ]
    assert [i.kind for i in items] == [
        "unknown", "stop", "word", "colour", "shape", "stop", "unknown", "size", "stop",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bonucing", "bouncing"),
        ("shpere", "sphere"),
        ("rde", "red"),
        ("pyramyd", "pyramid"),
        ("pyrmid", "pyramid"),
        ("purpel", "purple"),
        ("metalic", "metallic"),
        ("yelow", "yellow"),
        ("meadoww", "meadow"),
        ("swining", "swinging"),
        ("ball", "ball"),
        ("balls", "balls"),
        ("boxes", "boxes"),
        ("bell", "bell"),
        ("king", "king"),
        ("tall", "tall"),
        ("sun", "sun"),
        ("week", "week"),
        ("éclair", "éclair"),
        ("b4ll", "b4ll"),
    ],
)
def test_slips_are_mended_and_other_words_are_left(written, meant):
    assert mend(written) == meant


def test_words_that_only_look_like_ours_are_all_needed_and_none_is_ours():
    assert all(mend(word) == word for word in LOOKALIKES)
    assert not LOOKALIKES & {word for words in phrases() for word in words}


def test_mendings_tell_what_was_written_and_where():
    text = "A Rde ball on the beahc"
    mendings = find(text)[1]
    assert [(m.written, m.read) for m in mendings] == [("Rde", "red"), ("beahc", "beach")]
    assert all(text[m.start :].startswith(m.written) for m in mendings)


def test_no_phrase_is_empty_and_all_are_in_lower_case():
    for words in phrases():
        assert words
        assert all(re.fullmatch(r"[a-z0-9]+", word) for word in words)
