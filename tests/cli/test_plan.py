import json

import pytest

from openreels.cli.plan_tables import clock, short


def test_one_json_object(openreels):
    words = "plan --preset 5b --resolution 720p --duration 10 --steps 30 --json --sparsity 0.9"
    made = json.loads(openreels(*words.split()).out)
    assert [way["name"] for way in made["strategies"]] == [
        "direct",
        "direct, sparse",
        "cascade",
        "cascade, sparse",
    ]
    assert made["parameters"] == 15_029_111_912
    assert made["strategies"][0]["stages"][0]["num_evaluations"] == 30


def test_tables_for_people(openreels):
    out = openreels("plan", "--preset", "14b", "--resolution", "1080p", "--duration", "15").out
    assert "14b: 44.1 G parameters; 1080p, 15.03 s, 24 steps" in out
    assert "1920x1088" in out
    assert "self products" in out
    assert "cascade, sparse" in out
    assert "H100 SXM" in out
    assert "takes more memory than one" in out
    assert "40% of the published bf16 peak" in out


def test_a_measured_speed_and_silence(openreels):
    out = openreels("plan", "--resolution", "64p", "--tflops", "0.1", "--no-sound").out
    assert "measured" in out
    assert "no cascade" in out
    assert "H100" not in out


def test_a_folder_of_weights(openreels, tiny_model):
    made = json.loads(openreels("plan", "--preset", tiny_model, "--json").out)
    assert made["model"] == str(tiny_model)
    assert made["strategies"][0]["stages"][0]["lengths"]["text"] == 24


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.05, "0.05 s"), (3.21, "3.2 s"), (119, "119 s"), (500, "8.3 min"), (90_000, "25 h")],
)
def test_seconds_are_said_as_people_say_them(seconds, said):
    assert clock(seconds) == said


def test_numbers_are_short():
    assert [short(x) for x in (0, 999, 1e3, 8.277e14, 1.2345e18)] == [
        "0 ",
        "999 ",
        "1 k",
        "828 T",
        "1.23 E",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--resolution 8k", "resolution must be one of 64p, 256p, 480p, 720p, 1080p"),
        ("--duration 60", "seconds"),
        ("--duration 0.5", "seconds"),
        ("--aspect-ratio 21:9", "aspect_ratio must be one of"),
        ("--preset 70b", "a preset is tiny, stage, 5b, 14b or a folder"),
        ("--fps 0", "fps must be 1 to 120"),
        ("--steps 0", "steps must be 1 to 200"),
        ("--guidance 0.5", "guidance_scale must be 1 to 30"),
        ("--sparsity 1", "sparsity must be 0 (dense) to below 1"),
        ("--tflops 0", "tflops must be positive"),
    ],
)
def test_what_no_preset_can_do_is_one_sentence(openreels, words, message):
    result = openreels("plan", *words.split())
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert message in result.err
    assert result.err.count("\n") == 1
