"""Scenes of several shots: camera, events, pictures and masks across the cuts."""

from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.camera import scene_in_shot, shot_numbers, view
from openreels.stage.geometry import half_size
from openreels.stage.looks import close_up
from openreels.stage.physics import contacts, pose
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import Shot
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=9, height=48, width=48, fps=8)
SETTINGS = WorldSettings(duration_s=1.0, cameras=("zoom in",), places=("meadow",))
SHOTS = (
    Shot(start_s=0.25, place="room", camera="static", focus=0, zoom=1.5, x=0.2, y=-0.3),
    Shot(start_s=0.75, place="beach", camera="pan right"),
)


def _scene(index=1, shots=SHOTS):
    return replace(sample_scene(3, index, settings=SETTINGS), shots=shots)


def test_a_shot_begins_exactly_at_its_cut():
    times = torch.tensor([0.0, 0.2499, 0.25, 0.5, 0.7499, 0.75, 0.99])
    assert shot_numbers(_scene(), times) == [0, 0, 1, 1, 1, 2, 2]


def test_the_camera_of_each_shot_lasts_the_shot():
    times = torch.tensor([0.0, 0.125, 0.25, 0.5, 0.75, 0.875])
    seen = view(_scene(), times)
    torch.testing.assert_close(seen.zoom, torch.tensor([1.0, 1.25**0.5, 1.5, 1.5, 1.0, 1.0]))
    torch.testing.assert_close(seen.x, torch.tensor([0.0, 0.0, 0.2, 0.2, -0.2, 0.0]))
    torch.testing.assert_close(seen.y, torch.tensor([0.0, 0.0, -0.3, -0.3, 0.0, 0.0]))


def test_a_cut_moves_no_actor_and_no_contact():
    for index in range(12):
        scene, whole = _scene(index), _scene(index, ())
        times = torch.linspace(0, 1, 20, dtype=torch.float64)
        assert torch.equal(pose(scene, times).x, pose(whole, times).x)
        cut, uncut = contacts(scene), contacts(whole)
        assert [c.time_s for c in cut] == [c.time_s for c in uncut]
        for contact in cut:
            time = torch.tensor([contact.time_s], dtype=torch.float64)
            look, placed = view(scene, time), pose(scene, time)
            x = (placed.x[contact.actor] - look.x) * look.zoom / half_size(scene.aspect_ratio)[0]
            assert contact.x == pytest.approx(float(x.clamp(-1, 1)), abs=0.05)


def test_frames_of_a_shot_show_its_place():
    scene = _scene()
    film = render_video([scene], SHAPE)[0]
    first = render_video([replace(scene, shots=())], SHAPE)[0]
    assert not torch.equal(film[:, 1], first[:, 1])  # its zoom is faster
    torch.testing.assert_close(film[:, 0], first[:, 0], rtol=0, atol=1e-5)
    for number, frames in ((1, slice(2, 6)), (2, slice(6, 9))):
        shot = SHOTS[number - 1]
        alone = scene_in_shot(scene, number)
        assert (alone.place, alone.camera, alone.shots) == (shot.place, shot.camera, ())
        again = replace(scene, place=shot.place, shots=SHOTS)
        part = render_video([again], SHAPE)[0][:, frames]
        assert torch.equal(part, film[:, frames])
    jump = (film[:, 1:] - film[:, :-1]).abs().mean(dim=(0, 2, 3))
    assert sorted(jump.argsort(descending=True)[:2].tolist()) == [1, 5]


def test_masks_follow_the_close_up():
    alone = WorldSettings(duration_s=1.0, cameras=("static",), actor_odds=(1.0, 0.0, 0.0))
    for index in range(4):
        scene = sample_scene(3, index, settings=alone)
        found = close_up(scene, 0, (0.25, 0.75))
        if found is None:
            continue
        zoom, x, y = found
        shot = Shot(start_s=0.25, place="room", camera="static", focus=0, zoom=zoom, x=x, y=y)
        masks = render_masks([scene, replace(scene, shots=(shot,))], SHAPE)[:, 0]
        far, near = masks.sum(dim=(2, 3)).float()
        assert torch.equal(masks[0, :2], masks[1, :2])
        torch.testing.assert_close(
            near[2:6] / far[2:6], torch.full((4,), zoom**2), rtol=0.2, atol=0
        )
        edge = masks[1, 2:6].clone()
        edge[:, 1:-1, 1:-1] = False
        assert not edge.any()


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        ((Shot(start_s=0.0, place="room", camera="static"),), "cuts"),
        ((Shot(start_s=2.0, place="room", camera="static"),), "cuts"),
        (SHOTS[::-1], "cuts"),
        ((Shot(start_s=0.5, place="room", camera="static", focus=7),), "focus"),
    ],
)
def test_impossible_cuts_are_refused(shots, message):
    with pytest.raises(ValueError, match=message):
        _scene(shots=shots)


def test_an_impossible_shot_is_refused():
    with pytest.raises(ValueError, match="zoom"):
        Shot(start_s=0.5, place="room", camera="static", zoom=0.5)
