from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import OUTDOORS, TIMES_OF_DAY
from openreels.stage.weather import Air, precipitation
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=1, height=64, width=64)
STILL = WorldSettings(cameras=("static",), places=("meadow",), actor_odds=(1.0, 0.0, 0.0))


def _scene(**changes):
    return replace(sample_scene(1, 2, settings=STILL), **changes)


def _air(times, camera_x=0.0, side=64):
    axis = (torch.arange(side) + 0.5) / side * 2 - 1
    return Air(
        x=axis.expand(len(times), 1, -1),
        y=-axis[:, None].expand(len(times), -1, 1),
        camera_x=torch.full((len(times), 1, 1), camera_x),
        time=torch.tensor(times).view(-1, 1, 1),
        soft=torch.tensor(1.5 * 2 / side),
    )


def _fall(weather, times, **where):
    black = torch.zeros(len(times), 3, 64, 64)
    return precipitation(black, _scene(weather=weather), _air(times, **where), in_front=True)


@pytest.mark.parametrize("place", OUTDOORS)
@pytest.mark.parametrize("time_of_day", TIMES_OF_DAY)
def test_weathers_look_different_in_every_place_and_light(place, time_of_day):
    scenes = [
        _scene(place=place, time_of_day=time_of_day, weather=weather)
        for weather in ("clear", "rain", "snow")
    ]
    clear, rain, snow = render_video(scenes, SHAPE)
    for one, other in ((clear, rain), (clear, snow), (rain, snow)):
        assert (one - other).abs().mean() > 0.04
    assert snow[:, :, 44:].mean() > rain[:, :, 44:].mean() + 0.1  # the ground is white
    assert torch.equal(render_masks(scenes[:1], SHAPE), render_masks(scenes[2:], SHAPE))


@pytest.mark.parametrize(("weather", "speed", "pixels"), [("rain", 5.0, 12), ("snow", 0.8, 4)])
def test_what_falls_falls_at_its_speed(weather, speed, pixels):
    """A drop is lower by its speed times the time: the frames match when moved down by that."""
    later = pixels * 2 / 64 / speed
    frames = _fall(weather, [0.5, 0.5 + later])[:, 0]
    right = {"rain": 0.16, "snow": 0.25}[weather] * pixels

    def moved(down):
        shift = (down, round(right * down / pixels))
        return (frames[0].roll(shift, (0, 1))[14:-14, 14:-14] - frames[1][14:-14, 14:-14]).abs()

    assert float(moved(pixels).mean()) < 0.8 * float(moved(0).mean())
    assert float(moved(pixels).mean()) < float(moved(-pixels).mean())
    assert frames.amax() > 0.4
    assert (frames > 0.2).float().mean() < 0.3


def test_the_near_layer_follows_the_camera_more_than_the_place():
    still = _fall("snow", [1.0])
    step = 2 / 64
    panned = _fall("snow", [1.0], camera_x=4 * step / 1.3)
    torch.testing.assert_close(panned[..., :-4], still[..., 4:], rtol=0, atol=1e-4)


def test_weather_does_not_depend_on_size_or_frame_rate():
    scene = _scene(weather="snow", duration_s=0.5)
    slow = ClipShape(num_frames=5, height=48, width=48, fps=8)
    fast = ClipShape(num_frames=9, height=48, width=48, fps=16)
    assert torch.equal(render_video([scene], slow), render_video([scene], fast)[:, :, ::2])
    large = render_video([scene], ClipShape(num_frames=1, height=256, width=256))
    shrunk = torch.nn.functional.avg_pool3d(large, (1, 4, 4))
    assert (shrunk - render_video([scene], SHAPE)).square().mean() < 0.01


def test_it_does_not_rain_indoors():
    with pytest.raises(ValueError, match="outdoors"):
        _scene(place="room", weather="rain")
