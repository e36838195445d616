import math
from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.geometry import floor_y
from openreels.stage.heard import strikes
from openreels.stage.motion import tracks
from openreels.stage.render import render_video
from openreels.stage.struck_looks import DRUM_DEPTH, flash, swing

SHAPE = ClipShape(num_frames=33, height=64, width=64, fps=16)


def change(scene, shape=SHAPE):
    """Where and when the instruments change the picture, shape (f, H, W)."""
    bare = replace(scene, actors=tuple(replace(actor, plays=None) for actor in scene.actors))
    return (render_video([scene], shape) - render_video([bare], shape))[0].abs().amax(0)


def test_a_drum_flashes_and_a_bell_swings_from_each_strike_on(make_actor, make_scene):
    struck = list(strikes(make_scene(make_actor(plays="drum"))))
    first, second = (strike.time_s for strike in struck[:2])
    assert second - first > 0.3
    assert flash(struck, torch.tensor([0.0, first - 1e-3])).tolist() == [0, 0]
    at = flash(struck, torch.tensor([first + 1e-4, second - 1e-3, second + 1e-4]))
    assert at[0] == pytest.approx(struck[0].speed ** 0.5, rel=0.01)
    assert at[1] < 0.1 * at[0]
    assert at[2] == pytest.approx(struck[1].speed ** 0.5 + float(at[1]), rel=0.02)
    bell = list(strikes(make_scene(make_actor(action="roll", plays="bell", height=0.4))))
    time = torch.linspace(0, 1, 1001)
    angle = swing(bell[:1], time)
    assert not angle[time < bell[0].time_s].any()
    assert 0.15 < angle.abs().max() < math.pi / 4


def test_a_drum_lies_under_all_landings(make_actor, make_scene):
    scene = make_scene(make_actor(plays="drum", phase_s=0.2))
    seen = change(scene)[0] > 0.05
    rows, columns = seen.nonzero().T.float()
    x, y = (columns + 0.5 - 32) / 32, (32 - rows - 0.5) / 32
    touched = [touch.x for touch in tracks(scene)[0].touches if touch.time_s < 2]
    assert x.min() < min(touched)
    assert x.max() > max(touched)
    low = floor_y(scene, 0)
    assert low - DRUM_DEPTH - 0.15 < y.min() < y.max() < low + 0.12


def test_a_bell_hangs_at_each_post(make_actor, make_scene):
    scene = make_scene(make_actor(action="roll", plays="bell", height=0.5, phase_s=1.5))
    columns = (change(scene)[0] > 0.05).any(0).nonzero().flatten().float()
    x = (columns + 0.5 - 32) / 32
    posts = [post.x for post in tracks(scene)[0].posts]
    assert len(posts) == 2
    middle = sum(posts) / 2
    assert all((x - post).abs().min() < 0.08 for post in posts)
    assert not ((x - middle).abs() < 0.15).any()


def test_the_picture_moves_at_the_strike(make_actor, make_scene):
    scene = make_scene(make_actor(plays="drum", phase_s=0.3, height=1.0))
    bright = change(scene).double().sum((1, 2))
    first = strikes(scene)[0].time_s
    frame = math.ceil(first * 16)
    assert (bright[:frame] - bright[0]).abs().max() < 0.1 * bright[0]
    assert bright[frame] > 1.02 * bright[frame - 1] or bright[frame] < 0.98 * bright[frame - 1]
