"""Edit pairs: a scene, the same scene with one thing changed, and the mask of what changed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool
from torch import Tensor

from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import ClipShape
from openreels.stage.dice import Dice
from openreels.stage.geometry import RADII, lane_of
from openreels.stage.overlays import render_overlay_masks
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import (
    CAMERAS,
    COLOURS,
    EXPRESSIONS,
    MATERIALS,
    OUTDOORS,
    PLACES,
    SHAPES,
    SIZES,
    STYLES,
    TIMES_OF_DAY,
    WEATHERS,
    Actor,
    Face,
    Scene,
)
from openreels.stage.sounds import matching_ambience
from openreels.stage.world import WorldSettings, sample_scene

EditKind: TypeAlias = Literal[
    "colour", "material", "shape", "size", "add", "remove", "place", "weather", "time of day",
    "style", "camera", "overlay", "expression",
]  # fmt: skip
"""What changes; ``overlay`` removes one."""
EDITS: tuple[EditKind, ...] = get_args(EditKind)
GLOBAL_EDITS: frozenset[EditKind] = frozenset({
    "place", "weather", "time of day", "style", "camera",
})  # fmt: skip
"""Edits that change the whole picture."""
SCENE_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "place": ("place", PLACES),
    "weather": ("weather", WEATHERS),
    "time of day": ("time_of_day", TIMES_OF_DAY),
    "style": ("style", STYLES),
    "camera": ("camera", CAMERAS),
}
"""Field of a scene and its words, for each of ``GLOBAL_EDITS``."""
ACTOR_WORDS: dict[str, tuple[str, ...]] = {
    "colour": COLOURS, "material": MATERIALS, "shape": SHAPES, "size": SIZES,
}  # fmt: skip
"""Words of an actor's looks; each is the name of its field, too."""
_TOLD_BY = frozenset({"colour", "shape"})
"""What tells actors apart, so that no two of a scene have the same."""
_MOST_ACTORS = 3
SEEN = 1.5 / 127.5
"""Pixels in [-1, 1] that differ by more than this differ by two steps of eight bits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One change of a scene."""

    kind: EditKind
    """What changes."""
    source: Scene
    """The scene before."""
    target: Scene
    """The scene after; everything else is the same."""
    number: int
    """Index of the changed actor or overlay in the source (of an added actor in the target); 0 for
    a change of the whole picture."""


class _Dice(Dice):
    """Draws of one edit of one scene."""

    def __init__(self, scene: Scene, number: int) -> None:
        super().__init__(generator(scene.seed, "edit", scene.index, number))


def _lanes(scene: Scene) -> list[int]:
    return [lane_of(scene, index) for index in range(len(scene.actors))]


def with_actor(scene: Scene, index: int, actor: Actor) -> Scene:
    """The scene with another actor in the place of one."""
    return replace(scene, actors=(*scene.actors[:index], actor, *scene.actors[index + 1 :]))


def _without_actor(scene: Scene, index: int) -> Scene:
    """The scene without an actor, its lines and effect; later actors move down by one."""

    def moved(number: int | None) -> int | None:
        return number - 1 if number is not None and number > index else number

    kept = [actor for number, actor in enumerate(scene.actors) if number != index]
    return replace(
        scene,
        actors=tuple(replace(actor, partner=moved(actor.partner)) for actor in kept),
        shots=tuple(replace(shot, focus=moved(shot.focus)) for shot in scene.shots),
        lines=tuple(
            replace(line, actor=moved(line.actor)) for line in scene.lines if line.actor != index
        ),
        effects=tuple(
            replace(effect, actor=effect.actor - (effect.actor > index))
            for effect in scene.effects
            if effect.actor != index
        ),
    )


def _free(scene: Scene) -> list[int]:
    """Actors that touch no other and are in no close-up: what they do concerns them alone."""
    focused = {shot.focus for shot in scene.shots}
    return [
        index
        for index, actor in enumerate(scene.actors)
        if actor.partner is None and index not in focused
    ]


def _resizable(scene: Scene) -> list[tuple[int, Scene]]:
    """Changes of one actor's size that leave the others in their lanes."""
    found = []
    for index in _free(scene):
        for size in SIZES:
            actor = replace(scene.actors[index], size=size)
            target = with_actor(scene, index, actor)
            if size != scene.actors[index].size and _lanes(target) == _lanes(scene):
                found.append((index, target))
    return found


def _removable(scene: Scene) -> list[int]:
    """Actors whose removal leaves the others in their lanes."""
    if len(scene.actors) < 2:
        return []
    lanes = _lanes(scene)
    return [
        index
        for index in _free(scene)
        if _lanes(_without_actor(scene, index)) == lanes[:index] + lanes[index + 1 :]
    ]


def possible_edits(scene: Scene) -> tuple[EditKind, ...]:
    """Which edits of a scene change one thing and nothing else."""
    whole = not scene.shots
    allowed: dict[EditKind, bool] = {
        "material": bool(_free(scene)),
        "shape": bool(_free(scene)),
        "size": bool(_resizable(scene)),
        "add": len(scene.actors) < _MOST_ACTORS,
        "remove": bool(_removable(scene)),
        "place": whole,
        "camera": whole,
        "weather": {scene.place, *(shot.place for shot in scene.shots)} <= set(OUTDOORS),
        "overlay": bool(scene.overlays),
        "expression": any(actor.face for actor in scene.actors),
    }
    return tuple(kind for kind in EDITS if allowed.get(kind, True))


def sample_edit(scene: Scene, number: int, kind: EditKind | None = None) -> Edit:
    """Draw an edit of a scene.

    Args:
        scene: The scene before the edit.
        number: Which edit; the same arguments always give the same.
        kind: What to change; drawn from what is possible if not given.

    Returns:
        The scene before and after.

    Raises:
        ValueError: If the scene does not allow an edit of that kind.
    """
    dice, possible = _Dice(scene, number), possible_edits(scene)
    drawn: EditKind = dice.one(possible)
    kind = kind or drawn
    if kind not in possible:
        raise ValueError(
            f"this scene cannot be edited in its {kind}, choose one of {', '.join(possible)}"
        )
    if kind in GLOBAL_EDITS:
        return Edit(kind=kind, source=scene, target=_whole(scene, dice, kind), number=0)
    makers: dict[str, Callable[[Scene, _Dice], tuple[int, Scene]]] = {
        "size": lambda scene, dice: dice.one(tuple(_resizable(scene))),
        "add": lambda scene, dice: _added(scene, dice, number),
        "remove": _removed,
        "overlay": _cleaned,
    }
    if kind in makers:
        index, target = makers[kind](scene, dice)
    else:
        index, target = _repainted(scene, dice, kind)
    return Edit(kind=kind, source=scene, target=target, number=index)


def _whole(scene: Scene, dice: _Dice, kind: EditKind) -> Scene:
    """Change the whole picture, and the ambience that fits it."""
    target = _seen(scene, dice, kind)
    return replace(target, ambience=matching_ambience(target)) if scene.ambience else target


def _seen(scene: Scene, dice: _Dice, kind: EditKind) -> Scene:
    field, words = SCENE_WORDS[kind]
    allowed = words_allowed(scene, kind, words)
    return replace(scene, **{field: dice.other(allowed, getattr(scene, field))})


def words_allowed(scene: Scene, kind: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that an edit of a kind may choose from: where it rains or snows, it is outdoors."""
    return OUTDOORS if kind == "place" and scene.weather != "clear" else words


def _repainted(scene: Scene, dice: _Dice, kind: EditKind) -> tuple[int, Scene]:
    """Change what one actor looks like, in its place."""
    faces = tuple(k for k, actor in enumerate(scene.actors) if actor.face is not None)
    pools = {"colour": tuple(range(len(scene.actors))), "expression": faces}
    index = dice.one(pools.get(kind) or tuple(_free(scene)))
    actor = scene.actors[index]
    if kind in ACTOR_WORDS:
        taken = scene.actors if kind in _TOLD_BY else (actor,)
        word = dice.other(ACTOR_WORDS[kind], *(getattr(one, kind) for one in taken))
        return index, with_actor(scene, index, replace(actor, **{kind: word}))
    old = actor.face or Face(expression="neutral")
    face = replace(old, expression=dice.other(EXPRESSIONS, old.expression))
    return index, with_actor(scene, index, replace(actor, face=face))


def _removed(scene: Scene, dice: _Dice) -> tuple[int, Scene]:
    index = dice.one(tuple(_removable(scene)))
    return index, _without_actor(scene, index)


def _cleaned(scene: Scene, dice: _Dice) -> tuple[int, Scene]:
    index = dice.one(tuple(range(len(scene.overlays))))
    kept = (*scene.overlays[:index], *scene.overlays[index + 1 :])
    return index, replace(scene, overlays=kept)


def _added(scene: Scene, dice: _Dice, number: int) -> tuple[int, Scene]:
    """Add an actor behind the others, so that none of them changes its lane."""
    donors = derive_seed(scene.seed, "donor", scene.index)
    settings = WorldSettings(
        actor_odds=(1.0, 0.0, 0.0), aspect_ratio=scene.aspect_ratio, duration_s=scene.duration_s
    )
    actor = sample_scene(donors, number, settings=settings).actors[0]
    largest = max(RADII[other.size] for other in scene.actors)
    actor = replace(
        actor,
        colour=dice.other(COLOURS, *(other.colour for other in scene.actors)),
        shape=dice.other(SHAPES, *(other.shape for other in scene.actors)),
        size=dice.one(tuple(size for size in SIZES if RADII[size] >= largest)),
    )
    if any(other.face for other in scene.actors):
        actor = replace(actor, face=Face(expression=dice.one(EXPRESSIONS)))
    return len(scene.actors), replace(scene, actors=(*scene.actors, actor))


def change_mask(
    edit: Edit, shape: ClipShape, device: str | torch.device = "cpu"
) -> Bool[Tensor, "F H W"]:
    """Find the pixels that an edit may touch.

    Args:
        edit: The edit.
        shape: Size and frame rate of the clip.
        device: Where to render.

    Returns:
        True everywhere for an edit of the whole picture. Otherwise True on the actor or overlay
        before and after, and wherever the two renders differ to the eye: its shadow, its rope and
        the posts it knocks against. Elsewhere the renders differ by at most one step of eight bits.
    """
    if edit.kind in GLOBAL_EDITS:
        size = (shape.num_frames, shape.height, shape.width)
        return torch.ones(size, dtype=torch.bool, device=device)
    before, after = render_video([edit.source, edit.target], shape, device)
    changed = (before - after).abs().amax(0) > SEEN
    if edit.kind == "overlay":
        return changed | render_overlay_masks([edit.source], shape, device)[0, edit.number]
    if edit.kind != "add":
        changed |= render_masks([edit.source], shape, device)[0, edit.number]
    if edit.kind != "remove":
        changed |= render_masks([edit.target], shape, device)[0, edit.number]
    return changed
