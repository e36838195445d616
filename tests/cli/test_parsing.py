import pytest

from openreels.cli.parsing import (
    parse_keyframe,
    parse_lora,
    parse_reference,
    parse_tagged,
    parse_time,
)


def test_values_with_a_form():
    assert parse_keyframe("1.5=a=b.png") == {"time_s": 1.5, "image": "a=b.png"}
    assert parse_keyframe("auto=a.png") == {"time_s": None, "image": "a.png"}
    assert parse_reference("@cat=a.png, b.png") == {"tag": "@cat", "images": ["a.png", "b.png"]}
    assert parse_tagged("@cat=a.wav", option="--voice") == {"tag": "@cat", "path": "a.wav"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30m", 1800), ("1.5h", 5400), ("1h30m", 5400), ("2s", 2)]
)
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5d", "0", "1h x"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="--time-limit takes"):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "a.png", "=a.png", "1=", "soon=a.png"])
def test_what_is_no_keyframe_is_refused(text):
    with pytest.raises(ValueError, match=r"--keyframe takes SECONDS=IMAGE or auto=IMAGE, got"):
        parse_keyframe(text)


def test_a_reference_needs_both_halves():
    with pytest.raises(ValueError, match=r"--ref takes @TAG=IMAGE"):
        parse_reference("@cat")
    with pytest.raises(ValueError, match=r"--grid takes @TAG=FILE, got 'x'"):
        parse_tagged("x", option="--grid")


def test_changes_of_weights_have_a_scale():
    assert parse_lora("a.safetensors") == ("a.safetensors", 1.0)
    assert parse_lora("a=b.safetensors=-0.5") == ("a=b.safetensors", -0.5)


@pytest.mark.parametrize("path", ["lr=0.1/x.safetensors", "a=b.safetensors", "run=2/x.bin"])
def test_a_path_of_changes_may_hold_an_equals_sign(path):
    assert parse_lora(path) == (path, 1.0)
    assert parse_lora(f"{path}=0.5") == (path, 0.5)


@pytest.mark.parametrize("text", ["", "=", "x.safetensors=abc", "a=", "a=nan", "a=inf", "=1"])
def test_a_scale_must_be_a_number(text):
    with pytest.raises(ValueError, match=r"--lora takes FILE or FILE=SCALE"):
        parse_lora(text)
