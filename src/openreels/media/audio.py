"""Sounds: any file to stereo at 44.1 kHz, and WAV out."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.stream import AudioStream
from av.container import InputContainer
from jaxtyping import Float32

from openreels.core.errors import MediaError
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.media.files import (
    DEFAULT_LIMITS,
    ReadLimits,
    check_decoder,
    check_duration,
    open_media,
    whole_file,
)

_MAX_JITTER_S = 0.02
"""Packet times are rounded by some containers; a smaller step than this is no gap."""


def read_waveform(
    path: str | Path, *, limits: ReadLimits = DEFAULT_LIMITS
) -> Float32[np.ndarray, "2 s"]:
    """Read the sound of a file: mono, stereo or surround at any rate, as stereo at 44.1 kHz.

    Args:
        path: A sound, or a clip with sound.
        limits: File size and duration.

    Returns:
        Left and right, about [-1, 1], from the first sample of the sound.

    Raises:
        MediaError: If the file is missing, corrupt, too long, has no sound, or holds samples that
            are not numbers.
    """
    with open_media(path, limits) as container:
        if not container.streams.audio:
            raise MediaError(f"a sound is needed, got {path} without one; give another file")
        return decode_stereo(container, Path(path), start_s=None, limits=limits)


def decode_stereo(
    container: InputContainer, path: Path, *, start_s: Fraction | None, limits: ReadLimits
) -> Float32[np.ndarray, "2 s"]:
    """Decode the first sound of an open container.

    Args:
        container: An open container with a sound.
        path: Its file, for messages.
        start_s: Time on the container's clock that becomes sample 0; None is the first sample.
        limits: Longest duration.

    Returns:
        Stereo at 44.1 kHz.

    Raises:
        MediaError: If there is no decoder, no sample, too many, or one is not a number.
    """
    stream = container.streams.audio[0]
    check_decoder(path, stream)
    pieces, rate_hz, first_s = _decode(container, stream, path=path, limits=limits)
    if not pieces:
        raise MediaError(f"{path} holds no sound that can be decoded; give another file")
    wave_in = np.concatenate(pieces, axis=1)
    if not np.isfinite(wave_in).all():
        raise MediaError(
            f"sound must be made of finite numbers, got NaN or infinity in {path}; export it again"
        )
    offset = 0 if start_s is None else round((first_s - start_s) * rate_hz)
    wave_in = np.pad(wave_in, ((0, 0), (offset, 0))) if offset > 0 else wave_in[:, -offset:]
    return resample(wave_in, rate_hz, SAMPLE_RATE_HZ)


def resample(
    waveform: Float32[np.ndarray, "c s"], from_hz: int, to_hz: int
) -> Float32[np.ndarray, "c t"]:
    """Change the sample rate without moving anything in time.

    Args:
        waveform: Samples of each channel.
        from_hz: Rate of the samples given.
        to_hz: Rate wanted.

    Returns:
        ``round(s * to_hz / from_hz)`` samples.
    """
    if from_hz == to_hz or not waveform.shape[1]:
        return np.ascontiguousarray(waveform)
    moved = soxr.resample(np.ascontiguousarray(waveform.T), from_hz, to_hz, quality="VHQ")
    length = round(waveform.shape[1] * to_hz / from_hz)
    return fit_length(np.ascontiguousarray(moved.T, dtype=np.float32), length)


def fit_length(
    waveform: Float32[np.ndarray, "c s"], num_samples: int
) -> Float32[np.ndarray, "c t"]:
    """Cut the end, or add silence, to a number of samples."""
    missing = max(0, num_samples - waveform.shape[1])
    return np.pad(waveform[:, :num_samples], ((0, 0), (0, missing)))


def write_wav(path: str | Path, waveform: Float32[np.ndarray, "c s"], sample_rate_hz: int) -> None:
    """Write 16-bit WAV; samples outside [-1, 1] are clipped.

    Args:
        path: Where to write; replaced whole or not at all.
        waveform: One or two channels.
        sample_rate_hz: Samples a second.

    Raises:
        MediaError: If the path cannot be written, or a sample is not a number.
    """
    samples = np.rint(checked(waveform).T * 32767.0).astype("<i2")
    with whole_file(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(samples.tobytes())


def checked(waveform: Float32[np.ndarray, "c s"]) -> Float32[np.ndarray, "c s"]:
    """Clip a sound to [-1, 1] before it is written.

    Raises:
        MediaError: If a sample is not a finite number, or there are not one or two channels.
    """
    if waveform.shape[0] not in (1, 2):
        raise MediaError(
            f"sound is written in one or two channels, got {waveform.shape[0]}; mix it down"
        )
    if not np.isfinite(waveform).all():
        raise MediaError(
            "sound must be made of finite numbers, got NaN or infinity; it cannot be written"
        )
    return np.clip(waveform, -1.0, 1.0)


def _decode(
    container: InputContainer, stream: AudioStream, *, path: Path, limits: ReadLimits
) -> tuple[list[np.ndarray], int, Fraction]:
    pieces: list[np.ndarray] = []
    first_s, rate_hz, num_samples, converter = Fraction(0), stream.rate, 0, None
    for frame in container.decode(stream):
        if converter is None:
            rate_hz = frame.sample_rate
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            converter = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
            first_s = _time(frame, Fraction(0))
        gap_s = _time(frame, first_s + Fraction(num_samples, rate_hz)) - first_s
        gap = round(gap_s * rate_hz) - num_samples
        check_duration(path, float(gap_s), limits)
        if gap > _MAX_JITTER_S * rate_hz:
            pieces.append(np.zeros((2, gap), dtype=np.float32))
            num_samples += gap
        for piece in converter.resample(frame):
            samples = piece.to_ndarray().astype(np.float32)
            pieces.append(np.repeat(samples, 2, axis=0) if len(samples) == 1 else samples)
            num_samples += samples.shape[1]
        check_duration(path, num_samples / rate_hz, limits)
    return pieces, rate_hz, first_s


def _time(frame: av.AudioFrame, default: Fraction) -> Fraction:
    if frame.pts is None or frame.time_base is None:
        return default
    return frame.pts * Fraction(frame.time_base)
