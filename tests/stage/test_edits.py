from dataclasses import fields, replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.captions_edits import instruction
from openreels.stage.edits import EDITS, GLOBAL_EDITS, change_mask, possible_edits, sample_edit
from openreels.stage.looks import LookSettings
from openreels.stage.physics import pose
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 0.5 for f in fields(LookSettings) if f.name.endswith("_share")}
LOOKS = WorldSettings(duration_s=1.0, **{**SHARES, "cut_share": 0.2})
SHAPE = ClipShape(num_frames=5, height=48, width=48, fps=4)
SCENES = [sample_scene(8, index, settings=LOOKS) for index in range(120)]


def _edits(kind, count):
    able = [scene for scene in SCENES if kind in possible_edits(scene)]
    return [sample_edit(scene, number, kind) for number, scene in enumerate(able[:count])]


def _differences(source: Scene, target: Scene):
    return {f.name for f in fields(Scene) if getattr(source, f.name) != getattr(target, f.name)}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_changes_one_thing(kind):
    edits = _edits(kind, 30)
    assert len(edits) >= 15
    names = {"time of day": "time_of_day", "overlay": "overlays"}
    for edit in edits:
        assert edit == sample_edit(edit.source, edits.index(edit), kind)
        changed = _differences(edit.source, edit.target)
        if kind in {"colour", "material", "shape", "size", "expression"}:
            assert changed == {"actors"}
            before, after = edit.source.actors[edit.number], edit.target.actors[edit.number]
            field = "face" if kind == "expression" else kind
            assert replace(before, **{field: getattr(after, field)}) == after != before
        elif kind in {"add", "remove"}:
            assert "actors" in changed
            assert len(edit.target.actors) - len(edit.source.actors) == (1 if kind == "add" else -1)
        else:
            assert changed == {names.get(kind, kind)}


@pytest.mark.parametrize("kind", ["colour", "material", "shape", "size", "add", "remove"])
def test_the_other_actors_stay_where_they_are(kind):
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    for edit in _edits(kind, 25):
        before, after = pose(edit.source, times), pose(edit.target, times)
        kept = list(range(len(edit.source.actors)))
        others = list(range(len(edit.target.actors)))
        if kind != "add":
            kept.remove(edit.number)
        if kind != "remove":
            others.remove(edit.number)
        for name in ("x", "y", "angle", "squash"):
            assert torch.equal(getattr(before, name)[kept], getattr(after, name)[others])


@pytest.mark.parametrize("kind", sorted(set(EDITS) - GLOBAL_EDITS))
def test_nothing_changes_outside_the_mask(kind):
    for edit in _edits(kind, 4):
        mask = change_mask(edit, SHAPE)
        before, after = render_video([edit.source, edit.target], SHAPE)
        change = (before - after).abs().amax(0)
        assert change[~mask].max() <= 1.5 / 127.5
        assert mask.any()
        assert mask.float().mean() < 0.95
        if kind not in {"overlay", "add"}:
            assert mask[render_masks([edit.source], SHAPE)[0, edit.number]].all()
    for edit in _edits(kind, 30)[4:7]:
        assert instruction(edit, 0)


@pytest.mark.parametrize("kind", sorted(GLOBAL_EDITS))
def test_edits_of_the_whole_picture_have_the_whole_mask(kind):
    for edit in _edits(kind, 2):
        assert change_mask(edit, SHAPE).all()
        before, after = render_video([edit.source, edit.target], SHAPE)
        assert (before - after).abs().mean() > 0.01


def test_edits_are_drawn_from_what_is_possible():
    kinds = {sample_edit(scene, number).kind for scene in SCENES for number in range(3)}
    assert kinds == set(EDITS)
    bare = sample_scene(8, 0, settings=WorldSettings(places=("room",), actor_odds=(1.0, 0.0, 0.0)))
    impossible = set(EDITS) - set(possible_edits(bare))
    assert impossible == {"remove", "weather", "overlay", "expression"}
    with pytest.raises(ValueError, match="cannot be edited in its weather"):
        sample_edit(bare, 0, "weather")
