import pytest
import torch

from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import TRACK_CHANNELS, PixelProbe, SoundProbe, StageProbe
from openreels.stage.scene import ACTIONS, COLOURS, MATERIALS, SHAPES, SIZES

CONFIG = ProbeConfig()


def test_the_counts_are_those_of_the_world():
    counts = (
        CONFIG.num_colours,
        CONFIG.num_shapes,
        CONFIG.num_sizes,
        CONFIG.num_actions,
        CONFIG.num_materials,
    )
    assert counts == tuple(map(len, (COLOURS, SHAPES, SIZES, ACTIONS, MATERIALS)))


@pytest.mark.parametrize("size", [(64, 64), (64, 112), (80, 64)])
def test_pixels_are_read_at_half_resolution(size):
    reading = PixelProbe(CONFIG)(torch.zeros(2, 3, *size))
    grid = (size[0] // 2, size[1] // 2)
    assert reading.colour.shape == (2, 1 + len(COLOURS), *grid)
    assert reading.shape.shape == (2, len(SHAPES), *grid)
    assert reading.size.shape == (2, len(SIZES), *grid)


def test_gradients_reach_every_parameter():
    probe = StageProbe(CONFIG)
    reading = probe.pixels(torch.randn(1, 3, 64, 64))
    track = torch.randn(3, TRACK_CHANNELS + CONFIG.features, 33)
    action, contact = probe.track(track)
    material, size = probe.sound(torch.randn(2, CONFIG.sound_bands, CONFIG.sound_frames))
    outputs = (reading.colour, reading.shape, reading.size, reading.features)
    sum(x.square().sum() for x in (*outputs, action, contact, material, size)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in probe.parameters())


def test_a_contact_is_read_near_the_frame_that_shows_it():
    probe = StageProbe(CONFIG).eval()
    track = torch.randn(1, TRACK_CHANNELS + CONFIG.features, 65)
    later = track.clone()
    later[..., 60:] += 1
    # norms see the whole clip; the convolutions reach 17 frames to each side
    for norm in probe.track.norms:
        norm.forward = lambda x: x
    with torch.no_grad():
        first, second = probe.track(track)[1], probe.track(later)[1]
    assert torch.allclose(first[0, :42], second[0, :42], atol=1e-6)
    assert not torch.allclose(first[0, 60:], second[0, 60:])


def test_sound_probe_gives_logits_for_each_sound():
    material, size = SoundProbe(CONFIG)(torch.randn(4, CONFIG.sound_bands, CONFIG.sound_frames))
    assert material.shape == (4, len(MATERIALS))
    assert size.shape == (4, len(SIZES))
