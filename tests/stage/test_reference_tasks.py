from dataclasses import replace

import pytest
import torch

from openreels.core.prompt_rules import broken_rules
from openreels.core.shapes import ClipShape
from openreels.stage.captions_references import named
from openreels.stage.physics import pose
from openreels.stage.reference_draws import (
    MAX_IMAGES,
    Namer,
    ReferenceShares,
    draw_references,
)
from openreels.stage.reference_edits import GUIDED
from openreels.stage.reference_tasks import TASKS, Order, change_of, make_task
from openreels.stage.reference_views import Dice
from openreels.stage.render import render_video
from openreels.stage.world import WorldSettings, sample_scene

WORLD = WorldSettings(duration_s=1.0)
SHAPE = ClipShape(num_frames=5, height=48, width=48, fps=4)
ALL = WorldSettings(
    face_share=0.5, style_share=0.4, speech_share=0.6, music_share=0.6, ambience_share=0.6,
    cut_share=0.2,
)  # fmt: skip


def order(index=0, **changes):
    return replace(Order(seed=3, index=index, settings=WORLD), **changes)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("held_out", [False, True])
def test_every_task_has_a_valid_prompt_and_is_always_the_same(name, held_out):
    for index in range(4):
        task = make_task(name, order(index, variant=index, held_out=held_out))
        assert task == make_task(name, order(index, variant=index, held_out=held_out))
        assert task.name == name
        rules = named(task.references, source=task.source is not None)
        assert list(broken_rules(task.caption, rules)) == []
        known = {one.handle for one in task.references}
        assert ("@video_1" in task.caption) <= (task.source is not None or "@video_1" in known)
        if task.source is not None and not task.masked:
            assert "@video_1" in task.caption
        if "reference" in name:
            assert task.references


@pytest.mark.parametrize("name", [n for n in TASKS if "reference" in n or "inpaint" in n])
def test_nothing_changes_outside_of_the_mask(name):
    for index in range(2):
        task = make_task(name, order(index))
        mask = change_of(task, SHAPE)
        before, after = render_video([task.source, task.target], SHAPE)
        outside = (before - after).abs().amax(0)[~mask]
        assert mask.any()
        assert not outside.numel() or outside.max() <= 1.5 / 127.5
        if task.change != "all":
            assert not mask.all()


def test_tasks_without_a_source_make_everything():
    assert change_of(make_task("subjects", order()), SHAPE).all()
    with pytest.raises(ValueError, match="a task must be one of"):
        make_task("juggling", order())
    with pytest.raises(ValueError, match="no scene for the task"):
        make_task("edit weather", order(settings=replace(WORLD, places=("room",))))


def test_a_replaced_actor_moves_as_before():
    times = torch.linspace(0, 1, 17, dtype=torch.float64)
    for index in range(6):
        task = make_task("replace by reference", order(index))
        actor = task.actors[0]
        before, after = task.source.actors[actor], task.target.actors[actor]
        assert before.shape != after.shape
        assert before.colour != after.colour
        view = task.references[0].stills[0].scene.actors[0]
        assert (view.shape, view.colour, view.material) == (
            after.shape, after.colour, after.material,
        )  # fmt: skip
        assert torch.equal(pose(task.source, times).x[actor], pose(task.target, times).x[actor])
    moved = make_task("motion by reference", order())
    shown = moved.references[0].scene
    assert torch.equal(pose(shown, times).x[0], pose(moved.target, times).x[0])
    assert not torch.equal(pose(moved.source, times).x[0], pose(moved.target, times).x[0])
    assert set(GUIDED) <= {name.split(" ")[0] for name in TASKS}


def test_draws_keep_the_limits_of_a_request():
    roles = set()
    for index in range(200):
        scene = sample_scene(5, index, settings=ALL)
        found = draw_references(scene, 1)
        assert found == draw_references(scene, 1)
        roles |= {one.role for one in found}
        kinds = [one.kind for one in found]
        assert kinds.count("image") <= MAX_IMAGES
        assert kinds.count("clip") <= 1
        assert "grid" not in kinds or not {"image", "clip"} & set(kinds)
        handles = [one.handle for one in found if one.role != "voice"]
        assert len(set(handles)) == len(handles)
    assert roles >= {
        "subject", "place", "style", "motion", "expression", "background", "storyboard", "voice",
        "music", "ambience",
    }  # fmt: skip
    nothing = ReferenceShares(**dict.fromkeys(ReferenceShares.__dataclass_fields__, 0.0))
    assert draw_references(scene, 1, nothing) == ()
    with pytest.raises(ValueError, match=r"style must be in \[0, 1\]"):
        ReferenceShares(style=1.5)


def test_names_differ_and_may_start_after_the_source():
    for index in range(8):
        name = Namer(Dice(sample_scene(1, index), "names"), first_clip=2)
        handles = [name("clip", "motion"), *(name("image", "subject") for _ in range(6))]
        assert len(set(handles)) == 7
        assert "@video_1" not in handles
