"""The examples run, with a model of the smallest size."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from openreels.media.clip import read_clip
from openreels.media.image import read_image
from openreels.models.audio_vae import presets as audio_presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.mmdit import presets as mmdit_presets
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE
from openreels.weights.checkpoint import save_network

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    video, audio, text = video_presets.tiny(), audio_presets.tiny(), text_presets.tiny()
    config = replace(
        mmdit_presets.tiny(),
        video_in=4 * (2 * video.latent_channels + 1),
        video_out=4 * video.latent_channels,
        audio_channels=audio.channels,
        context_width=text.width,
    )
    networks = {
        "mmdit": MMDiT(config),
        "video_vae": VideoVAE(video),
        "audio_vae": AudioVAE(audio),
        "text_encoder": PromptEncoder(text),
    }
    for name, network in networks.items():
        save_network(folder / f"{name}.safetensors", network)
    return folder


def run(name: str, *words: str) -> None:
    path = next(path for path in EXAMPLES if path.stem == name)
    runpy.run_path(str(path))["main"]([*words, "--mode", "fast"])


def test_text_to_video(model_folder, tmp_path):
    out = tmp_path / "ball.mp4"
    run("text_to_video", "a ball", "-o", str(out), "--model", str(model_folder), "--duration", "1")
    clip = read_clip(out)
    assert clip.frames.shape == (17, 64, 64, 3)
    assert clip.waveform is not None


def test_image_to_video_starts_with_the_frame(model_folder, tmp_path):
    out = tmp_path / "continued.mp4"
    run("image_to_video", "-o", str(out), "--model", str(model_folder))
    assert read_clip(out).frames.shape == (33, 64, 64, 3)
    assert out.with_suffix(".png").exists()


def test_inpainting_changes_the_region_only(model_folder, tmp_path):
    out = tmp_path / "changed.mp4"
    run("inpaint_region", "a star", "-o", str(out), "--model", str(model_folder), "--seconds", "1")
    made, source = read_clip(out), read_clip(tmp_path / "changed" / "clip.mp4")
    mask = read_image(tmp_path / "changed" / "mask-0.png")[:, :, 0] > 127
    error = np.abs(made.frames.astype(int) - source.frames).mean((0, 3))
    assert error[mask].mean() > 3 * error[~mask].mean()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short(path):
    assert path.read_text(encoding="utf-8").count("\n") <= 40
