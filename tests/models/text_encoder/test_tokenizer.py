import re
import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.conditioning.prompts import message_of
from openreels.core.prompt import HANDLE
from openreels.core.protocols import ImagePart, TextPart
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.text_encoder.tokenizer import HashTokenizer

NAMES = st.one_of(
    st.from_regex(HANDLE, fullmatch=True).map(lambda name: name[:40]),
    st.sampled_from(["@a", "@An", "@the", "@a_the-an", "@a_", "@the--", "@image_1", "@x-1"]),
)


@pytest.fixture(scope="module")
def tokenizer():
    return HashTokenizer(presets.tiny())


@given(st.text() | st.text(alphabet="ath en@_-.'1\u2019"))
def test_without_names_of_articles_words_are_runs_of_letters_and_digits(text):
    tokenizer = HashTokenizer(presets.tiny())
    plain = re.sub("['\u2019]", "", unicodedata.normalize("NFKC", text).lower())
    words = re.findall(r"\w+", plain.replace("_", " "))
    expected = [word for word in words if word not in {"a", "an", "the"}]
    found = tokenizer.split(text)
    if not re.search(r"@(a|an|the)", plain):
        assert found == expected
    assert [word for word in found if word in expected] == expected


@given(NAMES)
def test_a_handle_in_words_alone_keeps_a_place(name):
    words = HashTokenizer(presets.tiny()).split(f"see {name}, there")
    assert words[0] == "see"
    assert words[-1] == "there"
    assert len(words) >= 3


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_every_handle_that_is_given_has_one_place_under_its_number(names, data):
    torch.manual_seed(0)
    encoder = PromptEncoder(presets.tiny())
    said = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=6))
    text = "; ".join(f"{name} rolls" for name in said)
    numbers = {name: 3 + place for place, name in enumerate(names)}
    message = message_of(text, numbers)
    tags = encoder.tags([message])[0].tolist()
    expected = [tag for name in said for tag in (numbers[name], 0)]
    assert tags == expected
    tokens, mask = encoder.encode([message])
    assert mask.sum() == tokens.shape[1] == len(expected)


@pytest.mark.parametrize("words", ["a", "The!", "?!", "an a"])
def test_a_span_whose_words_say_nothing_keeps_a_place_for_its_handle(tokenizer, words):
    message = message_of(
        f"@ann says <dialogue>{words}</dialogue>@ann", {"@ann": 3}, voiced=["@ann"]
    )
    assert [len(tokenizer.words_of(part)) for part in message] == [1, 1, 1]
    assert message[-1].tag == 3
    assert tokenizer.words_of(TextPart(words)) == []


def test_names_that_differ_have_other_tokens_and_those_of_words_their_words(tokenizer):
    first, second = (tokenizer.words_of(TextPart(name, 3)) for name in ("@image_1", "@image_2"))
    assert first != second
    assert tokenizer.words_of(TextPart("@hero", 3)) == tokenizer.split("hero")
    assert tokenizer.split("@red_ball rolls") == ["red", "ball", "rolls"]


def test_what_a_handle_shows_stands_after_it_whatever_its_name_is():
    config = presets.stage_media()
    encoder = PromptEncoder(config).eval()
    shown = {3: [ImagePart(torch.randn(16, 4, 4), 3)]}
    for name in ("@a", "@hero", "@image_1"):
        message = message_of(f"see {name} roll", {name: 3}, media=shown)
        assert encoder.tags([message])[0].tolist() == [0, 3, 3, 3, 3, 0]
