"""Examples of the tasks with references and edits as latents: what a bucket of lessons holds.

A lesson is an example of ``stage.reference_tasks``: captions that name handles, latents of the
references, and for an edit those of its source and what of it is given. On disk it is a second file
beside a shard; shards without one have no lessons.
"""

import json
from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.conditioning.masks import latent_known
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape
from openreels.stage.reference_tasks import Order, StageTask, change_of, make_task
from openreels.stage.references import RenderedReference, render_reference
from openreels.stage.render import render_video
from openreels.stage.sample import settings_for
from openreels.stage.world import WorldSettings
from openreels.training.encoders import Encoders

Kind = Literal["image", "clip", "audio", "grid"]
KINDS: tuple[Kind, ...] = ("image", "grid", "audio", "clip")
"""Kinds in the order in which a request numbers their handles."""
NUM_CAPTIONS = 6
"""Paraphrases that are kept of a lesson."""
_TRIES = 64
"""Draws of one lesson, where only some looks will do."""
_FAR = 10**9
"""Between the numbers of these draws: beyond the examples of any bucket."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LessonReference:
    """One reference as latents."""

    kind: Kind
    """Pictures, panels, a clip or a sound."""
    role: str
    """What of it counts."""
    handle: str
    """Name in the captions, with its @."""
    latents: Float[Tensor, "c ..."]
    """``c n h w`` of ``n`` pictures or panels, each encoded alone; ``c f h w`` of a clip; ``c l``
    of a sound."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lesson:
    """What a sample has beside its clip."""

    name: str
    """Row of the table of the Stage world."""
    captions: tuple[str, ...]
    """Prompts that say the same."""
    references: tuple[LessonReference, ...] = ()
    """What the captions name."""
    source: Float[Tensor, "c f h w"] | None = None
    """Latents of the clip that is edited or inpainted."""
    known: Bool[Tensor, "f h w"] | None = None
    """What of the source is given, for inpainting; None for an edit by instruction."""

    @property
    def by_instruction(self) -> bool:
        """Whether the prompt alone says what of the source changes."""
        return self.source is not None and self.known is None

    @property
    def task(self) -> str:
        """The row of ``conditioning.tasks`` that a request for this would be."""
        kinds: set[Kind] = {one.kind for one in self.references}
        return _task(kinds, edited=self.source is not None, masked=self.known is not None)

    @property
    def handles(self) -> tuple[str, ...]:
        """Every handle once, in the order in which a request numbers them."""
        ordered = sorted(self.references, key=lambda one: KINDS.index(one.kind))
        return tuple(dict.fromkeys(one.handle for one in ordered))

    @property
    def voiced(self) -> tuple[str, ...]:
        """Handles that have a sound."""
        return tuple(one.handle for one in self.references if one.kind == "audio")


def _task(kinds: Set[Kind], *, edited: bool, masked: bool) -> str:
    if edited:
        return "inpaint_moving" if masked else "edit"
    names: dict[Kind, str] = {"clip": "motion", "image": "references", "grid": "storyboard"}
    return next((name for kind, name in names.items() if kind in kinds), "sounds")


def draw_examples(
    seed: int,
    indices: Sequence[int],
    shares: Sequence[tuple[str, float]],
    shape: ClipShape,
    world: WorldSettings,
    looks: Sequence[str] = (),
) -> tuple[tuple[StageTask, tuple[str, ...]], ...]:
    """Draw an example for each index, of tasks by their shares.

    Args:
        seed: Seed of the world.
        indices: Numbers of the examples.
        shares: Tasks of the Stage world and how often each is drawn; they need not sum to 1.
        shape: Shape of the clips.
        world: What the scenes hold beside what a task is about.
        looks: Styles and weathers that an edit of one may come to; all of them if empty.

    Returns:
        Examples with their captions; the same for the same arguments.

    Raises:
        ValueError: If none of many draws of a task comes to one of the looks.
    """
    settings = settings_for(shape, world)
    borders = torch.tensor(list(accumulate(share for _, share in shares)), dtype=torch.float64)
    found: list[tuple[StageTask, tuple[str, ...]]] = []
    for index in indices:
        draw = torch.rand((), generator=generator(seed, "lesson", index), dtype=torch.float64)
        place = int(torch.searchsorted(borders, draw * borders[-1], right=True))
        name = shares[min(place, len(shares) - 1)][0]
        order = _order_for(name, Order(seed=seed, index=index, settings=settings), looks)
        told = [make_task(name, replace(order, variant=k)) for k in range(NUM_CAPTIONS)]
        found.append((told[0], tuple(dict.fromkeys(task.caption for task in told))))
    return tuple(found)


def _order_for(name: str, order: Order, looks: Sequence[str]) -> Order:
    """The first of an order and those far behind it that comes to one of the looks."""
    if not looks:
        return order
    for number in range(_TRIES):
        tried = replace(order, index=order.index + number * _FAR)
        task = make_task(name, tried)
        if all(word in looks for word in _new_looks(task)):
            return tried
    raise ValueError(
        f"none of {_TRIES} draws of {name!r} comes to one of {', '.join(looks)}; allow more looks"
    )


def _new_looks(task: StageTask) -> list[str]:
    before, after = task.source or task.target, task.target
    pairs = ((before.style, after.style), (before.weather, after.weather))
    return [new for old, new in pairs if new != old]


def encode_lesson(
    task: StageTask, captions: Sequence[str], shape: ClipShape, encoders: Encoders
) -> Lesson:
    """Render and encode what an example gives beside its clip.

    Args:
        task: The example.
        captions: Its prompts.
        shape: Shape of its clip.
        encoders: Autoencoders.

    Returns:
        The lesson.
    """
    source = known = None
    if task.source is not None:
        source = encoders.video.encode(render_video([task.source], shape))[0].float()
        if task.masked:
            given = ~change_of(task, shape)
            known = latent_known(rearrange(given, "F H W -> 1 F H W"))[0]
    rendered = [render_reference(one, shape) for one in task.references]
    return Lesson(
        name=task.name,
        captions=tuple(captions),
        references=tuple(_encoded(one, encoders) for one in rendered),
        source=source,
        known=known,
    )


def _encoded(one: RenderedReference, encoders: Encoders) -> LessonReference:
    if one.images is not None:
        images = one.images
        if one.reference.kind == "grid":
            images = rearrange(images, "1 c (p h) (q w) -> (p q) c h w", p=2, q=2)
        single = encoders.video.encode(rearrange(images, "n c h w -> n c 1 h w"))
        latents = rearrange(single, "n c 1 h w -> c n h w")
    elif one.clip is not None:
        latents = encoders.video.encode(one.clip[None])[0]
    else:
        latents = encoders.audio.encode(_wave(one)[None])[0]
    reference = one.reference
    return LessonReference(
        kind=reference.kind,
        role=reference.role,
        handle=reference.handle,
        latents=latents.float(),
    )


def _wave(one: RenderedReference) -> Tensor:
    if one.waveform is None:
        raise ValueError(f"{one.reference.handle} must show or sound something, got nothing")
    return one.waveform


def record_of(lesson: Lesson) -> dict[str, Any]:
    """What of a lesson is text, as JSON values."""
    names = ("kind", "role", "handle")
    return {
        "name": lesson.name,
        "captions": list(lesson.captions),
        "references": [{name: getattr(one, name) for name in names} for one in lesson.references],
    }


def tensors_of(lesson: Lesson, row: int) -> dict[str, Tensor]:
    """Tensors of a lesson, in half precision and bytes, under names that begin with its row."""
    found = {f"{row}/{k}": one.latents.half() for k, one in enumerate(lesson.references)}
    if lesson.source is not None:
        found[f"{row}/source"] = lesson.source.half()
    if lesson.known is not None:
        found[f"{row}/known"] = lesson.known.to(torch.uint8)
    return {name: value.contiguous() for name, value in found.items()}


def cells_before(tensors: Mapping[str, Tensor]) -> dict[int, int]:
    """Count what stands before each clip of a shard: latent cells of references and sources.

    Args:
        tensors: Of the second file of the shard.

    Returns:
        Cells by row; a row without any is not there.
    """
    found: dict[int, int] = {}
    for name, value in tensors.items():
        row, _, part = name.partition("/")
        in_place = part == "source" and f"{row}/known" in tensors  # an inpainted clip's own cells
        if part != "known" and not in_place:
            found[int(row)] = found.get(int(row), 0) + value[0].numel()
    return found


def task_from(line: str, names: Container[str], row: int) -> str | None:
    """Read which task a lesson is of, without its tensors.

    Args:
        line: Its line of the shard's index.
        names: Of the tensors in the second file of the shard.
        row: Its place in the shard.

    Returns:
        A row of ``conditioning.tasks``; None if the line tells of no lesson.
    """
    record = json.loads(line).get("lesson")
    if record is None:
        return None
    kinds: set[Kind] = {one["kind"] for one in record["references"]}
    return _task(kinds, edited=f"{row}/source" in names, masked=f"{row}/known" in names)


def lesson_from(line: str, tensors: Mapping[str, Tensor], row: int) -> Lesson | None:
    """Read a lesson back.

    Args:
        line: Its line of the shard's index.
        tensors: Of the second file of the shard.
        row: Its place in the shard.

    Returns:
        The lesson in fp32; None if the line tells of none.
    """
    record = json.loads(line).get("lesson")
    if record is None:
        return None
    source, known = tensors.get(f"{row}/source"), tensors.get(f"{row}/known")
    return Lesson(
        name=record["name"],
        captions=tuple(record["captions"]),
        references=tuple(
            LessonReference(**one, latents=tensors[f"{row}/{k}"].float())
            for k, one in enumerate(record["references"])
        ),
        source=None if source is None else source.float(),
        known=None if known is None else known.bool(),
    )
