"""Edits whose result a reference shows: a subject, place, style, motion, face or effect."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from openreels.stage import reference_draws as draws
from openreels.stage.captions_guided import GuidedEdit
from openreels.stage.edits import possible_edits, sample_edit
from openreels.stage.looks import with_effect
from openreels.stage.reference_draws import Namer
from openreels.stage.reference_views import (
    Dice,
    effect_double,
    face_double,
    motion_double,
    moved_elsewhere,
    stranger,
    style_picture,
)
from openreels.stage.references import StageReference
from openreels.stage.scene import (
    COLOURS,
    EXPRESSIONS,
    MATERIALS,
    SHAPES,
    STYLES,
    Face,
    Scene,
)

Change: TypeAlias = Literal["all", "actors", "place"]
"""What an edit may change: everything, some actors, or everything but the actors."""


def alone(scene: Scene) -> tuple[int, ...]:
    """Actors that touch no other and are in no close-up."""
    focused = {shot.focus for shot in scene.shots}
    return tuple(
        k for k, actor in enumerate(scene.actors) if actor.partner is None and k not in focused
    )


def affected(scene: Scene, dice: Dice) -> Scene:
    """The scene in which its first actor undergoes an effect."""
    return with_effect(scene, 0, dice)


def editable(edit: GuidedEdit) -> Callable[[Scene], bool]:
    """A test of scenes that tells whether an edit of that kind has something to change."""
    tests: dict[str, Callable[[Scene], bool]] = {
        "replace": lambda scene: bool(alone(scene)),
        "add": lambda scene: "add" in possible_edits(scene),
        "expression": lambda scene: scene.actors[0].face is not None,
        "motion": lambda scene: bool(alone(scene)) and len(scene.actors) == 1,
    }
    return tests.get(edit, lambda scene: not scene.shots)


def replaced(scene: Scene, actor: int, dice: Dice) -> Scene:
    """The scene with somebody else in the place of an actor, who moves as it did."""
    body = scene.actors[actor]
    other = replace(
        body,
        shape=dice.other(SHAPES, *(one.shape for one in scene.actors)),
        colour=dice.other(COLOURS, *(one.colour for one in scene.actors)),
        material=dice.other(MATERIALS, body.material),
        moves_like=body.moves_like or body.material,
    )
    return replace(scene, actors=(*scene.actors[:actor], other, *scene.actors[actor + 1 :]))


_Made = tuple[Scene, StageReference, Change]


def _replace(scene: Scene, dice: Dice, name: Namer) -> _Made:
    actor = dice.one(alone(scene))
    target = replaced(scene, actor, dice)
    return target, draws.subject(target, actor, 1 + int(dice.uniform() * 5), name), "actors"


def _add(scene: Scene, dice: Dice, name: Namer) -> _Made:
    edit = sample_edit(scene, dice.seed % 1000, "add")
    shown = draws.subject(edit.target, edit.number, 1 + int(dice.uniform() * 5), name)
    return edit.target, replace(shown, scene=edit.target), "actors"


def _background(scene: Scene, _: Dice, name: Namer) -> _Made:
    target = moved_elsewhere(scene)
    return target, draws.background(target, name), "place"


def _style(scene: Scene, dice: Dice, name: Namer) -> _Made:
    target = replace(scene, style=dice.other(STYLES, scene.style, "plain"))
    return target, draws.picture(style_picture(target), "style", name), "all"


def _expression(scene: Scene, dice: Dice, name: Namer) -> _Made:
    old = scene.actors[0].face or Face(expression="neutral")
    face = replace(old, expression=dice.other(EXPRESSIONS, old.expression))
    actors = (replace(scene.actors[0], face=face), *scene.actors[1:])
    target = replace(scene, actors=actors)
    return target, draws.clip(face_double(target, 0), "expression", 0, name), "actors"


def _motion(scene: Scene, dice: Dice, name: Namer) -> _Made:
    """One actor takes on the motion of another scene's actor."""
    body = scene.actors[0]
    moving = stranger(scene, dice, body.size).actors[0]
    action = replace(
        moving,
        shape=body.shape,
        colour=body.colour,
        material=body.material,
        face=body.face,
        plays=None,
    )
    target = replace(scene, actors=(action,))
    return target, draws.clip(motion_double(target, 0), "motion", 0, name), "actors"


def _effect(scene: Scene, dice: Dice, name: Namer) -> _Made:
    target = affected(scene, dice)
    shown = draws.clip(effect_double(target, target.effects[0]), "effect", 0, name)
    return target, shown, "actors"


GUIDED: dict[GuidedEdit, Callable[[Scene, Dice, Namer], _Made]] = {
    "replace": _replace,
    "add": _add,
    "background": _background,
    "style": _style,
    "expression": _expression,
    "motion": _motion,
    "effect": _effect,
}
"""What makes each edit: the scene after it, the reference, and what may change."""
