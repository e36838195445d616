"""Figures of edits and inpainting: success, preservation, traces, insertion; all in closed form.

What an edit must give is known pixel by pixel, so a word is read by asking which true clip, among
those that differ in that word alone, the result is nearest to.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.evaluation.cases import Case, Made
from openreels.evaluation.changes import (
    centre_of,
    changed_psnr_db,
    kept_psnr_db,
    nearest_word,
    overlap,
    trace_left,
)
from openreels.stage.edits import ACTOR_WORDS, SCENE_WORDS, with_actor, words_allowed
from openreels.stage.render import render_masks, render_moments
from openreels.stage.scene import EFFECTS, EXPRESSIONS, Face, Scene

_MOMENTS = 9
"""Frames at which words are compared."""
_GONE = 0.5
"""A trace under this counts as a success."""
_STANDS_OUT = 0.3
"""Pixels in [-1, 1] that differ by more than this are new."""


def edit_figures(case: Case, made: Made) -> dict[str, float]:
    """Measure an edited clip.

    Args:
        case: The edit.
        made: The result, of the size and length of the case.

    Returns:
        Figures by name; those that the edit does not have are left out, those that cannot be
        measured are nan.
    """
    source = case.source
    if source is None:
        return {}
    target, changed = case.target.pixels, case.changed
    found: dict[str, float] = {}
    if not bool(changed.all()):
        found["kept outside PSNR dB"] = kept_psnr_db(made.pixels, source.pixels, changed)
    found["changed part PSNR dB"] = changed_psnr_db(made.pixels, target, changed)
    trace = trace_left(made.pixels, source.pixels, target, changed)
    found["trace of the source"] = trace
    words = _words(case)
    for name, (true, scenes) in words.items():
        found[f"{name} right"] = float(_read(case, made, scenes) == true)
    hits = [value for name, value in found.items() if name.endswith(" right")]
    found["success"] = min(hits) if hits else float(trace < _GONE)
    if _kind(case) == "add":
        found |= _insertion(case, made, source)
    return found


def _kind(case: Case) -> str:
    if case.task.edit is not None:
        return case.task.edit.kind
    return case.task.name.removesuffix(" by reference")


def _words(case: Case) -> dict[str, tuple[str, dict[str, Scene]]]:
    """What an edit says: for each word the true one, and a scene for every choice."""
    task, kind, target = case.task, _kind(case), case.task.target
    kind = {"background": "place", "inpaint background": "place"}.get(kind, kind)
    if kind in SCENE_WORDS:
        return {kind: _whole(target, kind)}
    if task.edit is not None and kind in ACTOR_WORDS:
        return {kind: _of_actor(target, task.edit.number, kind)}
    if kind == "expression":
        number = task.edit.number if task.edit is not None else (task.actors or (0,))[0]
        return {kind: _expressions(target, number)}
    if kind == "effect":
        return {kind: _effects(target)}
    if kind in {"replace", "inpaint subject", "inpaint subjects by references"}:
        names = ("colour", "shape", "material")
        return {
            name if place == 0 else f"{name} of the second": _of_actor(target, number, name)
            for place, number in enumerate(task.actors)
            for name in names
        }
    return {}


def _whole(target: Scene, kind: str) -> tuple[str, dict[str, Scene]]:
    field, words = SCENE_WORDS[kind]
    words = words_allowed(target, kind, words)
    scenes = {word: replace(target, **{field: word}) for word in words}
    return getattr(target, field), scenes


def _of_actor(target: Scene, number: int, kind: str) -> tuple[str, dict[str, Scene]]:
    actor = target.actors[number]
    moves = actor.moves_like or actor.material
    choices = {
        word: with_actor(target, number, replace(actor, **{kind: word}))
        for word in ACTOR_WORDS[kind]
    }
    if kind == "material" and actor.moves_like is not None:
        choices = {w: with_actor(target, number, replace(s.actors[number], moves_like=moves))
                   for w, s in choices.items()}  # fmt: skip
    return getattr(actor, kind), choices


def _expressions(target: Scene, number: int) -> tuple[str, dict[str, Scene]]:
    actor = target.actors[number]
    face = actor.face or Face(expression="neutral")
    choices = {
        word: with_actor(target, number, replace(actor, face=replace(face, expression=word)))
        for word in EXPRESSIONS
    }
    return face.expression, choices


def _effects(target: Scene) -> tuple[str, dict[str, Scene]]:
    effect, *others = target.effects
    choices: dict[str, Scene] = {
        word: replace(target, effects=(replace(effect, kind=word), *others)) for word in EFFECTS
    }
    return effect.kind, {"none": replace(target, effects=tuple(others)), **choices}


def _read(case: Case, made: Made, scenes: dict[str, Scene]) -> str:
    index = torch.linspace(0, case.shape.num_frames - 1, _MOMENTS).round().long()
    times = [float(k) / case.shape.fps for k in index]
    true = {word: _moments(scene, times, case) for word, scene in scenes.items()}
    return nearest_word(made.pixels[:, index], true)


def _moments(scene: Scene, times: list[float], case: Case) -> Float[Tensor, "3 n H W"]:
    pixels, _ = render_moments(scene, times, case.shape)
    return pixels.transpose(0, 1)


def _insertion(case: Case, made: Made, source: Made) -> dict[str, float]:
    """Where something new stands out, against where the true actor is."""
    true = render_masks([case.task.target], case.shape)[0, -1].float()
    new = _new(made, source).float()
    here, there = centre_of(new), centre_of(true)
    off = math.nan
    if there is not None:
        off = 1.0 if here is None else math.hypot(here[0] - there[0], here[1] - there[1])
    return {"inserted overlap": overlap(new, true), "inserted off by heights": off}


def _new(made: Made, source: Made) -> Bool[Tensor, "F H W"]:
    return (made.pixels - source.pixels).abs().amax(0) > _STANDS_OUT
