import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from openreels.core.request import GenerationRequest
from openreels.media.audio import read_waveform
from openreels.media.clip import read_clip
from openreels.media.image import read_image
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import save_lora

FAST = ("--steps", "1", "--duration", "1", "--no-enhance")


def keyframes(number, *, step=0.25):
    words = []
    for index in range(number):
        words += ["--keyframe", f"{index * step}=picture.png"]
    return words


def test_a_prompt_becomes_a_clip_and_one_json_object(openreels, files, tiny_model):
    words = ("a red ball", "-o", "out.mp4", "--preset", tiny_model, *FAST, "--seed", 7, "--json")
    result = openreels("generate", *words)
    assert result.status == 0, result.err
    facts = json.loads(result.out)
    assert facts["path"] == "out.mp4"
    assert (facts["width"], facts["height"], facts["fps"]) == (64, 64, 16)
    assert (facts["seed"], facts["steps"], facts["sample_rate_hz"]) == (7, 1, 44_100)
    assert {"read", "encode", "denoise", "decode"} <= facts["stages_s"].keys()
    clip = read_clip(files / "out.mp4")
    assert clip.num_frames == facts["num_frames"] == 17
    assert clip.waveform.shape == (2, round(17 / 16 * 44_100))
    assert "denoise" in result.err


def test_the_suffix_chooses_sound_or_picture(openreels, files, tiny_model):
    model = ("--preset", tiny_model, "--steps", 1)
    heard = openreels("generate", "rain", "-o", "a.wav", "--duration", 1, *model)
    assert heard.status == 0, heard.err
    assert read_waveform(files / "a.wav").shape[1] == pytest.approx(44_100, abs=4096)
    seen = openreels("generate", "a red ball", "-o", "a.png", *model)
    assert seen.status == 0, seen.err
    assert read_image(files / "a.png").shape == (64, 64, 3)
    assert "a.png: 64x64, seed 0, 1 steps" in seen.out


def test_a_request_file_gives_the_same_clip_and_options_win(openreels, files, tiny_model):
    model = ("--preset", tiny_model)
    words = ("a cube", *FAST, "--seed", 3, "--first-frame", "picture.png", "--no-sound")
    words += ("--cache", "0.2")
    first = openreels("generate", *words, *model, "-o", "a.mp4", "--save-request", "request.json")
    assert first.status == 0, first.err
    request = GenerationRequest.from_json((files / "request.json").read_text())
    assert request == GenerationRequest(
        prompt="a cube",
        duration_s=1.0,
        steps=1,
        seed=3,
        enhance=False,
        sound=False,
        step_cache=0.2,
        first_frame="picture.png",
    )
    again = openreels("generate", "--request", "request.json", *model, "-o", "b.mp4")
    assert again.status == 0, again.err
    assert (files / "a.mp4").read_bytes() == (files / "b.mp4").read_bytes()
    other = openreels("generate", "--request", "request.json", "--seed", 4, *model, "-o", "c.mp4")
    assert "seed 4" in other.out


def test_a_masked_edit_with_a_smaller_mask_says_so(openreels, files, tiny_model):
    words = ("a ball", "--edit", "clip.mp4", "--edit-region", "small.png", "--keep-audio")
    result = openreels("generate", *words, "-o", "a.mp4", "--preset", tiny_model, "--steps", 1)
    assert result.status == 0, result.err
    kept, source = read_clip(files / "a.mp4").frames, read_clip(files / "clip.mp4").frames
    left = (slice(None), slice(None), slice(0, 24))
    assert np.abs(kept[left].astype(int) - source[left]).mean() < 6


def test_changes_of_the_weights_are_added_and_told(openreels, files, tiny_model):
    network = load_network(tiny_model / "mmdit.safetensors", kind=MMDiT)
    config = LowRankConfig(rank=1, alpha=4.0)
    add_low_rank(network, config, generator=torch.Generator().manual_seed(0))
    factors = low_rank_factors(network.state_dict())
    ones = {name: torch.ones_like(factor) for name, factor in factors.items()}
    save_lora(files / "look.safetensors", network, ones, config, metadata={"recipe": "none"})
    told = json.loads(openreels("inspect", "look.safetensors", "--json").out)
    assert (told["kind"], told["network"]) == ("low-rank changes", "mmdit")
    assert told["config"] == {"rank": 1, "alpha": 4.0, "layers": [], "whole": []}
    made = []
    for words, name in (
        ((), ""),
        (("--lora", "look.safetensors=0"), " + 0 look.safetensors"),
        (("--lora", "look.safetensors"), " + 1 look.safetensors"),
    ):
        model = ("--preset", tiny_model, "--steps", 1, "--no-enhance", "--json")
        result = openreels("generate", "a red ball", "-o", "a.png", *model, *words)
        assert result.status == 0, result.err
        assert json.loads(result.out)["model"] == f"{tiny_model}{name}"
        made.append(read_image(files / "a.png"))
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_six_keyframes_are_accepted(openreels, files, tiny_model):
    words = (*keyframes(6, step=0.2 + 0.05), "-o", "a.mp4", "--duration", "1.5", "--steps", 1)
    result = openreels("generate", "a red ball", *words, "--preset", tiny_model)
    assert result.status == 0, result.err


WRONG = {
    "unknown flag": (["--foo"], "No such option: --foo"),
    "no number": (["--duration", "long"], "--duration"),
    "missing picture": (["--first-frame", "none.png"], "must exist, got none.png"),
    "missing clip": (["--extend", "none.mp4"], "must exist, got none.mp4"),
    "empty file": (["--extend", "empty.mp4"], "must not be empty"),
    "corrupt clip": (["--extend", "corrupt.mp4"], "corrupt.mp4"),
    "text named mp4": (["--extend", "text.mp4"], "text.mp4 is not a clip or a sound"),
    "text named png": (["--first-frame", "text.png"], "text.png is not a picture"),
    "no frames": (["--extend", "sound.m4a"], "needs a picture, got sound.m4a without one"),
    "NaN sound": (["--extend", "nan.mkv"], "finite numbers, got NaN"),
    "0 seconds": (["--duration", "0"], "duration must be 1 to 15 seconds, got 0"),
    "99 seconds": (["--duration", "99"], "duration must be 1 to 15 seconds, got 99"),
    "NaN seconds": (["--duration", "nan"], "duration_s must be a finite number"),
    "seven keyframes": (keyframes(7), "at most 6 keyframes can be given, got 7"),
    "keyframe outside": (["--keyframe", "3.5=picture.png"], "inside the clip, 0 to 3 seconds"),
    "keyframe form": (["--keyframe", "picture.png"], "--keyframe takes SECONDS=IMAGE"),
    "mask of another shape": (
        ["--edit", "clip.mp4", "--edit-region", "wide.png"],
        "must have the shape of its clip, 64x64, got 64x32",
    ),
    "mask of another length": (
        ["--edit", "clip.mp4", "--edit-region", "short.mp4"],
        "as long as its clip, 1.06 seconds, got 0.31",
    ),
    "long prompt": (["--negative-prompt", "x" * 10_000], "at most 4000 characters, got 10000"),
    "unwritable": (["-o", "none/a.mp4"], "folder of the output must exist, got none"),
    "output is a folder": (["-o", "."], "must end in one of"),
    "output suffix": (["-o", "a.txt"], "must end in one of .mp4"),
    "no device": (["-o", "/proc/a.mp4"], "must be writable"),
    "unknown ratio": (["--aspect-ratio", "2:1"], "aspect_ratio must be one of 16:9"),
    "cache outside": (["--cache", "2"], "step_cache must be 0 to 1, got 2; 0 turns it off"),
    "unknown size": (["--resolution", "8k"], "resolution must be one of 64p"),
    "size not made": (["--resolution", "1080p"], "this model makes 64p"),
    "tag not in prompt": (["--ref", "@hero=picture.png"], "every tag must occur in the prompt"),
    "tag form": (["--ref", "hero"], "--ref takes @TAG=IMAGE"),
    "exclusive": (["--extend", "clip.mp4", "--edit", "clip.mp4"], "only one clip"),
    "no model": (["--preset", "none"], "a model is 'stage' or a folder of weights"),
    "change missing": (["--lora", "none.safetensors"], "no weights file at none.safetensors"),
    "change is no change": (["--lora", "text.png"], "text.png is not a safetensors file"),
    "change without a scale": (["--lora", "a="], "--lora takes FILE or FILE=SCALE, got 'a='"),
    "request missing": (["--request", "none.json"], "must exist, got none.json"),
    "request broken": (["--request", "text.mp4"], "must be written as JSON"),
    "request unknown field": (["--request", "bad.json"], "keyframes[0].when is not a field"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence_and_leaves_nothing(openreels, files, tiny_model, name):
    words, message = WRONG[name]
    before = sorted(files.rglob("*"))
    result = openreels(
        "generate", "a red ball", "-o", "out.mp4", "--preset", tiny_model, "--steps", 1, *words
    )
    sentence = result.err.strip().splitlines()[-1]
    assert result.status == 2, result.err
    assert sentence.startswith("error: ")
    assert message in sentence
    assert "Traceback" not in result.err
    assert result.out == ""
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize("prompt", ["", "  ", "x" * 10_000])
def test_an_empty_or_endless_prompt_is_refused(openreels, files, prompt):
    result = openreels("generate", prompt, "-o", "out.mp4")
    assert result.status == 2
    assert result.err.startswith("error: prompt m")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a <dialog>hi</dialog>", "a tag must be one of <text>"),
        ("a ball <sfx>rolls", "every tag must be closed, got <sfx> at character 8"),
        ("<bgm>a <sfx>b</sfx></bgm>", "spans do not nest"),
        ("@hero waves", "every handle of the prompt must be given by the request, got @hero"),
    ],
)
def test_a_wrong_prompt_is_one_sentence_at_every_door(openreels, files, prompt, message):
    told = openreels("generate", prompt, "-o", "out.mp4")
    (files / "request.json").write_text(json.dumps({"prompt": prompt}))
    read = openreels("generate", "--request", "request.json", "-o", "out.mp4")
    shown = openreels("inspect", "request.json")
    for result in (told, read, shown):
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith(f"error: {message}")
        assert result.err.count("\n") == 1
    assert not (files / "out.mp4").exists()


def test_the_enhanced_prompt_is_told(openreels, files, tiny_model):
    words = ("a blue ball", "-o", "a.png", "--preset", tiny_model, "--steps", 1)
    caption = "A medium blue rubber ball bounces in a meadow by day. The camera is still."
    facts = json.loads(openreels("generate", *words, "--enhancer", "stage", "--json").out)
    assert (facts["prompt"], facts["enhanced_prompt"]) == ("a blue ball", caption)
    told = openreels("generate", *words)
    assert told.status == 0, told.err
    assert f"prompt: {caption}\n" in told.err
    plain = openreels("generate", *words, "--no-enhance", "--json", "--save-request", "a.json")
    assert json.loads(plain.out)["enhanced_prompt"] is None
    assert json.loads((files / "a.json").read_text())["prompt"] == "a blue ball"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--enhancer", "none"], "an enhancer is stage, URL#MODEL"),
        (["--enhancer", "http://localhost:1/v1"], "a chat endpoint is written URL#MODEL"),
        (["--enhancer", "stage", "--no-enhance"], "leave one of the two out"),
        (["--enhancer", "."], "language model"),
    ],
)
def test_a_wrong_enhancer_is_one_sentence(openreels, files, tiny_model, words, message):
    result = openreels("generate", "a ball", "-o", "a.png", "--preset", tiny_model, *words)
    assert (result.status, result.out) == (2, "")
    assert message in result.err.strip().splitlines()[-1]
    assert result.err.strip().splitlines()[-1].startswith("error: ")
    assert not (files / "a.png").exists()


def test_prompt_and_output_are_needed(openreels, files):
    assert "a prompt must be given" in openreels("generate", "-o", "a.mp4").err
    assert "an output must be named" in openreels("generate", "a ball").err


def test_an_interrupted_process_leaves_no_file(files, tiny_model):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from openreels.cli.main import run; run()"
    )
    words = ["generate", "a ball", "-o", "out.mp4", "--preset", str(tiny_model)]
    words += ["--steps", "200", "--mode", "pro", "--duration", "15"]
    log = files / "log.txt"
    before = sorted({*files.rglob("*"), log})
    with log.open("w") as told:
        process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=files, stderr=told)
        while process.poll() is None and "denoise" not in log.read_text():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert log.read_text().endswith("error: stopped; no half-written file is left\n")
    assert "Traceback" not in log.read_text()
    assert sorted(files.rglob("*")) == before


REFERENCES = {
    "subjects": ("@a near @b", "--ref", "@a=picture.png,mask.png", "--ref", "@b=small.png"),
    "voice": (
        "@a says <dialogue>ba</dialogue>", "--ref", "@a=picture.png", "--voice", "@a=sound.m4a",
    ),
    "grid": ("as in @g", "--grid", "@g=picture.png"),
    "auto keyframe": ("a ball", "--keyframe", "auto=picture.png", "--keyframe", "0.5=mask.png"),
    "sound": ("rain like @s", "--audio-ref", "@s=sound.m4a"),
    "motion": ("a ball moves like @m", "--ref-video", "@m=clip.mp4"),
    "motion of a subject": (
        "@a moves like @m", "--ref-video", "@m=clip.mp4", "--ref", "@a=picture.png",
    ),
    "instruction": ("make the ball in @video_1 red", "--edit", "clip.mp4"),
    "instruction, same sound": ("make it night", "--edit", "clip.mp4", "--keep-audio"),
    "instruction and subject": ("put in @a", "--edit", "clip.mp4", "--ref", "@a=picture.png"),
    "region and subject": (
        "put in @a", "--edit", "clip.mp4", "--edit-region", "mask.png", "--ref", "@a=picture.png",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFERENCES)
def test_references_and_edits_run_from_the_command_line(openreels, files, tiny_model, name):
    words = REFERENCES[name]
    long = () if "--edit" in words or "--ref-video" in words else ("--duration", 1)
    options = ("--preset", tiny_model, "--steps", 1, *long, "--json", "-o", "out.mp4")
    result = openreels("generate", *words, *options)
    assert result.status == 0, result.err
    facts = json.loads(result.out)
    clip = read_clip(files / "out.mp4")
    assert clip.num_frames == facts["num_frames"] == 17
    assert clip.waveform.shape[1] == round(17 / 16 * 44_100)
    assert any("trained without references" in note for note in facts["notes"])
    if "motion" in name or "same sound" in name:
        source = read_clip(files / "clip.mp4").waveform
        assert np.abs(clip.waveform - source)[:, 3000:-3000].max() < 0.05


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("make it red", "--edit", "picture.png"), "out.png"),
        (("a ball", "--edit", "picture.png", "--edit-region", "mask.png"), "out.png"),
        (("@a", "--ref", "@a=picture.png"), "out.png"),
        (("like @s", "--audio-ref", "@s=sound.m4a", "--duration", 1), "out.wav"),
    ],
)
def test_pictures_and_sounds_take_references_too(openreels, files, tiny_model, words, out):
    options = ("--preset", tiny_model, "--steps", 1, "-o", out)
    result = openreels("generate", *words, *options)
    assert result.status == 0, result.err
    if out.endswith(".png"):
        made, given = read_image(files / out), read_image(files / "picture.png")
        assert made.shape == (64, 64, 3)
        if "--edit-region" in words:
            assert np.array_equal(made[:, :32], given[:, :32])
    else:
        assert read_waveform(files / out).shape[1] == pytest.approx(44_100, abs=4096)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("@a", "--ref", "@a=no.png"), "no.png"),
        (("@a", "--ref", "@a=text.png"), "text.png"),
        (("@s", "--audio-ref", "@s=picture.png"), "picture.png"),
        (("@m", "--ref-video", "@m=picture.png"), "picture.png"),
        (("@m", "--ref-video", "@m=sound.m4a"), "sound.m4a"),
        (("a ball", "--ref-video", ""), "--ref-video takes @TAG=FILE, got ''"),
        (("a ball", "--grid", ""), "--grid takes @TAG=FILE, got ''"),
        (("@a", "--ref", "@a=picture.png", "--first-frame", "picture.png"), "exclude references"),
        (("make it red", "--edit", "clip.mp4", "--duration", "2"), "length follows the given clip"),
        (("nothing", "--ref", "@a=picture.png"), "every tag must occur in the prompt"),
    ],
)
def test_bad_references_are_one_sentence(openreels, files, tiny_model, words, message):
    result = openreels("generate", *words, "--preset", tiny_model, "--steps", 1, "-o", "out.mp4")
    assert result.status == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert not (files / "out.mp4").exists()
