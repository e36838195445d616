import torch

from openreels.conditioning.prompts import message_of
from openreels.core.prompt import encoder_text
from openreels.core.protocols import ImagePart, TextPart

NUMBERS = {"@ann": 3, "@song": 4}


def _said(parts):
    return [(part.text, part.tag) for part in parts]


def test_without_references_the_message_is_the_words():
    text = "a @ball <sfx>with a  thud</sfx> <voice_ref>one</voice_ref>"
    assert message_of(text, {}) == (TextPart(encoder_text(text)),)


def test_handles_that_the_request_gives_carry_their_number():
    parts = message_of("look, @ann meets @bob and @ann's dog", NUMBERS)
    assert _said(parts) == [
        ("look, ", 0), ("@ann", 3), (" meets ", 0), ("@bob", 0), (" and ", 0), ("@ann", 3),
        ("'s dog", 0),
    ]  # fmt: skip


def test_speech_carries_the_number_of_its_voice():
    text = "@ann says <dialogue>hello</dialogue> and <dialogue>ho</dialogue>@ann"
    parts = message_of(text, NUMBERS, voiced=["@ann"])
    assert _said(parts) == [("@ann", 3), (" says ", 0), ("hello", 3), (" and ", 0), ("ho", 3)]
    silent = message_of(text, NUMBERS)
    assert _said(silent)[2] == ("hello", 0)


def test_other_spans_carry_the_number_of_the_handle_bound_to_them():
    parts = message_of("rain <bgm>a waltz</bgm>@song <text>@ann</text>", NUMBERS)
    assert _said(parts) == [("rain ", 0), ("a waltz", 4), (" ", 0), ("@ann", 0)]


def test_what_a_handle_shows_follows_its_first_use_and_the_rest_comes_last():
    pictures = {tag: [ImagePart(torch.zeros(4, 2, 2), tag)] for tag in (1, 3, 4)}
    parts = message_of("@ann and @ann <bgm>a waltz</bgm>@song end", NUMBERS, media=pictures)
    kinds = [part.text if isinstance(part, TextPart) else part.tag for part in parts]
    assert kinds == ["@ann", 3, " and ", "@ann", " ", "a waltz", 4, " end", 1]
