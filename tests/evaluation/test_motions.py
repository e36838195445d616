import math

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.evaluation.motions import motion_correlation, path_of
from openreels.stage.reference_views import motion_double
from openreels.stage.render import render_masks
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=17, height=64, width=64)


def test_a_square_is_followed():
    cover = torch.zeros(4, 32, 32)
    for frame in range(4):
        cover[frame, 10:14, 4 + 2 * frame : 8 + 2 * frame] = 1
    path, seen = path_of(cover)
    assert seen.all()
    assert path[:, 0].tolist() == pytest.approx([(6 + 2 * k) / 32 for k in range(4)])
    assert not path_of(torch.zeros(4, 32, 32))[1].any()


def test_the_same_motion_elsewhere_and_larger_correlates_and_its_mirror_does_not():
    torch.manual_seed(0)
    path = torch.rand(9, 2)
    assert motion_correlation(path, 2 * path + 1) == pytest.approx(1)
    assert motion_correlation(path, -path) == pytest.approx(-1)
    assert math.isnan(motion_correlation(path, torch.ones(9, 2)))
    assert math.isnan(motion_correlation(path[:2], path[:2]))


def test_a_double_of_the_world_moves_as_its_actor_does():
    settings = WorldSettings(actor_odds=(1.0, 0.0, 0.0), cameras=("static",), duration_s=1.0)
    scenes = [sample_scene(5, k, settings=settings) for k in range(8)]
    scene = next(s for s in scenes if s.actors[0].action == "roll")
    paths = [
        path_of(render_masks([one], SHAPE)[0, 0].float())
        for one in (scene, motion_double(scene, 0))
    ]
    both = paths[0][1] & paths[1][1]
    assert motion_correlation(paths[0][0], paths[1][0], both) > 0.9
