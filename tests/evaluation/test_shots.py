from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.evaluation.shots import camera_of, cut_errors, cuts_of, move_between
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import CAMERAS
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=33, height=64, width=64)


def test_cuts_of_true_clips_are_found_to_the_frame():
    for index in range(2):
        scene = sample_scene(9, index, settings=WorldSettings(cut_share=1.0))
        true = [round(shot.start_s * 16) for shot in scene.shots]
        assert cuts_of(render_video([scene], SHAPE)[0]) == true


def test_a_clip_without_cuts_has_none():
    assert cuts_of(render_video([sample_scene(9, 0)], SHAPE)[0]) == []
    assert cuts_of(torch.zeros(3, 1, 16, 16)) == []


def test_each_true_cut_looks_for_its_nearest():
    assert cut_errors([10, 22], [11, 20]) == [1.0, 2.0]
    assert cut_errors([], [5]) == [99.0]
    assert cut_errors([5], []) == []


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_camera_is_read_from_the_pixels(camera):
    scene = replace(sample_scene(8, 3), camera=camera)
    aside = render_masks([scene], SHAPE)[0].any(0)
    assert camera_of(render_video([scene], SHAPE)[0], aside) == camera


def test_a_shift_of_a_picture_is_a_pan():
    torch.manual_seed(0)
    wide = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 24), (64, 96), mode="bilinear")[0]
    move = move_between(wide[:, :, 8:72], wide[:, :, 12:76])
    assert move.x == pytest.approx(4 / 32, abs=0.02)
    assert move.zoom == 1
    still = move_between(wide[:, :, 8:72], wide[:, :, 8:72])
    assert (still.x, still.zoom) == (0.0, 1.0)
    assert camera_of(torch.rand(3, 1, 64, 64)) == "static"
