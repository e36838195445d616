import dataclasses
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import openreels as package
from openreels.core.request import GenerationRequest

ROOT = Path(__file__).parents[2]


def test_help_lists_the_commands_and_needs_no_torch():
    code = (
        "import sys; from openreels.cli.main import main; main(['--help']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'av')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = ("generate", "refine", "stage", "plan", "bench", "train", "average", "inspect")
    for command in commands:
        assert command in done.stdout


def test_a_real_process_answers_wrong_flags_in_one_sentence():
    command = [sys.executable, "-m", "openreels", "generate", "a", "--foo"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such option: --foo")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["bench"], "Missing option"),
        (["inspect", "none.mp4"], "must exist, got none.mp4"),
        (["train", "nothing"], "a recipe must be one of"),
        (["train", "tiny", "--time-limit", "soon"], "--time-limit takes seconds or a time"),
        (["bench", "-o", "b", "--suite", "moon"], "the suite must be stage"),
        (["bench", "-o", "b", "--tasks", "moon"], "tasks must be among"),
    ],
)
def test_wrong_words_exit_with_two(openreels, words, message):
    result = openreels(*words)
    assert result.status == 2
    assert result.err.startswith("error: ")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "asked", ["torch.empty(2**50)", "numpy.empty(2**58)", "torch.zeros(2**48, dtype=torch.uint8)"]
)
def test_memory_that_runs_out_is_told_in_one_sentence(openreels, tmp_path, asked):
    path = tmp_path / "large.py"
    path.write_text(f"import numpy, torch\ndef recipe():\n    return {asked}\n")
    result = openreels("train", path, "-o", tmp_path)
    assert result.status == 2
    assert result.err.startswith("error: there is not enough memory for this; choose a shorter")
    assert result.err.count("\n") == 1


def test_other_errors_of_the_program_are_not_taken_for_it(openreels, tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("def recipe():\n    raise RuntimeError('shapes differ')\n")
    with pytest.raises(RuntimeError, match="shapes differ"):
        openreels("train", path, "-o", tmp_path)


def test_every_field_of_a_request_has_an_option(openreels):
    text = openreels("generate", "--help").out
    names = {
        "duration_s": "duration",
        "guidance_scale": "guidance",
        "audio_guidance_scale": "audio-guidance",
        "sync_guidance_scale": "sync-guidance",
        "sound": "no-sound",
        "refine": "no-refine",
        "enhance": "no-enhance",
        "keyframes": "keyframe",
        "references": "ref",
        "voices": "voice",
        "audio_refs": "audio-ref",
        "kind": "output",
        "step_cache": "cache",
    }
    for field in dataclasses.fields(GenerationRequest):
        option = names.get(field.name, field.name.replace("_", "-"))
        assert option == "prompt" or f"--{option} " in text, field.name


def test_the_version_is_told_once(openreels):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert openreels("--version").out.strip() == package.__version__ == project["version"]


def test_the_package_loads_lazily_and_generates(tiny_model):
    clip = package.load(str(tiny_model)).generate("a ball", duration_s=1.0, steps=1, sound=False)
    assert isinstance(clip, package.Clip)
    assert clip.frames.shape == (17, 64, 64, 3)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        _ = package.lod
