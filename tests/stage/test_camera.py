from dataclasses import replace

import pytest
import torch

from openreels.stage.camera import PAN_RANGE, ZOOM_RANGE, view
from openreels.stage.world import sample_scene

TIMES = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0])


def _scene(camera, **changes):
    return replace(sample_scene(1, 0), camera=camera, duration_s=2.0, **changes)


def test_a_static_camera_looks_straight():
    seen = view(_scene("static"), TIMES)
    assert torch.equal(seen.x, torch.zeros(5))
    assert torch.equal(seen.zoom, torch.ones(5))


@pytest.mark.parametrize(("camera", "sign"), [("pan right", 1.0), ("pan left", -1.0)])
def test_a_pan_crosses_its_range_evenly_and_does_not_zoom(camera, sign):
    seen = view(_scene(camera), TIMES)
    expected = sign * PAN_RANGE * torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    torch.testing.assert_close(seen.x, expected)
    assert torch.equal(seen.zoom, torch.ones(5))


def test_a_zoom_grows_by_equal_factors_and_its_twin_runs_backwards():
    near, far = view(_scene("zoom in"), TIMES), view(_scene("zoom out"), TIMES)
    assert torch.equal(near.x, torch.zeros(5))
    factors = near.zoom[1:] / near.zoom[:-1]
    torch.testing.assert_close(factors, torch.full((4,), ZOOM_RANGE**0.25))
    torch.testing.assert_close(far.zoom, near.zoom.flip(0))
    assert near.zoom[0] == 1


def test_a_move_lasts_the_whole_clip_and_rests_outside_it():
    long = replace(_scene("pan right"), duration_s=4.0)
    torch.testing.assert_close(
        view(long, 2 * TIMES).x, view(_scene("pan right"), TIMES).x, rtol=0, atol=1e-6
    )
    outside = view(_scene("pan right"), torch.tensor([-1.0, 3.0]))
    torch.testing.assert_close(outside.x, torch.tensor([-PAN_RANGE, PAN_RANGE]))
