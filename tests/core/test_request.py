import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.config import from_dict
from openreels.core.request import (
    DEFAULT_DURATION_S,
    GenerationRequest,
    Keyframe,
    Reference,
    TaggedFile,
    validate,
)

PLAIN = GenerationRequest(prompt="a red ball bounces")
HERO = Reference(tag="@hero", images=("hero.png",))
VOICE = TaggedFile(tag="@hero", path="voice.wav")
CLIP = TaggedFile(tag="@hero", path="clip.mp4")


def keys(*times):
    return tuple(Keyframe(image="k.png", time_s=time_s) for time_s in times)


FULL = GenerationRequest(
    prompt="a red ball bounces next to @hero and @place",
    duration_s=2.5,
    references=(HERO, Reference(tag="@place", images=("a.png", "b.png"))),
    voices=(VOICE,),
    steps=4,
    step_cache=0.2,
)


def test_json_round_trip_of_every_field():
    assert GenerationRequest.from_json(FULL.to_json()) == FULL
    framed = dataclasses.replace(PLAIN, first_frame="a.png", keyframes=keys(1, None, 1.5))
    assert GenerationRequest.from_json(framed.to_json()) == framed
    assert GenerationRequest.from_json('{"prompt": "hi"}') == GenerationRequest(prompt="hi")


def test_every_file_is_listed():
    request = dataclasses.replace(FULL, extend="e", first_frame="f", keyframes=keys(1), grid=CLIP)
    names = {"hero.png", "a.png", "b.png", "voice.wav", "e", "f", "k.png", "clip.mp4"}
    assert set(request.paths) == names
    assert PLAIN.paths == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"prompt": "a", "keyframes": [{"image": "k.png", "times_s": 1}]}',
            r"^keyframes\[0\]\.ti",
        ),
        ('{"prompt": "a", "references": [{"tag": "@a"}]}', r"^references\[0\]\.images is missing"),
        ('{"prompt": "a", "voices": [{"tag": "@a", "path": 3}]}', r"^voices\[0\]\.path must be te"),
        ('{"prompt": "a", "mode": "slow"}', r"^mode must be one of fast, std, pro"),
        ('{"prompt": "a", "seed": 1.5}', r"^seed must be a whole number"),
        ('{"prompt": "a", "duration_s": NaN}', r"^duration_s must be a finite number"),
        ('{"negative_prompt": "a"}', r"^prompt is missing"),
    ],
)
def test_wrong_json_names_the_path(text, message):
    with pytest.raises(ValueError, match=message):
        GenerationRequest.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"duration_s": 1},
        {"duration_s": 15.0},
        {"prompt": "x" * 4000},
        {"keyframes": keys(0.0, 0.5, 1, 1.5, 2.25, 3)},
        {"keyframes": keys(None, None, None, None, None, None), "first_frame": "a.png"},
        {"first_frame": "a.png", "last_frame": "b.png", "keyframes": keys(1.5)},
        {"duration_s": 10, "keyframes": keys(9.9)},
        {
            "references": (HERO,),
            "voices": (VOICE,),
            "ref_video": TaggedFile(tag="@place", path="c"),
        },
        {"grid": CLIP},
        {"extend": "clip.mp4", "extend_before": True, "duration_s": 8},
        {"edit": "clip.mp4", "edit_region": "mask.png", "references": (HERO,), "keep_audio": True},
        {"edit": "clip.mp4", "ref_video": CLIP},
        {"edit": "clip.mp4", "edit_region": "mask.png", "ref_video": CLIP, "keep_audio": True},
        {"edit": "a", "references": (HERO,), "ref_video": TaggedFile(tag="@video_2", path="c")},
        {"ref_video": TaggedFile(tag="@video_1", path="c")},
        {"kind": "audio", "audio_refs": (TaggedFile(tag="@hero", path="theme.wav"),)},
        {"kind": "image", "references": (HERO,), "sound": False},
        {"guidance_scale": 1, "audio_guidance_scale": 30.0, "seed": 2**63 - 1, "steps": 1},
    ],
)
def test_valid_requests_pass_unchanged(change):
    request = from_dict(GenerationRequest, {**dataclasses.asdict(PLAIN), **_plain(change)})
    request = dataclasses.replace(request, prompt=" ".join([request.prompt, *request.tags]))
    assert validate(request) is request


CASES = {
    "empty": ({"prompt": ""}, "prompt must not be empty"),
    "blank": ({"prompt": " \n"}, "prompt must not be empty"),
    "long": ({"prompt": "x" * 10_000}, "at most 4000 characters, got 10000"),
    "long_negative": ({"negative_prompt": "x" * 4001}, "negative_prompt may have at most 4000"),
    "zero_s": ({"duration_s": 0}, "duration must be 1 to 15 seconds, got 0"),
    "99_s": ({"duration_s": 99}, "duration must be 1 to 15 seconds, got 99"),
    "seed": ({"seed": -1}, "seed must be 0 to"),
    "steps": ({"steps": 0}, "steps must be 1 to 200, got 0"),
    "step cache": ({"step_cache": 1.5}, "step_cache must be 0 to 1, got 1.5; 0 turns it off"),
    "guidance": ({"guidance_scale": 0.5}, "guidance_scale must be 1 to 30, got 0.5"),
    "audio_guidance": ({"audio_guidance_scale": 31}, "audio_guidance_scale must be 1 to 30"),
    "sync_guidance": ({"sync_guidance_scale": 0}, "sync_guidance_scale must be 1 to 30, got 0"),
    "seven_keyframes": (
        {"keyframes": keys(*[None] * 7)},
        "at most 6 keyframes can be given, got 7",
    ),
    "outside": ({"keyframes": keys(3.1)}, "inside the clip, 0 to 3 seconds, got 3.1"),
    "negative_time": ({"keyframes": keys(-1)}, "inside the clip, 0 to 3 seconds, got -1"),
    "too_close": ({"keyframes": keys(1.0, 1.1)}, "at least 0.25 seconds apart, got 1 and 1.1"),
    "on_first": ({"keyframes": keys(0.1), "first_frame": "a"}, "at least 0.25 seconds apart"),
    "on_last": ({"keyframes": keys(3.0), "last_frame": "a"}, "at least 0.25 seconds apart"),
    "four_refs": ({"references": (HERO,) * 4}, "at most 3 references can be given, got 4"),
    "six_pictures": (
        {"references": (Reference(tag="@hero", images=("a",) * 6),)},
        "1 to 5 pictures, got 6 for @hero",
    ),
    "no_pictures": ({"references": (Reference(tag="@hero", images=()),)}, "1 to 5 pictures, got 0"),
    "grid_and_refs": (
        {"references": (HERO,), "grid": TaggedFile(tag="@place", path="g.png")},
        "a grid takes the place of references",
    ),
    "voice_alone": ({"voices": (VOICE,)}, "a voice belongs to a reference picture"),
    "two_voices": ({"references": (HERO,), "voices": (VOICE, VOICE)}, "one voice, got two for @he"),
    "tag_start": ({"audio_refs": (TaggedFile(tag="hero", path="a"),)}, "a tag must start with @"),
    "tag_form": ({"audio_refs": (TaggedFile(tag="@a b", path="a"),)}, "letters, digits"),
    "tag_twice": ({"references": (HERO, HERO)}, "a tag names one thing, got @hero twice"),
    "tag_absent": ({"references": (HERO,)}, "must occur in the prompt, got @hero;"),
    "tag_unknown": ({"prompt": "a ball and @hero"}, "must be given by the request, got @hero;"),
    "unbalanced": ({"prompt": "a ball <sfx>rolls"}, "every tag must be closed, got <sfx>"),
    "endless": ({"prompt": "\u7403 " * 1281}, "about 1280 tokens, got 1281"),
    "frames_and_refs": ({"first_frame": "a", "references": (HERO,)}, "exclude references"),
    "keyframes_and_video": ({"keyframes": keys(1), "ref_video": CLIP}, "exclude references"),
    "frames_and_grid": ({"last_frame": "a", "grid": CLIP}, "exclude references"),
    "edit_and_extend": ({"edit": "a", "extend": "b"}, "only one clip can be the source"),
    "extend_and_video": ({"extend": "a", "ref_video": CLIP}, "extend takes no reference clip"),
    "source_name": (
        {"edit": "a", "ref_video": TaggedFile(tag="@video_1", path="b")},
        "@video_1 is the clip that is edited or extended",
    ),
    "picture_video": ({"kind": "image", "edit": "a", "ref_video": CLIP}, "one picture has no leng"),
    "edit_and_frame": ({"edit": "a", "first_frame": "b"}, "takes its frames from the given clip"),
    "extend_and_refs": ({"extend": "a", "references": (HERO,)}, "extend takes no references"),
    "extend_before": ({"extend_before": True}, "extend_before needs a clip"),
    "region": ({"edit_region": "mask.png"}, "edit_region needs a clip to edit"),
    "edit_length": ({"edit": "a", "duration_s": 3}, "the length follows the given clip"),
    "video_length": ({"ref_video": CLIP, "duration_s": 3}, "the length follows the given clip"),
    "keep_audio": ({"keep_audio": True}, "keep_audio needs a clip to edit"),
    "keep_silent": ({"edit": "a", "keep_audio": True, "sound": False}, "got sound off"),
    "silent_theme": ({"audio_refs": (CLIP,), "sound": False}, "need sound, got sound off"),
    "silent_audio": ({"kind": "audio", "sound": False}, "with sound off"),
    "audio_picture": ({"kind": "audio", "first_frame": "a"}, "takes no pictures, got first_frame"),
    "audio_refs": ({"kind": "audio", "references": (HERO,)}, "takes no pictures, got references"),
    "image_length": ({"kind": "image", "duration_s": 2}, "one picture has no length"),
    "image_frames": ({"kind": "image", "keyframes": keys(1)}, "one picture has no length"),
    "no_path": ({"first_frame": ""}, "must be named, got an empty path"),
    "no_clip_path": ({"extend": " "}, "must be named, got an empty path"),
    "no_voice_path": (
        {"references": (HERO,), "voices": (TaggedFile(tag="@hero", path=""),)},
        "must be named, got an empty path",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_rule_has_its_own_sentence(name):
    change, message = CASES[name]
    request = from_dict(GenerationRequest, {**dataclasses.asdict(PLAIN), **_plain(change)})
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        validate(request)
    assert message in str(caught.value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1, 15))
def test_a_keyframe_is_valid_exactly_inside_the_clip(time_s, duration_s):
    request = dataclasses.replace(PLAIN, duration_s=duration_s, keyframes=keys(time_s))
    if 0 <= time_s <= duration_s:
        validate(request)
    else:
        with pytest.raises(ValueError, match="inside the clip"):
            validate(request)


@pytest.mark.parametrize("source", [{}, {"extend": "clip.mp4"}])
def test_the_latest_time_is_the_length_of_what_is_made_new(source):
    assert dataclasses.replace(PLAIN, **source).max_time_s == DEFAULT_DURATION_S
    longest = dataclasses.replace(PLAIN, duration_s=15, **source)  # a given clip comes on top
    assert validate(longest).max_time_s == 15
    with pytest.raises(ValueError, match="1 to 15 seconds, got 16"):
        validate(dataclasses.replace(longest, duration_s=16))


def test_the_new_part_of_an_extension_may_be_asked_for_but_no_length_of_an_edit():
    validate(dataclasses.replace(PLAIN, extend="clip.mp4", duration_s=5))
    with pytest.raises(ValueError, match="the length follows the given clip"):
        validate(dataclasses.replace(PLAIN, edit="clip.mp4", duration_s=5))


def test_a_tagged_prompt_is_checked_with_its_voices_and_sounds():
    theme = TaggedFile(tag="@theme", path="theme.wav")
    request = dataclasses.replace(
        PLAIN,
        prompt="@hero says <dialogue>Good morning.</dialogue> <bgm>slow chords</bgm>@theme",
        references=(HERO,),
        voices=(VOICE,),
        audio_refs=(theme,),
    )
    assert validate(request) is request
    with pytest.raises(ValueError, match="must speak a <dialogue> or <singing>, got none for @he"):
        validate(dataclasses.replace(request, prompt="@hero <bgm>slow chords</bgm>@theme"))


def test_the_source_of_an_edit_may_be_named():
    for field in ("edit", "extend"):
        validate(GenerationRequest(prompt="@video_1 at night", **{field: "clip.mp4"}))
    with pytest.raises(ValueError, match="given by the request, got @video_1"):
        validate(GenerationRequest(prompt="@video_1 at night"))


def _plain(change):
    return {name: _value(value) for name, value in change.items()}


def _value(value):
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    return [_value(item) for item in value] if isinstance(value, tuple) else value
