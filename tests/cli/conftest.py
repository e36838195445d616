"""A tiny model on disk, a small clip, and the command line in this process."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from openreels.cli.main import main
from openreels.media.image import write_image
from openreels.media.video import write_video
from openreels.models.audio_vae import presets as audio_presets
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.mmdit import presets as mmdit_presets
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder import presets as text_presets
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae import presets as video_presets
from openreels.models.video_vae.model import VideoVAE
from openreels.weights.checkpoint import save_network


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a whole model at the smallest size, random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    video, audio, text = video_presets.tiny(), audio_presets.tiny(), text_presets.tiny()
    config = dataclasses.replace(
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
        save_network(folder / f"{name}.safetensors", network, metadata={"recipe": "none"})
    return folder


@pytest.fixture
def files(tmp_path):
    """Inputs: a clip of 17 frames with sound, a picture, masks of several kinds."""
    rows, columns = np.mgrid[:64, :64]
    frames = np.stack([np.stack([rows * 3, columns * 3, rows * 0 + 9 * k], -1) for k in range(17)])
    frames = frames.astype(np.uint8)
    sound = np.full((2, 46_856), 0.1, np.float32)
    write_video(tmp_path / "clip.mp4", frames, fps=16, waveform=sound)
    write_image(tmp_path / "picture.png", frames[0])
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    write_image(tmp_path / "mask.png", mask)
    write_image(tmp_path / "small.png", mask[::2, ::2])
    write_image(tmp_path / "wide.png", mask[::2])
    write_video(tmp_path / "short.mp4", np.repeat(mask[None], 5, axis=0), fps=16)
    (tmp_path / "text.mp4").write_text("this is no clip\n" * 50)
    (tmp_path / "corrupt.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes()[:900])
    (tmp_path / "text.png").write_text("this is no picture\n" * 50)
    (tmp_path / "empty.mp4").touch()
    return tmp_path


@pytest.fixture
def openreels(capfd, tmp_path, monkeypatch):
    """Run a command line in the folder of the files; words may be paths."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        status = main([str(word) for word in words])
        streams = capfd.readouterr()
        return SimpleNamespace(status=status, out=streams.out, err=streams.err)

    return call
