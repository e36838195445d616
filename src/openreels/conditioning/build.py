"""From a request and its media to what the network sees: ``Conditions``."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from openreels.conditioning.frames import (
    contain,
    cover,
    cover_region,
    nearest_ratio,
)
from openreels.conditioning.masks import (
    keyframe_latent,
    latent_known,
    latents_known,
    nothing_known,
    region_known,
)
from openreels.conditioning.material import Material, editable_frames
from openreels.conditioning.tasks import TASKS, Task, task_of
from openreels.conditioning.tokens import given_latents
from openreels.core.arrays import Context, ContextMask, LatentMask, Pixels, VideoLatents
from openreels.core.prompt import encoder_text
from openreels.core.protocols import Conditioner, TextPart, VideoCodec
from openreels.core.request import DEFAULT_DURATION_S, RESOLUTIONS, GenerationRequest
from openreels.core.shapes import (
    BASE_FPS,
    MAX_DURATION_S,
    TEMPORAL_STRIDE,
    ClipShape,
    frames_of_seconds,
    size_for,
)
from openreels.media.clip import pixels_of

CONTEXT_S = 1.0
"""Seconds of a clip that its continuation sees; not given by the paper, ours."""


@runtime_checkable
class PromptReader(Conditioner, Protocol):
    """A ``Conditioner`` that can be told at run time."""


@runtime_checkable
class FrameCodec(VideoCodec, Protocol):
    """A ``VideoCodec`` that can be told at run time."""


@runtime_checkable
class Encoders(Protocol):
    """The frozen networks that conditions are made with."""

    @property
    def text_encoder(self) -> PromptReader:
        """Prompts to context."""
        ...

    @property
    def video_vae(self) -> FrameCodec:
        """Pixels to latents."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSound:
    """Sound that is returned as it came."""

    waveform: Float[Tensor, "2 s"]
    """Samples at 44.1 kHz."""
    first_frame: int
    """Frame of the result at which it starts."""
    num_frames: int
    """Frames of the result that it fills; it is cut or padded with silence to them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What is put around the generated window and over its given pixels, untouched."""

    before: UInt8[Tensor, "t H W 3"] | None = None
    """Frames of the source before the window."""
    after: UInt8[Tensor, "u H W 3"] | None = None
    """Frames of the source after the window."""
    source: UInt8[Tensor, "F H W 3"] | None = None
    """The source inside the window."""
    pixel_known: Bool[Tensor, "F H W"] | None = None
    """True where ``source`` is returned."""
    sound: KeptSound | None = None
    """Sound of the source that is returned."""

    @property
    def num_before(self) -> int:
        """Frames before the window."""
        return 0 if self.before is None else self.before.shape[0]

    @property
    def num_after(self) -> int:
        """Frames after the window."""
        return 0 if self.after is None else self.after.shape[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The channels I and M of eq. 7, for one clip."""

    latents: VideoLatents
    """I: the latents of what is given, those of black elsewhere."""
    known: LatentMask
    """M: True = given."""
    imposed: LatentMask
    """True where the given latents are the clip's own, so that the loop puts them back; a still
    inside the clip is a likeness of four moving frames, not their latent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """Everything that sampling needs beside noise; nothing in it depends on the noise level."""

    task: Task
    """Row of the table."""
    shape: ClipShape
    """Size of the generated window; for sound alone only its length counts."""
    sound: bool
    """Whether the audio branch runs."""
    context: Context
    """Two rows: the prompt, then the negative prompt (empty: unconditional)."""
    context_mask: ContextMask
    """True where a prompt token may be attended."""
    given: Given | None
    """None when the video branch does not run."""
    around: Surroundings
    """What of the source is returned."""
    notes: tuple[str, ...] = ()
    """What was done to the inputs and should be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """The pixel side of a task, before anything is encoded."""

    task: Task
    shape: ClipShape
    around: Surroundings = Surroundings()
    stills: tuple[tuple[int, UInt8[Tensor, "H W 3"]], ...] = ()
    clip: UInt8[Tensor, "F H W 3"] | None = None
    known: Bool[Tensor, "F H W"] | None = None
    notes: tuple[str, ...] = ()


def build(
    request: GenerationRequest,
    encoders: Encoders,
    material: Material,
    *,
    device: str | torch.device = "cpu",
) -> Conditions:
    """Turn a request into what the network sees.

    Lengths: ``duration_s`` is the length of the clip; for an extension it is the length of the new
    part; an edit has the length of its clip.

    Args:
        request: A valid request without references.
        encoders: Frozen networks.
        material: What the request's files hold.
        device: Where the networks are; latents and context stay there.

    Returns:
        Conditions for one clip.

    Raises:
        ValueError: If the media do not fit the request.
    """
    task = task_of(request)
    planner = {
        "none": _plan_text,
        "stills": _plan_stills,
        "clip": _plan_edit if request.edit else _plan_extension,
    }[task.source]
    plan = planner(request, task, material)
    prompts = [[TextPart(encoder_text(request.prompt))], [TextPart(request.negative_prompt)]]
    context, context_mask = encoders.text_encoder.encode(prompts)
    keeps = plan.around.sound is not None and request.keep_audio
    return Conditions(
        task=plan.task,
        shape=plan.shape,
        sound=request.sound and plan.task.sound and not keeps,
        context=context,
        context_mask=context_mask,
        given=_encode(plan, encoders.video_vae, device) if plan.task.video else None,
        around=plan.around,
        notes=plan.notes,
    )


def black_frames(shape: ClipShape) -> UInt8[Tensor, "F H W 3"]:
    """An all-black clip: what stands where nothing is given (eq. 7)."""
    return torch.zeros(shape.num_frames, shape.height, shape.width, 3, dtype=torch.uint8)


def still_latent(codec: FrameCodec, picture: Pixels, index: int) -> VideoLatents:
    """Encode a picture as the latent frame of one place in the clip.

    Not given by the paper: a latent after the first covers four frames, so a picture there is
    encoded as a clip in which nothing moves.

    Args:
        codec: Video autoencoder.
        picture: Clips of one frame.
        index: Latent frame that it is for; only whether it is the first matters.

    Returns:
        One latent frame.
    """
    count = 1 if index == 0 else TEMPORAL_STRIDE + 1
    return codec.encode(repeat(picture, "b c 1 H W -> b c t H W", t=count))[:, :, -1:]


def _encode(plan: _Plan, codec: FrameCodec, device: str | torch.device) -> Given:
    black = codec.encode(pixels_of(black_frames(plan.shape).numpy()).to(device))
    pixels = nothing_known(plan.shape) if plan.known is None else plan.known
    known = latent_known(rearrange(pixels, "F H W -> 1 F H W")).to(device)
    clean = black if plan.clip is None else codec.encode(pixels_of(plan.clip.numpy()).to(device))
    imposed = known.clone()
    if plan.stills:
        clean = clean.clone()
    for index, image in plan.stills:
        picture = pixels_of(rearrange(image, "H W c -> 1 H W c").numpy()).to(device)
        clean[:, :, index : index + 1] = still_latent(codec, picture, index)
        imposed[:, index] = index == 0
    return Given(latents=given_latents(clean, known, black), known=known, imposed=imposed)


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


def _plan_text(request: GenerationRequest, task: Task, material: Material) -> _Plan:  # noqa: ARG001 - one signature for every plan
    num_frames = 1 if task.single_frame else frames_of_seconds(_duration_s(request))
    return _Plan(task=task, shape=_shape(request, num_frames))


def _plan_stills(request: GenerationRequest, task: Task, material: Material) -> _Plan:
    num_frames = frames_of_seconds(_duration_s(request))
    timed = list(material.keyframes)
    first, last = material.first_frame, material.last_frame
    pictures = [first, *(image for _, image in timed), last]
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
    return _Plan(
        task=task,
        shape=shape,
        around=around,
        stills=tuple(sorted(places.items())),
        known=latents_known(shape, tuple(places)),
    )


def _plan_extension(request: GenerationRequest, task: Task, material: Material) -> _Plan:
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
    return _Plan(task=task, shape=shape, around=around, clip=window, known=known)


def _plan_edit(request: GenerationRequest, task: Task, material: Material) -> _Plan:
    source = material.clip
    if source is None:
        raise ValueError("edit needs a clip, got none; give the path of a clip")
    num_frames = editable_frames(len(source))
    notes: tuple[str, ...] = ()
    if num_frames < len(source):
        notes = (
            f"the clip was cut from {len(source)} to {num_frames} frames: lengths are 4k + 1 "
            f"frames at {BASE_FPS} fps, at most {MAX_DURATION_S:g} s",
        )
    shape = _shape(request, num_frames, source)
    size = {"height": shape.height, "width": shape.width}
    clip = source[:num_frames]
    if material.region is not None:
        region = cover_region(material.region, **size)
        clip, known = cover(clip, **size), region_known(region, shape)
        task = _region_task(known)
    else:
        clip, known = contain(clip, **size)
        if known.all():
            raise ValueError(
                "an edit without a region must ask for another aspect ratio than the clip's, got "
                "neither; give a mask of the part to change, or an aspect ratio"
            )
    sound = None
    if request.keep_audio:
        if material.waveform is None:
            notes += ("the clip has no sound to keep",)
        else:
            sound = KeptSound(waveform=material.waveform, first_frame=0, num_frames=num_frames)
    around = Surroundings(source=clip, pixel_known=known, sound=sound)
    return _Plan(task=task, shape=shape, around=around, clip=clip, known=known, notes=notes)


def _region_task(known: Bool[Tensor, "F H W"]) -> Task:
    """Which row a region belongs to: it surrounds the picture, moves, or stays."""
    sides = known.any(0).any(1), known.any(0).any(0)
    if known.any() and any(not (side[0] or side[-1]) for side in sides):
        return TASKS["outpaint"]
    moves = not torch.equal(known, known[:1].expand_as(known))
    return TASKS["inpaint_moving" if moves else "inpaint_fixed"]
