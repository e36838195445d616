import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from openreels.media.clip import Clip, read_clip
from openreels.models.mmdit.model import MMDiT
from openreels.weights.checkpoint import load_network, save_network


@pytest.fixture(scope="session")
def cascade_model(tiny_model, tmp_path_factory):
    """The folder of a tiny model with a refiner."""
    folder = tmp_path_factory.mktemp("cascade") / "model"
    shutil.copytree(tiny_model, folder)
    base = load_network(folder / "mmdit.safetensors", kind=MMDiT).config
    refiner = MMDiT(replace(base, audio_channels=0, sparsity=0.5, residual=0.1))
    save_network(folder / "refiner.safetensors", refiner)
    return folder


@pytest.fixture
def small(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (6, 32, 48, 3), dtype=np.uint8)
    waveform = np.zeros((2, 16_538), dtype=np.float32)
    return Clip(frames=frames, fps=16, waveform=waveform).save(tmp_path / "small.mp4")


def test_a_clip_becomes_finer_with_twice_the_frames(openreels, cascade_model, small, tmp_path):
    words = ("--preset", cascade_model, "--mode", "fast", "--json")
    result = openreels("refine", small, "-o", "fine.mp4", *words)
    assert result.status == 0, result.err
    told = json.loads(result.out)
    assert (told["width"], told["height"], told["fps"]) == (384, 256, 32)
    assert told["num_frames"] == 11
    assert told["refiner_steps"] == 1
    made = read_clip(tmp_path / "fine.mp4")
    assert made.frames.shape == (11, 256, 384, 3)
    assert made.waveform is not None
    plain = openreels("refine", small, "-o", "again.mp4", *words[:-1])
    assert "384x256, 32 fps, 1 step; took" in plain.out


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ((1, 32, 32), "must have at least 2 frames at 16 fps, got 1"),
        ((4, 2, 2), "sides of at least 16 pixels, got 2x2"),
        ((1000, 16, 16), "got"),
        ((4, 256, 256), "must be smaller than the result"),
    ],
)
def test_clips_that_cannot_be_refined_are_one_sentence(
    openreels, cascade_model, tmp_path, clip, message
):
    frames = np.zeros((*clip, 3), dtype=np.uint8)
    path = Clip(frames=frames, fps=16).save(tmp_path / "clip.mp4")
    result = openreels("refine", path, "-o", "fine.mp4", "--preset", cascade_model)
    _refused(result, message, tmp_path)


def _refused(result, message, folder):
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert [line for line in result.err.splitlines() if line.startswith("error: ")] != []
    assert not (folder / "fine.mp4").exists()


def test_other_wrong_input_is_one_sentence(openreels, cascade_model, tiny_model, small, tmp_path):
    sound = Clip(frames=None, waveform=np.zeros((2, 44_100), dtype=np.float32))
    wav = sound.save(tmp_path / "sound.wav")
    model = ("--preset", cascade_model)
    _refused(openreels("refine", small, *model), "an output must be named", tmp_path)
    _refused(openreels("refine", wav, "-o", "fine.mp4", *model), "needs a picture", tmp_path)
    _refused(openreels("refine", small, "-o", "fine.wav", *model), "written as .mp4", tmp_path)
    _refused(
        openreels("refine", small, "-o", "fine.mp4", "--preset", tiny_model),
        "has no refiner",
        tmp_path,
    )
    _refused(
        openreels("refine", small, "-o", "fine.mp4", *model, "--resolution", "8k"),
        "resolution must be one of",
        tmp_path,
    )
    broken = tmp_path / "broken"
    shutil.copytree(cascade_model, broken)
    (broken / "refiner.safetensors").write_bytes(b"no weights")
    _refused(
        openreels("refine", small, "-o", "fine.mp4", "--preset", broken), "refiner.safet", tmp_path
    )
