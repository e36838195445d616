import torch

from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.weights.checkpoint import load_network, save_network

CONFIG = WorldProbeConfig(width=8)


def test_readings_have_one_logit_a_word():
    probe = WorldProbe(CONFIG)
    scene = probe.read_scene(torch.randn(2, 3, 3, 64, 64))
    assert scene.style.shape == (2, CONFIG.num_styles)
    assert scene.weather.shape == (2, CONFIG.num_weathers)
    actor = probe.read_actor(torch.randn(2, 3, 3, 32, 32))
    assert actor.face.shape == (2, CONFIG.num_faces)
    assert actor.effect.shape == (2, CONFIG.num_effects)
    levels = torch.randn(5, CONFIG.sound_bands, CONFIG.sound_frames)
    voice, vowel = probe.read_syllable(levels)
    assert voice.shape == (5, CONFIG.num_voices)
    assert vowel.shape == (5, CONFIG.num_vowels)


def test_the_order_of_frames_does_not_matter():
    probe, frames = WorldProbe(CONFIG).eval(), torch.randn(1, 4, 3, 32, 32)
    first, second = probe.read_scene(frames), probe.read_scene(frames.flip(1))
    assert torch.allclose(first.place, second.place, atol=1e-5)


def test_it_is_saved_and_loaded(tmp_path):
    probe = WorldProbe(CONFIG)
    save_network(tmp_path / "w.safetensors", probe, metadata={"recipe": "world-probe"})
    again = load_network(tmp_path / "w.safetensors", kind=WorldProbe)
    assert again.config == CONFIG
    assert torch.allclose(again.style.weight, probe.style.weight, atol=2e-3)
