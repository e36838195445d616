"""Clip: frames and stereo sound on one clock; reading, writing, fitting, to and from tensors."""

import base64
import dataclasses
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from openreels.core.arrays import Pixels, Waveform
from openreels.core.errors import MediaError
from openreels.core.shapes import BASE_FPS, SAMPLE_RATE_HZ
from openreels.media.audio import decode_stereo, fit_length, write_wav
from openreels.media.files import DEFAULT_LIMITS, ReadLimits, kind_of_output, open_media
from openreels.media.image import fit_frames, write_image
from openreels.media.video import decode_frames, write_video


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clip:
    """Moving pictures with sound, sound alone, or (one frame) a picture.

    Raises:
        ValueError: If there is neither picture nor sound, or a rate is not positive.
    """

    frames: UInt8[np.ndarray, "F H W 3"] | None
    """Red, green, blue, 0 to 255; None is sound alone."""
    fps: int | Fraction = BASE_FPS
    """Frames a second."""
    waveform: Float32[np.ndarray, "channels s"] | None = None
    """Samples in [-1, 1] that start with the first frame; None is silent."""
    sample_rate_hz: int = SAMPLE_RATE_HZ
    """Samples a second."""

    def __post_init__(self) -> None:
        if self.frames is None and self.waveform is None:
            raise ValueError("a clip needs frames or a waveform, got neither; give one")
        if self.fps <= 0 or self.sample_rate_hz <= 0:
            raise ValueError(
                f"rates must be positive, got {self.fps} fps and {self.sample_rate_hz} Hz"
            )

    @property
    def num_frames(self) -> int:
        """Number of frames; 0 for sound alone."""
        return 0 if self.frames is None else len(self.frames)

    @property
    def duration_s(self) -> float:
        """Length in seconds: of the picture, or of sound alone."""
        if self.frames is not None:
            return float(len(self.frames) / Fraction(self.fps))
        return 0.0 if self.waveform is None else self.waveform.shape[1] / self.sample_rate_hz

    def save(self, path: str | Path) -> Path:
        """Write the clip, whole or not at all; the suffix chooses what is written.

        Args:
            path: .mp4, .webm or .gif for the clip, .wav for its sound, .png for its first frame.

        Returns:
            The path.

        Raises:
            MediaError: If the path cannot be written, or the clip lacks what it asks for.
        """
        path = Path(path)
        kind = kind_of_output(path)
        if kind == "audio":
            if self.waveform is None:
                raise MediaError(f"{path.name} needs sound, got a silent clip; write a .mp4")
            write_wav(path, self.waveform, self.sample_rate_hz)
        elif self.frames is None:
            raise MediaError(f"{path.name} needs frames, got sound alone; write a .wav")
        elif kind == "image":
            write_image(path, self.frames[0])
        else:
            write_video(
                path,
                self.frames,
                fps=self.fps,
                waveform=self.waveform,
                sample_rate_hz=self.sample_rate_hz,
            )
        return path

    def to_fps(self, fps: int | Fraction) -> "Clip":
        """Change the frame rate: each new frame is the nearest in time, the sound stays.

        Args:
            fps: Frames a second, positive.

        Returns:
            A clip of the same length, to the nearest frame.
        """
        if self.frames is None or Fraction(fps) == Fraction(self.fps):
            return dataclasses.replace(self, fps=fps)
        ratio = Fraction(self.fps) / Fraction(fps)
        total = max(1, round(len(self.frames) / ratio))
        nearest = [min(len(self.frames) - 1, round(index * ratio)) for index in range(total)]
        return dataclasses.replace(self, fps=fps, frames=self.frames[nearest])

    def fit(self, height: int, width: int) -> "Clip":
        """Scale the frames to cover a size and cut what hangs over, half on each side."""
        if self.frames is None:
            return self
        return dataclasses.replace(self, frames=fit_frames(self.frames, height, width))

    def with_num_frames(self, num_frames: int) -> "Clip":
        """Cut the end, or hold the last frame, to a number of frames; the sound follows.

        Args:
            num_frames: At least 1.

        Returns:
            A clip of that many frames, its sound cut or padded with silence to the same end.

        Raises:
            ValueError: If the clip has no frames or ``num_frames`` is not positive.
        """
        if self.frames is None or num_frames < 1:
            raise ValueError(f"a clip with frames and at least 1 frame is needed, got {num_frames}")
        index = np.minimum(np.arange(num_frames), len(self.frames) - 1)
        samples = round(num_frames / Fraction(self.fps) * self.sample_rate_hz)
        sound = None if self.waveform is None else fit_length(self.waveform, samples)
        return dataclasses.replace(self, frames=self.frames[index], waveform=sound)

    def _repr_html_(self) -> str:
        """Play in a notebook."""
        suffix = ".wav" if self.frames is None else (".png" if len(self.frames) == 1 else ".mp4")
        with tempfile.TemporaryDirectory() as folder:
            data = base64.b64encode(self.save(Path(folder) / f"clip{suffix}").read_bytes())
        text = data.decode()
        if suffix == ".wav":
            return f'<audio controls src="data:audio/wav;base64,{text}"></audio>'
        if suffix == ".png":
            return f'<img src="data:image/png;base64,{text}">'
        return f'<video controls loop src="data:video/mp4;base64,{text}"></video>'


def read_clip(
    path: str | Path,
    *,
    fps: int | Fraction | None = None,
    size: tuple[int, int] | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Clip:
    """Read a clip with its sound, if it has one.

    Args:
        path: MP4, WebM, MOV, MKV, AVI or GIF.
        fps: Frames a second wanted, each the nearest in time; None keeps the file's own.
        size: ``(height, width)`` to scale and centre-cut to while decoding; None keeps its own.
        limits: Bounds; checked on the header and again while decoding.

    Returns:
        Frames, and stereo at 44.1 kHz that starts with the first frame and ends with the last.

    Raises:
        MediaError: If the file is missing, corrupt, too large, or has no frames.
    """
    path = Path(path)
    with open_media(path, limits) as container:
        frames, rate, start_s = decode_frames(container, path, fps=fps, size=size, limits=limits)
    whole = int(rate) if rate.denominator == 1 else rate
    with open_media(path, limits) as container:
        if not container.streams.audio:
            return Clip(frames=frames, fps=whole)
        sound = decode_stereo(container, path, start_s=start_s, limits=limits)
    sound = fit_length(sound, round(len(frames) / rate * SAMPLE_RATE_HZ))
    return Clip(frames=frames, fps=whole, waveform=sound)


def pixels_of(frames: UInt8[np.ndarray, "F H W 3"]) -> Pixels:
    """Bytes to network pixels: ``[1, 3, F, H, W]`` in [-1, 1]; -1 is black."""
    return from_bytes(rearrange(torch.from_numpy(np.array(frames)), "F H W c -> 1 c F H W"))


def frames_of(pixels: Pixels) -> UInt8[np.ndarray, "F H W 3"]:
    """Network pixels of one sample to bytes, to the nearest step; the inverse of ``pixels_of``.

    Raises:
        ValueError: If there is more than one sample.
    """
    if pixels.shape[0] != 1:
        raise ValueError(f"one sample is needed, got {pixels.shape[0]}; pass them one by one")
    return rearrange(to_bytes(pixels), "1 c F H W -> F H W c").contiguous().cpu().numpy()


def to_bytes(pixels: Float[Tensor, "*size"]) -> UInt8[Tensor, "*size"]:
    """Pixels in [-1, 1] to the nearest step of eight bits; what lies outside is cut."""
    return ((pixels.detach().float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_bytes(values: UInt8[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """Steps of eight bits to pixels in [-1, 1]; ``to_bytes`` gives them back."""
    return values.float() / 127.5 - 1.0


def waveform_of(clip: Clip, num_samples: int) -> Waveform:
    """The sound of a clip as ``[1, 2, s]``, cut or padded with silence; a silent clip is zeros.

    Raises:
        ValueError: If the sound is not stereo at 44.1 kHz.
    """
    if clip.waveform is None:
        return torch.zeros(1, 2, num_samples)
    if clip.waveform.shape[0] != 2 or clip.sample_rate_hz != SAMPLE_RATE_HZ:
        raise ValueError(
            f"stereo at {SAMPLE_RATE_HZ} Hz is needed, got {clip.waveform.shape[0]} channels at "
            f"{clip.sample_rate_hz} Hz; resample it first"
        )
    return torch.from_numpy(fit_length(clip.waveform, num_samples))[None]
