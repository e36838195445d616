"""Small clips and files that the media tests share."""

from fractions import Fraction

import av
import numpy as np
import pytest


@pytest.fixture
def moving_frames():
    """24 smooth frames of 32 x 48 in which a bright square moves."""
    rows, columns = np.mgrid[:32, :48]
    frames = np.zeros((24, 32, 48, 3), np.uint8)
    frames[..., 0] = rows * 4
    frames[..., 1] = columns * 3
    frames[..., 2] = 60
    for index, frame in enumerate(frames):
        frame[8:20, index : index + 12] = 200
    return frames


@pytest.fixture
def write_sound():
    """Write a sound of any layout with PyAV, beside our own writer."""
    return _write_sound


def _write_sound(path, samples, *, rate, layout="stereo", codec=None):
    codec = codec or {".flac": "flac", ".m4a": "aac", ".wav": "pcm_f32le"}[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return path
