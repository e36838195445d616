from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.actors import surface
from openreels.stage.faces import draw_face, opening
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import EXPRESSIONS, SHAPES, Actor, Face, Scene

SIDE = 96


def _actor(shape="ball", **face):
    return Actor(
        shape=shape, colour="yellow", material="wood", size="large", action="spin", start_x=0.0,
        direction="right", tempo=1.0, phase_s=0.0, height=0.3, face=Face(**face),
    )  # fmt: skip


def _drawn(actor, opened=None, angle=0.0):
    axis = (torch.arange(SIDE) + 0.5) / SIDE * 2.6 - 1.3
    turn = torch.tensor([angle]).view(1, 1, 1)
    distance, at = surface(actor.shape, axis[None, None, :], -axis[None, :, None], turn)
    assert actor.face is not None
    if opened is None:
        opened = float(opening(actor.face, torch.zeros(1)))
    colour = torch.full((1, 3, SIDE, SIDE), 0.6)
    drawn, cover = draw_face(actor, at, colour, torch.tensor([opened]), torch.tensor(0.04))
    return drawn[0], cover[0, 0], distance[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_face_lies_on_its_actor(shape, expression):
    drawn, cover, distance = _drawn(_actor(shape, expression=expression))
    assert (cover > 0.5).float().mean() > 0.02
    outside = (cover > 0.5) & (distance > 0.03)
    assert outside.sum() <= 0.06 * (cover > 0.5).sum()
    white = (drawn.amin(0) > 0.9).float()
    left, right = white[:, : SIDE // 2].sum(), white[:, SIDE // 2 :].sum()
    assert left > 5
    assert left == pytest.approx(right.item(), rel=0.35)


def test_expressions_can_be_told_apart():
    faces = [_drawn(_actor(expression=expression))[0] for expression in EXPRESSIONS]
    for i, one in enumerate(faces):
        for other in faces[:i]:
            assert ((one - other).abs().amax(0) > 0.3).sum() > 60


def test_the_corners_of_a_smile_are_up_and_of_a_frown_down():
    for expression, sign in (("happy", -1), ("sad", 1)):
        drawn, _, _ = _drawn(_actor(expression=expression))
        mouth = (drawn[0] - drawn[1] > 0.15) & (drawn[2] < 0.4)
        mouth[: SIDE // 2] = False
        rows, columns = mouth.nonzero().T.float()
        edge = (columns - columns.mean()).abs() > 0.8 * (columns - columns.mean()).abs().max()
        assert sign * (rows[edge].mean() - rows[~edge].mean()) > 1


def test_the_mouth_opens_by_its_keys():
    face = Face(expression="neutral", mouth=((0.5, 0.0), (1.0, 1.0), (2.0, 0.5)))
    times = torch.tensor([0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 9.0])
    torch.testing.assert_close(
        opening(face, times), torch.tensor([0.0, 0.0, 0.5, 1.0, 0.75, 0.5, 0.5])
    )
    areas = []
    for opened in (0.0, 0.5, 1.0):
        _, cover, _ = _drawn(_actor(expression="neutral"), opened)
        areas.append(float(cover[SIDE // 2 :].sum()))
    assert areas[1] > 1.5 * areas[0]
    assert areas[2] > 1.2 * areas[1]


def test_a_face_turns_with_its_actor():
    upright = _drawn(_actor(expression="surprised"))[1]
    turned = _drawn(_actor(expression="surprised"), angle=torch.pi / 2)[1]
    assert (upright.rot90(1, (0, 1)) - turned).abs().mean() < 0.01


def test_a_rendered_mouth_moves_and_the_masks_stay():
    face = {"expression": "neutral", "mouth": ((0.0, 0.0), (0.5, 1.0))}
    talking = _actor("cube", **face)
    still = replace(talking, face=Face(expression="neutral"))
    base = {"seed": 0, "index": 0, "place": "room", "time_of_day": "day", "camera": "static"}
    scenes = [Scene(actors=(actor,), duration_s=0.5, **base) for actor in (talking, still)]
    shape = ClipShape(num_frames=5, height=64, width=64, fps=8)
    one, other = render_video(scenes, shape)
    changed = [(one[:, k] - other[:, k]).abs().amax(0).gt(0.3).sum().item() for k in range(5)]
    assert changed[0] == 0
    assert changed[4] > 8
    masks = render_masks(scenes, shape)
    assert torch.equal(masks[0], masks[1])


@pytest.mark.parametrize(
    "keys", [((0.0, 1.5),), ((1.0, 0.0), (0.5, 1.0)), ((1.0, 0.0), (1.0, 1.0))]
)
def test_impossible_mouths_are_refused(keys):
    with pytest.raises(ValueError, match="mouth"):
        Face(expression="sad", mouth=keys)


def test_an_actor_without_a_face_has_none_to_draw():
    actor = replace(_actor(expression="sad"), face=None)
    at = surface("ball", torch.zeros(1, 1, 2), torch.zeros(1, 2, 1), torch.zeros(1, 1, 1))[1]
    with pytest.raises(ValueError, match="no face"):
        draw_face(actor, at, torch.zeros(1, 3, 2, 2), torch.zeros(1), torch.tensor(0.1))
