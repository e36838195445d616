"""Small files and the command line in this process."""

import shutil
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from openreels.cli.main import main
from openreels.media.image import write_image
from openreels.media.video import write_video
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import save_lora


@pytest.fixture(scope="session")
def made_files(tmp_path_factory):
    """Inputs: a clip of 17 frames with sound, a picture, masks of several kinds, broken files."""
    folder = tmp_path_factory.mktemp("files")
    rows, columns = np.mgrid[:64, :64]
    frames = np.stack([np.stack([rows * 3, columns * 3, rows * 0 + 9 * k], -1) for k in range(17)])
    frames = frames.astype(np.uint8)
    sound = np.full((2, 46_856), 0.1, np.float32)
    write_video(folder / "clip.mp4", frames, fps=16, waveform=sound)
    write_image(folder / "picture.png", frames[0])
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    write_image(folder / "mask.png", mask)
    write_image(folder / "small.png", mask[::2, ::2])
    write_image(folder / "wide.png", mask[::2])
    write_video(folder / "short.mp4", np.repeat(mask[None], 5, axis=0), fps=16)
    (folder / "text.mp4").write_text("this is no clip\n" * 50)
    (folder / "corrupt.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:900])
    (folder / "text.png").write_text("this is no picture\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "bad.json").write_text('{"prompt": "a", "keyframes": [{"image": "k", "when": 1}]}')
    _write_nan_clip(folder / "nan.mkv")
    with av.open(str(folder / "sound.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9_000), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        container.mux([*stream.encode(frame), *stream.encode()])
    return folder


def _write_nan_clip(path):
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=16)
        video.width = video.height = 64
        video.pix_fmt = "bgr0"
        audio = container.add_stream("pcm_f32le", rate=44_100, layout="stereo")
        for index in range(9):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            frame = frame.reformat(format="bgr0")
            frame.pts, frame.time_base = index, Fraction(1, 16)
            container.mux(video.encode(frame))
        samples = np.full((1, 2 * 20_000), np.nan, np.float32)
        sound = av.AudioFrame.from_ndarray(samples, "flt", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = 44_100, 0, Fraction(1, 44_100)
        container.mux(audio.encode(sound))
        container.mux([*video.encode(), *audio.encode()])


@pytest.fixture
def files(made_files, tmp_path):
    """A fresh folder with the inputs."""
    return shutil.copytree(made_files, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def openreels(capfd, tmp_path, monkeypatch):
    """Run a command line in the folder of the files; words may be paths."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        status = main([str(word) for word in words])
        streams = capfd.readouterr()
        return SimpleNamespace(status=status, out=streams.out, err=streams.err)

    return call


@pytest.fixture
def changes(files, tiny_model):
    """A file of low-rank changes: the product adds 2 to every weight of one layer."""
    layer = "video.token_in"
    network = load_network(tiny_model / "mmdit.safetensors", kind=MMDiT)
    rows, columns = network.get_parameter(f"{layer}.weight").shape
    factors = {
        f"{layer}.lora_A.weight": torch.ones(2, columns),
        f"{layer}.lora_B.weight": torch.ones(rows, 2),
    }
    save_lora(files / "one.safetensors", network, factors, LowRankConfig(rank=2, alpha=2.0))
    return "one.safetensors"
