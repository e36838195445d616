import math

import pytest
import torch

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.yamnet import _quantised, mel_patches


def test_patches_overlap_by_half():
    assert mel_patches(torch.zeros(2, SAMPLE_RATE_HZ // 10)).shape == (1, 96, 64)
    assert mel_patches(torch.zeros(2, 2 * SAMPLE_RATE_HZ)).shape == (3, 96, 64)


def test_silence_is_the_floor_and_a_tone_is_in_its_band():
    assert torch.allclose(mel_patches(torch.zeros(2, 50_000)), torch.tensor(math.log(0.001)))
    time = torch.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    bands = []
    for hertz in (300.0, 1_000.0, 4_000.0):
        wave = torch.sin(2 * math.pi * hertz * time)
        band = int(mel_patches(torch.stack([wave, wave]))[0].mean(0).argmax())
        lowest, highest = (1127 * math.log1p(hz / 700) for hz in (125.0, 7_500.0))
        true = (1127 * math.log1p(hertz / 700) - lowest) / (highest - lowest) * 65 - 1
        assert abs(band - true) <= 1
        bands.append(band)
    assert bands == sorted(bands)


def test_scales_are_read_from_the_bytes_of_a_model():
    content = b"..audio_scaleJ\x04\x00\x00\x00\x3f..audio_zero_pointJ\x01\x90.."
    assert _quantised(content, b"audio") == (0.5, 0x90)
    with pytest.raises(ValueError, match="must hold the scale of audio"):
        _quantised(b"nothing", b"audio")
