from dataclasses import replace
from itertools import combinations

import pytest
import torch

from openreels.stage.backgrounds import FAR_PARALLAX, HORIZON, background
from openreels.stage.camera import View
from openreels.stage.geometry import floor_y, half_size
from openreels.stage.scene import PLACES, TIMES_OF_DAY
from openreels.stage.world import sample_scene

SIDE = 64
STILL = View(x=torch.zeros(1), y=torch.zeros(1), zoom=torch.ones(1))


def _scene(**changes):
    return replace(sample_scene(2, 0), **{"aspect_ratio": "1:1", **changes})


def _axes(scene, side=SIDE):
    half_width, half_height = half_size(scene.aspect_ratio)
    middle = (torch.arange(side) + 0.5) / side * 2 - 1
    return middle * half_width, -middle * half_height


def _paint(scene, look=STILL):
    x, y = _axes(scene)
    return background(scene, x, y, look)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("time_of_day", TIMES_OF_DAY)
def test_a_place_is_coloured_in_range_and_always_the_same(place, time_of_day):
    scene = _scene(place=place, time_of_day=time_of_day)
    image = _paint(scene)
    assert image.shape == (1, 3, SIDE, SIDE)
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.std() > 0.02
    assert torch.equal(image, _paint(scene))


def test_places_differ_from_one_another():
    images = {place: _paint(_scene(place=place, time_of_day="day")) for place in PLACES}
    for one, other in combinations(PLACES, 2):
        assert (images[one] - images[other]).abs().mean() > 0.05, (one, other)


@pytest.mark.parametrize("place", PLACES)
def test_the_day_is_bright_and_the_night_is_dark(place):
    light = {t: _paint(_scene(place=place, time_of_day=t)).mean() for t in TIMES_OF_DAY}
    assert light["day"] > light["dusk"] > light["night"]
    assert light["night"] < 0.7 * light["day"]


def test_scenes_of_a_place_vary_and_actors_change_nothing():
    scene, other = _scene(), _scene(index=7)
    assert (_paint(scene) - _paint(other)).abs().max() > 0.05
    actor = replace(scene.actors[0], start_x=-0.9, tempo=0.8)
    repainted = replace(scene, actors=(actor, *scene.actors[1:]))
    assert torch.equal(_paint(scene), _paint(repainted))


def test_frames_of_a_moving_camera_are_those_painted_alone():
    scene = _scene(place="street")
    x, y, zoom = torch.tensor([[-0.2, 0.0, 0.2], [0.0, 0.1, -0.2], [1.0, 1.1, 1.25]])
    look = View(x=x, y=y, zoom=zoom)
    film = _paint(scene, look)
    assert film.shape == (3, 3, SIDE, SIDE)
    for frame in range(3):
        part = slice(frame, frame + 1)
        alone = _paint(scene, View(x=x[part], y=y[part], zoom=zoom[part]))
        torch.testing.assert_close(film[frame], alone[0], rtol=0, atol=1e-6)


def test_the_distance_follows_a_pan_by_its_share():
    scene = _scene(place="theatre", time_of_day="day")  # folds and valance hang in the distance
    x, y = _axes(scene)
    step = float(x[1] - x[0])
    pan = replace(STILL, x=torch.tensor([4 * step / FAR_PARALLAX]))
    moved, still = background(scene, x, y, pan), background(scene, x, y, STILL)
    above = y > floor_y(scene) + HORIZON + 0.1
    torch.testing.assert_close(moved[..., above, :-4], still[..., above, 4:], rtol=0, atol=1e-4)
