"""The examples run, with a model of the smallest size."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from openreels.media.clip import read_clip
from openreels.media.image import read_image

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def run(name: str, *words: str) -> None:
    path = next(path for path in EXAMPLES if path.stem == name)
    runpy.run_path(str(path))["main"]([*words, "--mode", "fast"])


def test_text_to_video(tiny_model, tmp_path):
    out = tmp_path / "ball.mp4"
    run("text_to_video", "a ball", "-o", str(out), "--model", str(tiny_model), "--duration", "1")
    clip = read_clip(out)
    assert clip.frames.shape == (17, 64, 64, 3)
    assert clip.waveform is not None


def test_image_to_video_starts_with_the_frame(tiny_model, tmp_path):
    out = tmp_path / "continued.mp4"
    run("image_to_video", "-o", str(out), "--model", str(tiny_model))
    assert read_clip(out).frames.shape == (33, 64, 64, 3)
    assert out.with_suffix(".png").exists()


def test_inpainting_changes_the_region_only(tiny_model, tmp_path):
    out = tmp_path / "changed.mp4"
    run("inpaint_region", "a star", "-o", str(out), "--model", str(tiny_model), "--seconds", "1")
    made, source = read_clip(out), read_clip(tmp_path / "changed" / "clip.mp4")
    mask = read_image(tmp_path / "changed" / "mask-0.png")[:, :, 0] > 127
    error = np.abs(made.frames.astype(int) - source.frames).mean((0, 3))
    assert error[mask].mean() > 3 * error[~mask].mean()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short(path):
    assert path.read_text(encoding="utf-8").count("\n") <= 40
