import pytest

from openreels.core.prompt_rules import Named, broken_rules, count_tokens

TALK = "@ann says <dialogue>Hi</dialogue>"
GIVEN = Named(tags=("@ann", "@theme"), voices=("@ann",), sounds=("@theme",))

FINE = {
    "plain": ("a ball bounces", Named()),
    "a plain prompt says nothing of who speaks": ("@ann and @theme", GIVEN),
    "voice named before": (f"{TALK} <bgm>as @theme</bgm>", GIVEN),
    "voice bound": ("@ann <singing>la</singing>@ann <bgm>slow</bgm>@theme", GIVEN),
    "a sound as the voice": ("<dialogue>Hi</dialogue>@Audio-0", Named(tags=("@Audio-0",))),
    "sample of the only voice": (
        f"{TALK} <voice_ref>One two</voice_ref>",
        Named(tags=("@ann",), voices=("@ann",)),
    ),
    "sample of one of two": (f"{TALK} <voice_ref>One</voice_ref>@theme", GIVEN),
    "source": ("@video_1 at night", Named(source=True)),
    "source unnamed": ("at night", Named(source=True)),
    "explained": ("Cast: @ball is a red ball; @star_2 is the star. @ball hits @star_2", Named()),
    "1280 tokens": ("ball " * 1280, Named()),
}


@pytest.mark.parametrize("name", FINE)
def test_what_fits_its_request_passes(name):
    assert list(broken_rules(*FINE[name])) == []


WRONG = {
    "tokens": ("ball " * 1281, Named(), "about 1280 tokens, got 1281 words and characters"),
    "syntax": ("<sfx>a", Named(), "every tag must be closed"),
    "absent": ("a ball", Named(tags=("@ann",)), "every tag must occur in the prompt, got @ann;"),
    "without @": ("ann waves", Named(tags=("@ann",)), "starts with @ in the prompt too, got 'ann'"),
    "voice without @": (
        "<dialogue>Hi</dialogue>Audio-0",
        Named(tags=("@Audio-0",), sounds=("@Audio-0",)),
        "starts with @ in the prompt too, got 'Audio-0' there; write @Audio-0",
    ),
    "among spoken words": (
        "<dialogue>Hi @ann</dialogue>",
        Named(tags=("@ann",)),
        "a handle among the words of <dialogue> would be spoken, got @ann there; put it right aft",
    ),
    "among shown words": (
        "<text>@ann</text>",
        Named(tags=("@ann",)),
        "a handle among the words of <text> would be shown",
    ),
    "undefined": ("@bob waves", Named(), "given by the request, got @bob; give a file for @bob"),
    "explained too late": ("@bob waves. @bob is a man", Named(), "got @bob; give a file for @bob"),
    "another is explained": ("@bob2 is a man. @bob waves", Named(), "got @bob; give a file"),
    "nearly": ("@ann @Theme <bgm>a</bgm>@theme", GIVEN, "got @Theme; write @theme, or put words"),
    "no source": ("@video_1", Named(), "given by the request, got @video_1"),
    "silent voice": (
        "@ann waves <sfx>a door</sfx> @theme",
        GIVEN,
        "a voice must speak a <dialogue> or <singing>, got none for @ann; write @ann right after",
    ),
    "voice of another": (
        "<dialogue>Hi</dialogue>@theme, then @ann waves",
        GIVEN,
        "a voice must speak a <dialogue> or <singing>, got none for @ann",
    ),
    "sample without a voice": (
        "<voice_ref>One</voice_ref>",
        Named(),
        "<voice_ref> has the words of a voice sample, got no sample; give a voice",
    ),
    "sample of nobody": (
        f"{TALK}, not @theme: <voice_ref>One</voice_ref>@bob",
        Named(tags=("@ann", "@theme", "@bob"), voices=("@ann",), sounds=("@theme",)),
        "<voice_ref> belongs to a voice sample, got @bob, which has none; bind it to one of @ann",
    ),
    "sample of whom": (
        f"{TALK}, not @theme: <voice_ref>One</voice_ref>",
        GIVEN,
        "<voice_ref> must say whose words it has, got 2 samples; write one of @ann, @theme right",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_rule_has_its_own_sentence(name):
    text, named, message = WRONG[name]
    found = list(broken_rules(text, named))
    assert found
    assert message in found[0]
    assert all("\n" not in sentence for sentence in found)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("A red ball, bouncing!", 4),
        ("红色的球 bounces", 5),
        ("빨간 공", 3),
        ("a_b x-y", 3),
    ],
)
def test_words_and_characters_count(text, tokens):
    assert count_tokens(text) == tokens
