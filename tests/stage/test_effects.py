from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.effects import effect_of, progress, remaining, room
from openreels.stage.render import render_masks, render_moments, render_video
from openreels.stage.sample import truth_from_json, truth_of, truth_to_json
from openreels.stage.scene import EFFECTS, Effect

SHAPE = ClipShape(num_frames=9, height=48, width=48, fps=8)
TIMES = (0.0, 0.39, 0.6, 0.8, 0.99)


@pytest.fixture
def affected(make_actor, make_scene):
    def make(kind, **changes):
        actor = make_actor(size="large", action="spin", phase_s=15.0, height=0.01, **changes)
        scene = make_scene(actor, duration_s=1.0)
        effect = Effect(kind=kind, actor=0, start_s=0.4, duration_s=0.4)
        return scene, replace(scene, effects=(effect,))

    return make


def test_progress_is_exact():
    effect = Effect(kind="melt", actor=0, start_s=0.5, duration_s=2.0)
    times = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.5, 9.0])
    assert progress(effect, times).tolist() == [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]
    assert remaining(effect, times).tolist() == [1.0] * 6
    assert remaining(replace(effect, kind="dissolve"), times)[3] == 0.5
    assert room(None) == 1.0 < room(effect)


@pytest.mark.parametrize("kind", EFFECTS)
@pytest.mark.parametrize("style", ["plain", "paper-cut", "sketch"])
def test_nothing_changes_until_an_effect_starts(affected, kind, style):
    plain, after = (replace(scene, style=style) for scene in affected(kind))
    before, changed = (render_moments(scene, TIMES, SHAPE) for scene in (plain, after))
    if style != "paper-cut":  # the paper's hard shadow goes with the effect
        assert torch.equal(before[0][:2], changed[0][:2])
    assert torch.equal(before[1][:, :2], changed[1][:, :2])
    assert ((before[0] - changed[0]).abs().amax((1, 2, 3))[2:] > 0.1).all()


def test_masks_follow_each_effect(affected):
    area, tall, wide = {}, {}, {}
    for kind in EFFECTS:
        mask = render_moments(affected(kind)[1], TIMES, SHAPE)[1][0]
        area[kind] = mask.sum((1, 2)).tolist()
        tall[kind], wide[kind] = mask.any(2).sum(1).tolist(), mask.any(1).sum(1).tolist()
    assert area["dissolve"][-1] == 0 < area["dissolve"][2] < area["dissolve"][1]
    assert tall["melt"][-1] < 0.4 * tall["melt"][0]
    assert wide["melt"][-1] > 1.3 * wide["melt"][0]
    assert area["inflate"][-1] > 1.9 * area["inflate"][0]
    assert len(set(area["glow"])) == 1
    assert wide["shatter"][-1] > 1.3 * wide["shatter"][0]
    assert tall["shatter"][-1] < tall["shatter"][0]


def test_what_dissolved_is_gone(affected, make_actor, make_scene):
    scene = affected("dissolve")[1]
    scene = replace(scene, duration_s=3.0)
    gone = render_moments(scene, (2.9,), SHAPE)[0]
    away = replace(scene, actors=(replace(scene.actors[0], start_x=-4.0),), effects=())
    assert torch.equal(gone, render_moments(away, (2.9,), SHAPE)[0])


def test_a_glow_is_light_and_reaches_beyond_the_actor(affected):
    plain, glowing = affected("glow")
    before, after = render_video([plain, glowing], SHAPE)
    light = (after - before)[:, -1].mean(0)
    mask = render_masks([plain], SHAPE)[0, 0, -1]
    assert light[mask].mean() > 0.1
    assert light[~mask].max() > 0.1
    assert light.min() > -0.05


def test_moments_are_the_frames_of_a_clip(affected):
    scene = affected("shatter")[1]
    clip, masks = render_video([scene], SHAPE)[0], render_masks([scene], SHAPE)[0]
    stills, still_masks = render_moments(scene, [0.0, 0.5, 1.0], SHAPE)
    assert torch.equal(stills, clip[:, [0, 4, 8]].transpose(0, 1))
    assert torch.equal(still_masks, masks[:, [0, 4, 8]])


def test_a_scene_refuses_effects_without_an_actor(make_actor, make_scene):
    effect = Effect(kind="glow", actor=0, start_s=0.1, duration_s=0.5)
    scene = make_scene(make_actor(), effects=(effect,))
    assert effect_of(scene, 0) == effect
    assert truth_from_json(truth_to_json(truth_of(scene))).scene == scene
    for wrong in ((effect, effect), (replace(effect, actor=1),)):
        with pytest.raises(ValueError, match="an actor of its own"):
            make_scene(make_actor(), effects=wrong)
    with pytest.raises(ValueError, match="duration_s of an effect"):
        Effect(kind="glow", actor=0, start_s=0.1, duration_s=0.0)
