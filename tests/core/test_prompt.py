import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openreels.core.prompt import (
    TAGS,
    VERBATIM,
    Prompt,
    Prose,
    Span,
    encoder_text,
    parse,
    serialise,
)

HANDLES = st.sampled_from(["@Audio-0", "@image_1", "@hero", "@x"])
PIECES = st.sampled_from([
    *(f"<{tag}>" for tag in TAGS),
    *(f"</{tag}>" for tag in TAGS),
    *("<", ">", "</", "@", "@hero", "@Audio-0", "me@home.org", " ", "\n", "  ", ". ", ",", "'s"),
    *("ball", "x < 3", "a<b", "<3", "é", "跳", "Sfx", "<sfx", "<dialog>", "-", "_0", "3"),
])
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def is_readable(build):
    try:
        build()
    except ValueError:
        return False
    return True


WORDS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
PROSE = WORDS.filter(lambda text: is_readable(lambda: Prose(text=text))).map(
    lambda text: Prose(text=text)
)
SPANS = st.builds(
    lambda tag, text, bound: Span(tag=tag, text=text, bound=bound),
    st.sampled_from(TAGS),
    WORDS.map(str.strip).filter(lambda text: is_readable(lambda: Span(tag="sfx", text=text))),
    st.none() | HANDLES,
)
PARTS = st.lists(PROSE | SPANS, max_size=6).map(tuple)


def normalised(text):
    """The normal form by another way: spaces at the edges of spans go, bound handles move up."""
    name = "|".join(TAGS)
    text = re.sub(rf"<({name})>\s*(.*?)\s*</\1>", r"<\1>\2</\1>", text, flags=re.S)
    bound = r"[ \t]+(@[A-Za-z][A-Za-z0-9_-]*)(?![A-Za-z0-9_-])(?=\s*(?:[^\w\s'\u2019]|$))"
    return re.sub(rf"(</(?:{name})>){bound}", r"\1\2", text)


@given(PARTS)
def test_what_is_written_reads_back(parts):
    assume(is_readable(lambda: Prompt(parts=parts)))
    tree = Prompt(parts=parts)
    assert parse(serialise(tree)) == tree


@given(TEXTS)
def test_what_is_read_is_written_in_normal_form(text):
    assume(is_readable(lambda: parse(text)))
    written = serialise(parse(text))
    assert written == normalised(text)
    assert serialise(parse(written)) == written


@given(TEXTS)
def test_offsets_lead_back_to_the_source(text):
    assume(is_readable(lambda: parse(text)))
    tree, done = parse(text), 0
    for part in tree.parts:
        assert part.start == done
        source = text[part.start : part.end]
        assert source == part.text if isinstance(part, Prose) else part.text in source
        done = part.end
    assert done == len(text)


@given(TEXTS)
def test_a_prompt_without_spans_is_read_by_the_encoder_letter_for_letter(text):
    assume(is_readable(lambda: parse(text)))
    if not parse(text).spans:
        assert encoder_text(text) == text == serialise(parse(text))
    assert not re.search(rf"</?(?:{'|'.join(TAGS)})>", encoder_text(text))


def test_prose_and_spans_come_in_order_with_their_places():
    text = "@ann waves. <dialogue> Hello, @bob! </dialogue> @Audio-0. <sfx>a bark of @dog</sfx> End"
    tree = parse(text)
    assert tree.parts == (
        Prose(text="@ann waves. "),
        Span(tag="dialogue", text="Hello, @bob!", bound="@Audio-0"),
        Prose(text=". "),
        Span(tag="sfx", text="a bark of @dog"),
        Prose(text=" End"),
    )
    assert text[tree.parts[1].start : tree.parts[1].end].endswith("</dialogue> @Audio-0")
    assert tree.handles == ("@ann", "@Audio-0", "@dog")
    assert [span.tag for span in tree.spans] == ["dialogue", "sfx"]


@pytest.mark.parametrize(
    "text",
    ["x < 3", "a<b and b>a", "I <3 stars", "if a <b then", "->", "< b >", "<https://a.org>", "<>"],
)
def test_a_sign_that_is_no_tag_is_text(text):
    assert parse(text).parts == (Prose(text=text),)
    assert encoder_text(text) == text


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@hero's hat, @image_1.", ("@hero", "@image_1")),
        ("女孩@image_1走过来", ("@image_1",)),
        ("mail me@home.org @ noon", ()),
        ("<text>@home</text> and <dialogue>call @bob</dialogue>", ()),
        ("<bgm>like @theme</bgm>", ("@theme",)),
        ("@a @b @a", ("@a", "@b")),
    ],
)
def test_handles_are_found_where_they_mean_something(text, handles):
    assert parse(text).handles == handles


@pytest.mark.parametrize(
    ("after", "bound"),
    [
        ("@Audio-0 and", "@Audio-0"),
        (" @Audio-0", "@Audio-0"),
        (" @Audio-0.", "@Audio-0"),
        (" @Audio-0 <sfx>a</sfx>", "@Audio-0"),
        (" @bob runs away", None),
        (" @bob's dog barks", None),
        (" 女孩@image_1", None),
        (" @image_1走", None),
        (". @Audio-0", None),
        ("\n@bob", None),
    ],
)
def test_a_handle_right_after_a_span_is_bound_to_it(after, bound):
    assert parse(f"<dialogue>Hi</dialogue>{after}").spans[0].bound == bound


@pytest.mark.parametrize(
    ("text", "voices"),
    [
        ("<dialogue>a</dialogue>@a", ("@a",)),
        ("@a says <dialogue>a</dialogue>, @b sings <singing>b</singing>", ("@a", "@b")),
        ("@b and @c: <dialogue>a</dialogue>@a <dialogue>b</dialogue>", ("@a", None)),
        ("@a meets @c: <dialogue>a</dialogue> <sfx>b</sfx> <dialogue>b</dialogue>", ("@a", None)),
        ("@a <dialogue>a</dialogue>@c", (None,)),
        ("@a <bgm>b</bgm>", ()),
    ],
)
def test_voices_are_those_bound_or_named_before(text, voices):
    assert parse(text).voices({"@a", "@b"}) == voices


WRONG = {
    "unknown": ("a <dialog>b</dialog>", "a tag must be one of <text>, .* got <dialog>; write <dia"),
    "capitals": ("<Dialogue>b</Dialogue>", "got <Dialogue>; write <dialogue>"),
    "no tag": ("List<int>", "got <int>; choose one, or put a space after a < that is no tag"),
    "line break": ("a<br/>b", "a tag must be one of .* got <br>"),
    "never closed": ("a <sfx>b", "every tag must be closed, got <sfx> at character 3 without </sf"),
    "never opened": ("a</sfx> b", "a closing tag needs an opening one, got </sfx> at character 2"),
    "crossed": ("<sfx>a</bgm>", "a span ends with the tag it began with, got </bgm>"),
    "nested": ("<bgm>a <sfx>b</sfx></bgm>", "spans do not nest, got <sfx> at character 8 inside"),
    "twice": ("<sfx>a <sfx>b</sfx></sfx>", "spans do not nest, got <sfx>"),
    "not closed before the next": ("<bgm>a <sfx>b</sfx>", "must be closed, got <sfx> .*; add </bg"),
    "empty": ("a <sfx></sfx>", "a span must hold words, got an empty <sfx> at character 3"),
    "blank": ("<text> \n </text>", "a span must hold words, got an empty <text>"),
    "attribute": ("<dialogue who=a>b</dialogue>", "nothing but its name, got '<dialogue who=a>'"),
    "spaces": ("< sfx >a</sfx>", "no spaces and nothing but its name, got '< sfx >'"),
    "space at the end": ("<sfx >a</sfx>", "no spaces and nothing but its name, got '<sfx >'"),
    "self-closing": ("<sfx/>", "no spaces and nothing but its name, got '<sfx/>'"),
    "no bracket": ("<sfx a</sfx>", "no spaces and nothing but its name, got '<sfx a'"),
    "no closing bracket": ("<sfx>a</sfx", "no spaces and nothing but its name, got '</sfx'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_has_its_own_sentence(name):
    text, message = WRONG[name]
    with pytest.raises(ValueError, match=rf"^(?=[^\n]+$).*{message}"):
        parse(text)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Prose(text=""),
        lambda: Prose(text="a <sfx> b"),
        lambda: Span(tag="sfx", text=" a"),
        lambda: Span(tag="sfx", text="</bgm>"),
        lambda: Span(tag="sfx", text="a", bound="hero"),
        lambda: Prompt(parts=(Prose(text="a"), Prose(text="b"))),
        lambda: Prompt(parts=(Span(tag="sfx", text="a"), Prose(text="@hero"))),
        lambda: Prompt(parts=(Span(tag="sfx", text="a", bound="@a"), Prose(text="b"))),
    ],
)
def test_a_tree_that_would_read_otherwise_cannot_be_made(build):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        build()


def test_a_span_of_an_unknown_tag_cannot_be_made():
    # Where types are checked at run time they refuse it first, with an error of their own.
    with pytest.raises((ValueError, TypeError), match=r"noise"):
        Span(tag="noise", text="a")


def test_the_encoder_gets_the_words_without_tags_voices_and_samples():
    text = (
        "@ann says <dialogue>Good morning.</dialogue>@Audio-0 <sfx> a door </sfx>\n"
        "<voice_ref>One two three</voice_ref>@Audio-0 at night"
    )
    assert encoder_text(text) == "@ann says Good morning. a door at night"
    assert set(TAGS) > VERBATIM
