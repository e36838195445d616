"""The pixel side of every task: sizes, what is given, what of the source is returned."""

from dataclasses import dataclass, field, replace

import torch
from einops import rearrange
from jaxtyping import Bool, UInt8
from torch import Tensor

from openreels.conditioning.conditions import KeptSound, Surroundings
from openreels.conditioning.frames import contain, cover, cover_region, fitted, nearest_ratio
from openreels.conditioning.masks import keyframe_latent, latents_known, region_known
from openreels.conditioning.material import Material, editable_frames
from openreels.conditioning.tasks import TASKS, Task, task_of
from openreels.core.request import DEFAULT_DURATION_S, RESOLUTIONS, GenerationRequest
from openreels.core.shapes import (
    BASE_FPS,
    MAX_DURATION_S,
    TEMPORAL_STRIDE,
    ClipShape,
    frames_of_seconds,
    size_for,
)

CONTEXT_S = 1.0
"""Seconds of a clip that its continuation sees; not given by the paper, ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The pixel side of a task, before anything is encoded."""

    task: Task
    """Row of the table."""
    shape: ClipShape
    """Size of the generated window."""
    around: Surroundings = field(default_factory=Surroundings)
    """What of the source is returned."""
    stills: tuple[tuple[int, UInt8[Tensor, "H W 3"]], ...] = ()
    """Pictures that are given, with their latent frames."""
    clip: UInt8[Tensor, "F H W 3"] | None = None
    """The source inside the window."""
    known: Bool[Tensor, "F H W"] | None = None
    """True where it is given."""
    changed: UInt8[Tensor, "F H W 3"] | None = None
    """The source that is changed by instruction: a reference as a whole, not inside the window."""
    follows: UInt8[Tensor, "t a b 3"] | None = None
    """The reference clip, whose motion, camera, face or effect is taken."""
    notes: tuple[str, ...] = ()
    """What was done to the inputs and should be told."""


def plan(request: GenerationRequest, material: Material) -> Plan:
    """Lay out the pixels of a request: size, what is given, what is returned.

    Args:
        request: A valid request.
        material: What its files hold.

    Returns:
        The plan; references are not in it, but for clips that are one as a whole.

    Raises:
        ValueError: If the media do not fit the request.
    """
    task = _task(request, material)
    planners = {
        "none": _plan_text,
        "stills": _plan_stills,
        "clip": _plan_edit if request.edit else _plan_extension,
        "reference": _plan_edit if request.edit else _plan_motion,
    }
    return planners[task.source](request, task, material)


def _task(request: GenerationRequest, material: Material) -> Task:
    """The row of a request; an edit without a region to the shape it has is by instruction."""
    task = task_of(request)
    if task.name != "outpaint" or material.clip is None:
        return task
    shape = _shape(request, 1, material.clip)
    _, known = contain(material.clip[:1], height=shape.height, width=shape.width)
    return TASKS["edit"] if known.all() else task


def black_frames(shape: ClipShape) -> UInt8[Tensor, "F H W 3"]:
    """An all-black clip: what stands where nothing is given (eq. 7)."""
    return torch.zeros(shape.num_frames, shape.height, shape.width, 3, dtype=torch.uint8)


def _shape(request: GenerationRequest, num_frames: int, like: Tensor | None = None) -> ClipShape:
    """The size asked for; without a ratio that of a given picture, ``... H W 3``."""
    ratio = request.aspect_ratio
    if ratio is None:
        ratio = "1:1" if like is None else nearest_ratio(like.shape[-3], like.shape[-2])
    height, width = size_for(ratio, RESOLUTIONS[request.resolution])
    return ClipShape(num_frames=num_frames, height=height, width=width)


def _duration_s(request: GenerationRequest) -> float:
    seconds = DEFAULT_DURATION_S if request.duration_s is None else request.duration_s
    return float(seconds)


def _plan_text(request: GenerationRequest, task: Task, material: Material) -> Plan:  # noqa: ARG001 - one signature for every plan
    num_frames = 1 if task.single_frame else frames_of_seconds(_duration_s(request))
    return Plan(task=task, shape=_shape(request, num_frames))


def _plan_stills(request: GenerationRequest, task: Task, material: Material) -> Plan:
    num_frames = frames_of_seconds(_duration_s(request))
    timed = list(material.keyframes)
    first, last = material.first_frame, material.last_frame
    pictures = [first, *(image for _, image in timed), last]
    pictures += material.untimed
    like = next(picture for picture in pictures if picture is not None)
    shape = _shape(request, num_frames, like)
    places: dict[int, Tensor] = {}
    wanted = [(0, first), (shape.num_latent_frames - 1, last)]
    wanted += [(keyframe_latent(time_s, shape), image) for time_s, image in timed]
    for index, picture in wanted:
        if picture is None:
            continue
        if index in places:
            raise ValueError(
                "given pictures must lie at least a quarter of a second apart, got two at "
                f"{float(index / shape.latent_fps):g} s; move or drop one"
            )
        fitted = cover(
            rearrange(picture, "H W c -> 1 H W c"), height=shape.height, width=shape.width
        )
        places[index] = fitted[0]
    around = Surroundings()
    if 0 in places:
        source = black_frames(shape)
        source[0] = places[0]
        around = Surroundings(source=source, pixel_known=latents_known(shape, (0,)))
    return Plan(
        task=task,
        shape=shape,
        around=around,
        stills=tuple(sorted(places.items())),
        known=latents_known(shape, tuple(places)),
    )


def _plan_extension(request: GenerationRequest, task: Task, material: Material) -> Plan:
    source = material.clip
    if source is None:
        raise ValueError("extend needs a clip, got none; give the path of a clip")
    new = round(_duration_s(request) * BASE_FPS / TEMPORAL_STRIDE)
    context = round(CONTEXT_S * BASE_FPS / TEMPORAL_STRIDE)
    room = int(MAX_DURATION_S * BASE_FPS / TEMPORAL_STRIDE) - new
    before = task.name == "extend_before"
    # Latent frames of the source beside the first one of the window.
    num_known = min(
        max(room, 1), context, (len(source) if before else len(source) - 1) // TEMPORAL_STRIDE
    )
    if before and num_known < 1:
        raise ValueError(
            f"a clip to extend before its start must have at least {TEMPORAL_STRIDE} frames at "
            f"{BASE_FPS} fps, got {len(source)}; give a longer one"
        )
    shape = _shape(request, (num_known + new) * TEMPORAL_STRIDE + 1, source)
    fitted = cover(source, height=shape.height, width=shape.width)
    window = black_frames(shape)
    if before:
        held = num_known * TEMPORAL_STRIDE
        window[-held:] = fitted[:held]
        window[:-held] = fitted[:1]
        known = latents_known(shape, range(new + 1, new + 1 + num_known))
        frames = Surroundings(after=fitted[held:])
    else:
        held = num_known * TEMPORAL_STRIDE + 1
        window[:held] = fitted[-held:]
        window[held:] = fitted[-1:]
        known = latents_known(shape, range(num_known + 1))
        frames = Surroundings(before=fitted[:-held])
    sound = None
    if request.sound and material.waveform is not None:
        start = shape.num_frames - held if before else 0
        sound = KeptSound(waveform=material.waveform, first_frame=start, num_frames=len(source))
    around = replace(frames, source=window, pixel_known=known, sound=sound)
    return Plan(task=task, shape=shape, around=around, clip=window, known=known)


def _plan_edit(request: GenerationRequest, task: Task, material: Material) -> Plan:
    source = material.clip
    if source is None:
        raise ValueError("edit needs a clip, got none; give the path of a clip")
    num_frames, notes = _cut(source)
    shape = _shape(request, num_frames, source)
    follows, cut = _followed(material, shape)
    notes += cut
    size = {"height": shape.height, "width": shape.width}
    clip = source[:num_frames]
    if task.source == "reference":
        around, more = _kept_sound(request.keep_audio, material, num_frames)
        return Plan(
            task=task,
            shape=shape,
            around=around,
            changed=cover(clip, **size),
            follows=follows,
            notes=notes + more,
        )
    if material.region is not None:
        region = cover_region(material.region, **size)
        clip, known = cover(clip, **size), region_known(region, shape)
        task = task if request.kind == "image" else _region_task(known)
    else:
        clip, known = contain(clip, **size)
    around, more = _kept_sound(request.keep_audio, material, num_frames)
    around = replace(around, source=clip, pixel_known=known)
    return Plan(
        task=task,
        shape=shape,
        around=around,
        clip=clip,
        known=known,
        follows=follows,
        notes=notes + more,
    )


def _plan_motion(request: GenerationRequest, task: Task, material: Material) -> Plan:
    source = material.follow
    if source is None:
        raise ValueError("a reference clip must be given, got none; give the path of a clip")
    num_frames, notes = _cut(source)
    shape = _shape(request, num_frames, source)
    clip = cover(source[:num_frames], height=shape.height, width=shape.width)
    around, _ = _kept_sound(True, material, num_frames)
    return Plan(task=task, shape=shape, around=around, follows=clip, notes=notes)


def _followed(
    material: Material, shape: ClipShape
) -> tuple[UInt8[Tensor, "t a b 3"] | None, tuple[str, ...]]:
    """The reference clip beside another, of its own length and form, and what to tell of it."""
    if material.follow is None:
        return None, ()
    num_frames, notes = _cut(material.follow, "reference clip")
    return fitted(material.follow[:num_frames], shape), notes


def _cut(source: UInt8[Tensor, "t a b 3"], what: str = "clip") -> tuple[int, tuple[str, ...]]:
    """Frames of a source that are used, and what to tell of the others."""
    num_frames = editable_frames(len(source))
    if num_frames == len(source):
        return num_frames, ()
    return num_frames, (
        f"the {what} was cut from {len(source)} to {num_frames} frames: lengths are 4k + 1 "
        f"frames at {BASE_FPS} fps, at most {MAX_DURATION_S:g} s",
    )


def _kept_sound(
    keep: bool, material: Material, num_frames: int
) -> tuple[Surroundings, tuple[str, ...]]:
    if not keep:
        return Surroundings(), ()
    if material.waveform is None:
        return Surroundings(), ("the clip has no sound to keep",)
    sound = KeptSound(waveform=material.waveform, first_frame=0, num_frames=num_frames)
    return Surroundings(sound=sound), ()


def _region_task(known: Bool[Tensor, "F H W"]) -> Task:
    """Which row a region belongs to: it surrounds the picture, moves, or stays."""
    sides = known.any(0).any(1), known.any(0).any(0)
    if known.any() and any(not (side[0] or side[-1]) for side in sides):
        return TASKS["outpaint"]
    moves = not torch.equal(known, known[:1].expand_as(known))
    return TASKS["inpaint_moving" if moves else "inpaint_fixed"]
