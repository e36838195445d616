from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.frames import air_of, frames_of
from openreels.stage.places import emptied, render_place
from openreels.stage.render import render_video
from openreels.stage.scenery import posts, shadows
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=5, height=48, width=48, fps=4)


@pytest.mark.parametrize(
    ("weather", "style"), [("clear", "plain"), ("rain", "plain"), ("snow", "mosaic")]
)
def test_an_empty_place_is_the_scene_without_its_actor(weather, style, make_actor, make_scene):
    actor = make_actor(start_x=-4.0)
    scene = make_scene(actor, place="beach", weather=weather, style=style, camera="pan left")
    assert torch.equal(render_place(scene, SHAPE), render_video([scene], SHAPE)[0])
    near = replace(scene, actors=(make_actor(),))
    changed = (render_place(near, SHAPE) - render_video([near], SHAPE)[0]).abs().amax(0) > 0.02
    assert changed.any()
    assert changed.float().mean() < 0.5


def test_an_emptied_scene_is_one_still_shot():
    settings = WorldSettings(cut_share=1.0, words_share=1.0)
    scene = emptied(sample_scene(2, 5, settings=settings))
    assert (scene.shots, scene.overlays, scene.effects, scene.camera) == ((), (), (), "static")
    clip = render_place(scene, SHAPE)
    assert torch.equal(clip, clip[:, :1].expand_as(clip))


def test_frames_hold_the_scene_at_given_times(make_actor, make_scene):
    scene = make_scene(make_actor(action="roll", height=0.5))
    at = frames_of(scene, SHAPE, "cpu", torch.tensor([0.5, 0.25], dtype=torch.float64))
    clip = frames_of(scene, SHAPE, "cpu")
    assert torch.equal(at.pose.x, clip.pose.x[:, [2, 1]])
    assert torch.equal(air_of(at).time.flatten(), torch.tensor([0.5, 0.25]))
    white = torch.ones(2, 3, 48, 48)
    assert (posts(white, at, still=False) < 0.99).any()
    assert (shadows(white, at) < 0.9).any()
