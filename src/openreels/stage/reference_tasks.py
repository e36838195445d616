"""The tasks of the world: for every kind of task that the paper shows, a maker of exact examples.

An example has what a request has (a source clip or none, references, a prompt) and what is true:
the scene that must come out, and which pixels of the source may change. The rows are those of the
paper's Table 3 and appendix A (arXiv 2602.21818); ``edits`` makes the edits without a reference.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from openreels.core.prompt_rules import SOURCE_HANDLE
from openreels.core.seeding import derive_seed
from openreels.core.shapes import ClipShape
from openreels.stage import reference_draws as draws
from openreels.stage.captions_edits import instruction
from openreels.stage.captions_guided import GuidedEdit, guided_instruction
from openreels.stage.captions_references import caption_with
from openreels.stage.edits import (
    EDITS,
    GLOBAL_EDITS,
    SEEN,
    Edit,
    EditKind,
    change_mask,
    possible_edits,
    sample_edit,
)
from openreels.stage.reference_draws import Namer
from openreels.stage.reference_edits import GUIDED, Change, affected, alone, editable, replaced
from openreels.stage.reference_views import (
    Dice,
    ambience_sample,
    effect_double,
    face_double,
    motion_double,
    music_sample,
    place_picture,
    style_picture,
    voice_sample,
)
from openreels.stage.references import StageReference
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings, sample_scene

_TRIES = 400
_ANY_WORLD = WorldSettings()


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTask:
    """One example of a task."""

    name: str
    """Its row, a key of ``TASKS``."""
    target: Scene
    """What must come out."""
    caption: str
    """The prompt: a description, or for an edit an instruction that names ``@video_1``."""
    references: tuple[StageReference, ...] = ()
    """What else is given."""
    source: Scene | None = None
    """The clip that is edited or inpainted."""
    masked: bool = False
    """Whether the mask of what changes is given with the source (inpainting)."""
    change: Change = "all"
    """What may change: everything, some actors, or everything but the actors."""
    actors: tuple[int, ...] = ()
    """Indices of the actors that change, in the source and in the target."""
    edit: Edit | None = None
    """The edit, where one thing changes and no reference shows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Which example of a task to make."""

    seed: int
    """Seed of the world."""
    index: int
    """Number of the example."""
    settings: WorldSettings = _ANY_WORLD
    """What scenes the world holds; a task adds what it is about."""
    variant: int = 0
    """Which paraphrase."""
    held_out: bool = False
    """Whether to use only sentences that training never shows."""


def make_task(name: str, order: Order) -> StageTask:
    """Make one example of a task; the same arguments always give the same.

    Args:
        name: A key of ``TASKS``.
        order: Which example.

    Returns:
        The example.

    Raises:
        ValueError: If there is no such task, or the world has no scene for it.
    """
    if name not in TASKS:
        raise ValueError(f"a task must be one of {', '.join(TASKS)}, got {name!r}; choose one")
    return replace(TASKS[name](order), name=name)


def change_of(
    task: StageTask, shape: ClipShape, device: str | torch.device = "cpu"
) -> Bool[Tensor, "F H W"]:
    """Find the pixels of the source that a task may change.

    Args:
        task: The example.
        shape: Size and frame rate of the clip.
        device: Where to render.

    Returns:
        True everywhere for a task without a source or of the whole picture. Elsewhere source and
        target differ by at most one step of eight bits where it is False.
    """
    if task.edit is not None and task.change != "place":
        return change_mask(task.edit, shape, device)
    size = (shape.num_frames, shape.height, shape.width)
    if task.source is None or task.change == "all":
        return torch.ones(size, dtype=torch.bool, device=device)
    before, after = render_video([task.source, task.target], shape, device)
    changed = (before - after).abs().amax(0) > SEEN
    masks = render_masks([task.source, task.target], shape, device)
    if task.change == "place":
        return changed | ~masks.any(dim=1)[0]
    for number in task.actors:
        changed |= masks[:, number].any(dim=0)
    return changed


def _scene(order: Order, fits: Callable[[Scene], bool] = lambda _: True, **shares: object) -> Scene:
    """The first scene of the world that a task can use."""
    settings = replace(order.settings, **shares)  # pyright: ignore[reportArgumentType]
    start = derive_seed(order.seed, "task", order.index) % 2**31
    for index in range(start, start + _TRIES):
        scene = sample_scene(order.seed, index, settings=settings)
        if fits(scene):
            return scene
    raise ValueError(f"this world has no scene for the task among {_TRIES}; allow more in settings")


def _told(order: Order, scene: Scene, references: tuple[StageReference, ...]) -> StageTask:
    """A task whose prompt describes the target."""
    structured = order.variant % 2 == 1
    text = caption_with(
        scene,
        references,
        order.variant,
        tier="structured" if structured else "long",
        held_out=order.held_out,
    )
    return StageTask(name="", target=scene, caption=text, references=references)


def _start(order: Order, scene: Scene, *, first_clip: int = 1) -> tuple[Dice, Namer]:
    dice = Dice(scene, "task", order.index)
    return dice, Namer(dice, first_clip=first_clip)


def _subjects(order: Order) -> StageTask:
    scene = _scene(order)
    dice, name = _start(order, scene)
    shown = range(min(len(scene.actors), draws.MAX_IMAGES))
    return _told(
        order,
        scene,
        tuple(draws.subject(scene, k, 1 + int(dice.uniform() * 5), name) for k in shown),
    )


def _voices(order: Order) -> StageTask:
    scene = _scene(order, lambda s: any(x.actor is not None for x in s.lines), speech_share=1.0)
    dice, name = _start(order, scene)
    speakers = dict.fromkeys(x.actor for x in scene.lines if x.actor is not None)
    pictures = {k: draws.subject(scene, k, 1 + int(dice.uniform() * 5), name) for k in speakers}
    first = {k: next(x for x in scene.lines if x.actor == k) for k in speakers}
    samples = (voice_sample(scene, first[k], pictures[k].handle) for k in speakers)
    return _told(order, scene, (*pictures.values(), *samples))


def _with_clip(order: Order, role: Literal["motion", "expression"]) -> StageTask:
    """Pictures of the subject, and a clip of somebody else."""
    if role == "motion":
        scene = _scene(order, lambda s: bool(alone(s)))
        actor = alone(scene)[0]
        double = motion_double(scene, actor)
    else:
        scene = _scene(order, lambda s: s.actors[0].face is not None, face_share=1.0)
        actor, double = 0, face_double(scene, 0)
    dice, name = _start(order, scene)
    pictures = draws.subject(scene, actor, 1 + int(dice.uniform() * 5), name)
    return _told(order, scene, (pictures, draws.clip(double, role, actor, name)))


def _of_whole(order: Order, role: str) -> StageTask:
    """One picture, storyboard or sound for the whole clip."""
    shares = {"style": "style_share", "music": "music_share", "ambience": "ambience_share"}
    scene = _scene(order, _usable(role), **({shares[role]: 1.0} if role in shares else {}))
    _, name = _start(order, scene)
    makers: dict[str, Callable[[], StageReference]] = {
        "storyboard": lambda: draws.storyboard(scene, name),
        "place": lambda: draws.picture(place_picture(scene), "place", name),
        "style": lambda: draws.picture(style_picture(scene), "style", name),
        "music": lambda: music_sample(scene, scene.music[0], name("audio", "music")),
        "ambience": lambda: ambience_sample(scene, scene.ambience[0], name("audio", "ambience")),
    }
    return _told(order, scene, (makers[role](),))


def _usable(role: str) -> Callable[[Scene], bool]:
    tests: dict[str, Callable[[Scene], bool]] = {
        "style": lambda scene: scene.style != "plain",
        "place": lambda scene: not scene.shots,
        "music": lambda scene: bool(scene.music),
        "ambience": lambda scene: bool(scene.ambience),
    }
    return tests.get(role, lambda _: True)


def _frame_effect(order: Order) -> StageTask:
    """A first frame and a clip of an effect."""
    scene = _scene(order, lambda s: s.actors[0].partner is None, actor_odds=(1.0, 0.0, 0.0))
    dice, name = _start(order, scene)
    scene = affected(scene, dice)
    frame = draws.frame(scene, name)
    double = effect_double(scene, scene.effects[0])
    return _told(order, scene, (frame, draws.clip(double, "effect", 0, name)))


def _guided(order: Order, edit: GuidedEdit, *, masked: bool = False) -> StageTask:
    """An edit of a clip by a reference, by instruction or inside a mask."""
    scene = _scene(order, editable(edit), **({"face_share": 1.0} if edit == "expression" else {}))
    dice, name = _start(order, scene, first_clip=2)
    target, shown, change = GUIDED[edit](scene, dice, name)
    text = guided_instruction(
        edit, scene, shown, order.variant, held_out=order.held_out, clip=SOURCE_HANDLE
    )
    if masked:
        text = caption_with(target, (shown,), order.variant, held_out=order.held_out)
    actors = () if shown.actor is None else (shown.actor,)
    return StageTask(
        name="",
        target=target,
        caption=text,
        references=(shown,),
        source=scene,
        masked=masked,
        change=change,
        actors=actors,
    )


def _several(order: Order) -> StageTask:
    """Two actors inpainted in two regions by two references."""
    scene = _scene(order, lambda s: len(alone(s)) >= 2, actor_odds=(0.0, 0.6, 0.4))
    dice, name = _start(order, scene, first_clip=2)
    chosen = alone(scene)[:2]
    target = scene
    for actor in chosen:
        target = replaced(target, actor, dice)
    shown = tuple(draws.subject(target, k, 1 + int(dice.uniform() * 5), name) for k in chosen)
    text = caption_with(target, shown, order.variant, held_out=order.held_out)
    return StageTask(
        name="", target=target, caption=text, references=shown, source=scene, masked=True,
        change="actors", actors=chosen,
    )  # fmt: skip


def _edit(order: Order, kind: EditKind, *, masked: bool = False) -> StageTask:
    """An edit without a reference, by instruction or inside a mask."""
    shares = {"overlay": {"words_share": 0.5, "logo_share": 0.5, "watermark_share": 0.5}}
    shares["expression"] = {"face_share": 1.0}
    scene = _scene(order, lambda s: kind in possible_edits(s), **shares.get(kind, {}))
    edit = sample_edit(scene, order.index, kind)
    text = instruction(edit, order.variant, held_out=order.held_out, source=SOURCE_HANDLE)
    if masked:
        text = caption_with(edit.target, (), order.variant, held_out=order.held_out)
    change: Change = "all" if kind in GLOBAL_EDITS else "actors"
    if masked and kind == "place":
        change = "place"
    return StageTask(
        name="", target=edit.target, caption=text, source=scene, masked=masked, change=change,
        edit=edit,
    )  # fmt: skip


TASKS: dict[str, Callable[[Order], StageTask]] = {
    "subjects": _subjects,
    "subjects and voices": _voices,
    "images and motion": lambda order: _with_clip(order, "motion"),
    "subject and expression": lambda order: _with_clip(order, "expression"),
    "frame and effect": _frame_effect,
    **{role: (lambda order, role=role: _of_whole(order, role))
       for role in ("storyboard", "place", "style", "music", "ambience")},
    **{f"{edit} by reference": (lambda order, edit=edit: _guided(order, edit)) for edit in GUIDED},
    **{f"inpaint {kind}": (lambda order, kind=kind: _edit(order, kind, masked=True))
       for kind in ("shape", "colour", "material", "place")},
    "inpaint subject by reference": lambda order: _guided(order, "replace", masked=True),
    "inpaint background by reference": lambda order: _guided(order, "background", masked=True),
    "inpaint subjects by references": _several,
    **{f"edit {kind}": (lambda order, kind=kind: _edit(order, kind)) for kind in EDITS},
}  # fmt: skip
"""Every task by name."""
