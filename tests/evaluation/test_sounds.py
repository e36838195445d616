import pytest
import torch

from openreels.evaluation.sounds import read_sound, sound_levels
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.stage.scene import MATERIALS, SIZES

CONFIG = ProbeConfig()


def tone(frequency_hz: float, from_s: float = 0.0) -> torch.Tensor:
    t = torch.arange(44100) / 44100
    wave = torch.where(t >= from_s, torch.sin(2 * torch.pi * frequency_hz * t), 0 * t)
    return torch.stack([wave, wave]) * 0.5


@pytest.mark.parametrize("frequency_hz", [120.0, 800.0, 6000.0])
def test_a_tone_is_loudest_in_its_band(frequency_hz):
    levels = sound_levels(tone(frequency_hz), 0.1, CONFIG)
    assert levels.shape == (CONFIG.sound_bands, CONFIG.sound_frames)
    edges = 60.0 * (16000.0 / 60.0) ** (torch.arange(CONFIG.sound_bands + 1) / CONFIG.sound_bands)
    band = int(levels[:, 5].argmax())
    assert edges[max(0, band - 1)] <= frequency_hz <= edges[min(CONFIG.sound_bands, band + 2)]


def test_levels_do_not_depend_on_loudness():
    quiet, loud = (sound_levels(tone(500.0) * gain, 0.1, CONFIG) for gain in (0.1, 1.0))
    assert torch.allclose(quiet, loud, atol=1e-2)


def test_the_end_of_the_clip_is_padded_with_silence():
    levels = sound_levels(tone(500.0), 0.95, CONFIG)
    assert levels.shape == (CONFIG.sound_bands, CONFIG.sound_frames)
    assert levels[:, -1].max() < levels[:, 0].max() - 2


def test_reading_gives_words_of_the_world():
    with torch.no_grad():
        material, size = read_sound(StageProbe(CONFIG).eval(), tone(500.0), 0.1)
    assert material in MATERIALS
    assert size in SIZES
