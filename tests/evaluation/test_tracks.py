import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.evaluation.tracks import colour_maps, contact_times, objects_of, track_of
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import TRACK_CHANNELS, StageProbe


def disc(rows: torch.Tensor, columns: torch.Tensor, radius: float = 4.0) -> torch.Tensor:
    grid = torch.arange(32) + 0.5
    return (
        (grid[:, None] - rows[:, None, None]).square() + (grid - columns[:, None, None]).square()
        < radius**2
    ).float()


def test_a_track_follows_the_centre():
    rows, columns = torch.linspace(8, 24, 17), torch.full((17,), 20.0)
    track = track_of(disc(rows, columns), torch.ones(17, 5, 32, 32))
    assert track.shape == (TRACK_CHANNELS + 5, 17)
    assert torch.equal(track[0], torch.ones(17))
    assert torch.allclose(track[1], (rows / 32 - 0.5) * 2, atol=0.02)
    assert torch.allclose(track[2], torch.full((17,), 2 * 4 / 32), atol=0.02)
    assert torch.allclose(track[3][1:], torch.full((16,), 8 / 32), atol=0.1)
    assert track[6].abs().max() < 0.05  # a disc is as wide as high
    assert torch.allclose(track[7:], torch.ones(5, 17))


def test_an_unseen_object_stays_where_it_was():
    cover = disc(torch.full((6,), 10.0), torch.linspace(8, 13, 6))
    cover[3:] = 0
    track = track_of(cover, torch.zeros(6, 2, 32, 32))
    assert track[0].tolist() == [1, 1, 1, 0, 0, 0]
    assert torch.equal(track[2, 3:], track[2, 2].expand(3))


@given(st.floats(0.2, 1.8))
def test_contact_time_of_a_triangle_is_its_top(time_s):
    frames = torch.arange(33) / 16
    levels = (1 - (frames - time_s).abs() * 16).clamp_min(0)
    assert contact_times(levels, 16) == pytest.approx([time_s], abs=1e-4)


def test_low_levels_are_no_contacts():
    assert contact_times(torch.full((10,), 0.3), 16) == []


def test_an_empty_picture_has_no_objects():
    probe = StageProbe(ProbeConfig()).eval()
    with torch.no_grad():
        reading = probe.pixels.read_clip(torch.zeros(1, 3, 5, 64, 64))
        maps = colour_maps(reading, 1)[0]
    cover = torch.zeros_like(maps.cover)
    assert objects_of(probe, type(maps)(cover, maps.shape, maps.size, maps.features), 16) == []


def test_reading_a_clip_in_chunks_changes_nothing():
    probe = StageProbe(ProbeConfig()).eval()
    pixels = torch.rand(2, 3, 5, 64, 80) * 2 - 1
    with torch.no_grad():
        whole, parts = probe.pixels.read_clip(pixels), probe.pixels.read_clip(pixels, chunk=3)
    assert whole.colour.shape == (10, 9, 32, 40)
    assert torch.allclose(whole.colour, parts.colour, atol=1e-5)
    assert torch.allclose(whole.features, parts.features, atol=1e-5)
