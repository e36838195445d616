"""The table of tasks. A new task is a row here; the doors and the trainer read the table."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from openreels.conditioning.masks import draw_known
from openreels.core.request import GenerationRequest
from openreels.core.shapes import ClipShape

Source = Literal["none", "stills", "clip", "reference"]
"""Where given latents come from: nowhere, still images, or the source clip itself; or the source
clip gives none and is seen as a reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One row of the table: what it needs, what is given and what is generated (sec. 3.2)."""

    name: str
    """Name of the task, as in requests, recipes and reports."""
    summary: str
    """One line for help texts."""
    pattern: str
    """How the given part lies in the clip: one of ``masks.PATTERNS``."""
    source: Source = "none"
    """Where the given latents come from."""
    needs: tuple[str, ...] = ()
    """Request fields that must be set for this task."""
    allows: tuple[str, ...] = ()
    """Request fields besides ``needs`` that may be set; fields of no task are always allowed."""
    video: bool = True
    """Whether the video branch runs."""
    sound: bool = True
    """Whether the audio branch runs when the request wants sound."""
    single_frame: bool = False
    """Whether the result is one picture."""


_ROWS = (
    Task(name="t2av", summary="a clip with sound from a prompt", pattern="nothing"),
    Task(name="t2v", summary="a silent clip from a prompt", pattern="nothing", sound=False),
    Task(name="t2a", summary="sound from a prompt", pattern="nothing", video=False),
    Task(
        name="t2i",
        summary="a picture from a prompt",
        pattern="nothing",
        sound=False,
        single_frame=True,
    ),
    Task(
        name="first",
        summary="a clip that starts with an image",
        pattern="first",
        source="stills",
        needs=("first_frame",),
    ),
    Task(
        name="last",
        summary="a clip that ends with an image",
        pattern="last",
        source="stills",
        needs=("last_frame",),
    ),
    Task(
        name="first_last",
        summary="a clip between two images",
        pattern="first_last",
        source="stills",
        needs=("first_frame", "last_frame"),
    ),
    Task(
        name="keyframes",
        summary="a clip through images at given seconds",
        pattern="keyframes",
        source="stills",
        needs=("keyframes",),
        allows=("first_frame", "last_frame"),
    ),
    Task(
        name="extend",
        summary="more of a clip, after its end",
        pattern="prefix",
        source="clip",
        needs=("extend",),
    ),
    Task(
        name="extend_before",
        summary="more of a clip, before its start",
        pattern="suffix",
        source="clip",
        needs=("extend", "extend_before"),
    ),
    Task(
        name="inpaint_fixed",
        summary="a clip with a fixed region made anew",
        pattern="fixed_region",
        source="clip",
        needs=("edit", "edit_region"),
        allows=("keep_audio", "references", "grid", "ref_video", "voices", "audio_refs"),
    ),
    Task(
        name="inpaint_moving",
        summary="a clip with a moving region made anew",
        pattern="moving_region",
        source="clip",
        needs=("edit", "edit_region"),
        allows=("keep_audio", "references", "grid", "ref_video", "voices", "audio_refs"),
    ),
    Task(
        name="inpaint_image",
        summary="a picture with a region made anew",
        pattern="fixed_region",
        source="clip",
        needs=("edit", "edit_region"),
        allows=("references", "grid"),
        sound=False,
        single_frame=True,
    ),
    Task(
        name="outpaint",
        summary="a clip with more picture around it",
        pattern="centre",
        source="clip",
        needs=("edit",),
        allows=(
            *("edit_region", "keep_audio"),
            *("references", "grid", "ref_video", "voices", "audio_refs"),
        ),
    ),
)

_IN_CONTEXT = (
    Task(
        name="references",
        summary="a clip of things shown in pictures, with their voices",
        pattern="nothing",
        needs=("references",),
        allows=("voices", "audio_refs"),
    ),
    Task(
        name="storyboard",
        summary="a clip that follows the panels of a collage",
        pattern="nothing",
        needs=("grid",),
        allows=("audio_refs",),
    ),
    Task(
        name="sounds",
        summary="a clip with music or ambience like a given sound",
        pattern="nothing",
        needs=("audio_refs",),
    ),
    Task(
        name="motion",
        summary="a clip that moves like a given clip",
        pattern="nothing",
        source="reference",
        needs=("ref_video",),
        allows=("references", "grid", "voices", "audio_refs"),
    ),
    Task(
        name="edit",
        summary="a clip changed as the prompt says",
        pattern="nothing",
        source="reference",
        needs=("edit",),
        allows=("references", "grid", "ref_video", "voices", "audio_refs", "keep_audio"),
    ),
)
"""Rows whose material stands before the clip (sec. 3.3)."""

TASKS: dict[str, Task] = {row.name: row for row in (*_ROWS, *_IN_CONTEXT)}
"""Every task by name."""


def task_named(name: str) -> Task:
    """Look up a task.

    Args:
        name: Name of a row.

    Returns:
        The row.

    Raises:
        ValueError: If there is no such task.
    """
    if name not in TASKS:
        raise ValueError(f"a task must be one of {', '.join(TASKS)}, got {name!r}")
    return TASKS[name]


def task_of(request: GenerationRequest) -> Task:
    """Find the task of a request from its fields; the files it names are not read.

    An edit region counts as fixed here; ``plans`` looks at the mask and says whether it moves or
    surrounds the picture. An edit to another aspect ratio counts as outpainting; where the clip has
    that ratio already, it is an edit by instruction.

    Args:
        request: A valid request.

    Returns:
        The row of ``TASKS``.
    """
    stills = [name for name in ("first_frame", "last_frame") if getattr(request, name)]
    if request.kind == "audio":
        name = "t2a"
    elif request.kind == "image":
        name = "t2i" if not request.edit else _edit_of(request)
        name = "inpaint_image" if name == "inpaint_fixed" else name
    elif request.extend:
        name = "extend_before" if request.extend_before else "extend"
    elif request.edit:
        name = _edit_of(request)
    elif request.ref_video:
        name = "motion"
    elif request.keyframes:
        name = "keyframes"
    elif stills:
        name = {"first_frame": "first", "last_frame": "last"}[stills[0]]
        name = "first_last" if len(stills) == 2 else name
    else:
        name = _from_nothing(request)
    return TASKS[name]


def _edit_of(request: GenerationRequest) -> str:
    if request.edit_region:
        return "inpaint_fixed"
    return "outpaint" if request.aspect_ratio else "edit"


def _from_nothing(request: GenerationRequest) -> str:
    if request.references:
        return "references"
    if request.grid:
        return "storyboard"
    if request.audio_refs:
        return "sounds"
    return "t2av" if request.sound else "t2v"


def training_known(
    task: str, shape: ClipShape, generator: torch.Generator
) -> Bool[Tensor, "F H W"]:
    """Draw a random pixel mask for a task.

    Args:
        task: Name of a row.
        shape: Size of the clip; one frame for a picture.
        generator: Source of the draw.

    Returns:
        True where the pixel is given; ``masks.latent_known`` turns it into latents.
    """
    return draw_known(task_named(task).pattern, shape, generator)
