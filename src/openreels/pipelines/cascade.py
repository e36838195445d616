"""The cascade: a low-resolution clip through the refiner, as often as its size asks for.

The first pass is four times finer and has twice the frames (sec. 4.5); where that is not enough,
further passes make it finer still. Sound is handed on as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from openreels.conditioning.conditions import Conditions
from openreels.conditioning.held import Target, held_of
from openreels.conditioning.material import Material
from openreels.conditioning.refine import (
    SPACE_FACTOR,
    TIME_FACTOR,
    refined_num_frames,
    refined_size,
)
from openreels.core.prompt import encoder_text
from openreels.core.protocols import TextPart
from openreels.core.request import RESOLUTIONS, GenerationRequest
from openreels.core.shapes import MAX_DURATION_S
from openreels.media.clip import Clip
from openreels.pipelines.components import Components
from openreels.pipelines.refine import (
    REFINE_MODES,
    Prompt,
    Refiner,
    Work,
    refine_frames,
)

STRETCH = 4.25
"""How much finer than its input the last pass may be: 256 to 1088 is one pass, not two."""
HeldLatents: TypeAlias = tuple[tuple[int, Float[Tensor, "1 c 1 h w"]], ...]
"""Latent frames by their place in a refined clip, as in ``Held.latents``."""
MIN_SIDE_PX = 16
"""Smallest side that is refined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guides:
    """What guides the refiner beside the low-resolution clip, the prompt and a source."""

    material: Material = field(default_factory=Material)
    """Pictures of the request."""
    keyframes: HeldLatents = ()
    """Latents that the base made at the size of the first pass, by latent frame of its result; they
    take the place of the stretched ones where nothing else is given."""


NOTHING = Guides()
"""No pictures and no keyframes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cascade:
    """The passes from a low-resolution clip to the size asked for."""

    targets: tuple[Target, ...]
    """What each pass makes."""
    num_evaluations: tuple[int, ...]
    """Steps of all windows of each pass."""

    @property
    def told(self) -> str:
        """The passes in a few words."""
        return ", then ".join(
            f"{target.width}x{target.height} at {target.fps} fps in {count} step{'s'[: count > 1]}"
            for target, count in zip(self.targets, self.num_evaluations, strict=True)
        )


def base_resolution(components: Components, request: GenerationRequest) -> str:
    """The size that the base makes for a request: its own, or the one asked for.

    Args:
        components: Networks; whether there is a refiner.
        request: A valid request.

    Returns:
        A name of ``core.request.RESOLUTIONS``.
    """
    own = components.can.resolutions
    if components.refiner is None or not request.refine or request.resolution in own:
        return request.resolution
    if request.kind == "audio":
        return own[-1]
    asked = RESOLUTIONS[request.resolution]
    smaller = [name for name in own if RESOLUTIONS[name] < asked]
    return max(smaller or own, key=lambda name: RESOLUTIONS[name])


def plan_cascade(
    refiner: Refiner, low: tuple[int, int, int], *, short_side: int, fps: int
) -> Cascade:
    """Lay out the passes.

    Args:
        refiner: Its windows and steps are counted.
        low: Frames, rows and columns of the low-resolution clip.
        short_side: Shorter side asked for, in pixels.
        fps: Frames a second of the low-resolution clip.

    Returns:
        At least one pass.

    Raises:
        ValueError: If the clip is too small, or is as large as the result already.
    """
    count, height, width = low
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(
            f"a clip to refine must have sides of at least {MIN_SIDE_PX} pixels, got "
            f"{width}x{height}; give a larger one"
        )
    if min(height, width) >= short_side:
        raise ValueError(
            f"a clip to refine must be smaller than the result, got {width}x{height} for a shorter "
            f"side of {short_side}; ask for a larger resolution"
        )
    targets: list[Target] = []
    size, rate, side = (height, width), fps, min(height, width)
    while not targets or side < short_side:
        side = short_side if short_side <= STRETCH * side else SPACE_FACTOR * side
        size = refined_size(*size, side)
        if not targets:
            count = refined_num_frames(count) if count > 1 else 1
            rate = rate * TIME_FACTOR if count > 1 else rate
        targets.append(Target(num_frames=count, height=size[0], width=size[1], fps=rate))
    steps = tuple(refiner.num_evaluations(target.shape()) for target in targets)
    return Cascade(targets=tuple(targets), num_evaluations=steps)


def refiner_of(components: Components, request: GenerationRequest) -> Refiner:
    """The refiner of a model, with the settings of a request's mode.

    Raises:
        ValueError: If the model has none.
    """
    if components.refiner is None:
        raise ValueError(
            f"the model {components.name} has no refiner; add refiner.safetensors to its folder, "
            "or train one with the recipe refiner"
        )
    settings = REFINE_MODES[request.mode]
    return Refiner(network=components.refiner, video_vae=components.video_vae, settings=settings)


def refined(
    refiner: Refiner,
    clip: Clip,
    request: GenerationRequest,
    prompt: Prompt,
    *,
    guides: Guides = NOTHING,
    tell: Callable[[str, int, int], None] | None = None,
) -> tuple[Clip, dict[str, Any]]:
    """Take a low-resolution clip to the size of a request.

    Args:
        refiner: Networks and settings.
        clip: Frames, and sound that is returned as it is, bit for bit.
        request: Size, seed and what is given.
        prompt: What is seen.
        guides: Pictures of the request, and keyframes of the base.
        tell: Told ``refine``, steps done and steps in all.

    Returns:
        The clip and what should be told of it.

    Raises:
        ValueError: If the clip has no frames, or cannot become that large.
    """
    if clip.frames is None:
        raise ValueError("a clip to refine must have a picture, got sound alone; give a video")
    short = RESOLUTIONS[request.resolution]
    cascade = plan_cascade(refiner, clip.frames.shape[:3], short_side=short, fps=int(clip.fps))
    frames: UInt8[np.ndarray, "F H W 3"] = clip.frames
    total, done, notes = sum(cascade.num_evaluations), 0, [f"refined to {cascade.told}"]
    for target, count in zip(cascade.targets, cascade.num_evaluations, strict=True):
        held, told = held_of(request, guides.material, target)
        notes += [note for note in told if note not in notes]
        if target is cascade.targets[0]:
            held = replace(held, latents=guides.keyframes)

        def report(step: int, of: int, before: int = done) -> None:
            if tell is not None:
                tell("refine", before + min(step, of), total)

        low = torch.from_numpy(np.ascontiguousarray(frames))
        work = Work(target=target, held=held, prompt=prompt, seed=request.seed)
        frames = refine_frames(refiner, low, work, tell=report)
        done += count
    result = replace(clip, frames=cut_to_side(frames, short), fps=cascade.targets[-1].fps)
    return result, {
        "refined": True,
        "refiner_steps": refiner.settings.num_steps,
        "notes": notes,
    }


def cut_to_side(frames: UInt8[np.ndarray, "F H W 3"], short: int) -> UInt8[np.ndarray, "F h w 3"]:
    """Cut what was computed beyond the shorter side asked for, half on each side: 1088 to 1080.

    Of a square both sides are cut. The longer side of another shape stays: it has grown from the
    grid of the small clip, so that 16:9 at 1080 is 1904x1080 and 4:3 is 1360x1080.

    Args:
        frames: What the last pass made.
        short: Pixels of the shorter side asked for.

    Returns:
        Frames of that shorter side, or as they are where they are no larger.
    """
    height, width = frames.shape[1:3]
    over = min(height, width) - short
    if over <= 0:
        return frames
    some = slice(over // 2, over // 2 + short)
    every = slice(None)
    return frames[:, some if height <= width else every, some if width <= height else every]


def refine_clip(
    components: Components,
    clip: Clip,
    request: GenerationRequest,
    *,
    tell: Callable[[str, int, int], None] | None = None,
) -> tuple[Clip, dict[str, Any]]:
    """Refine a clip that need not come from the base.

    Args:
        components: Networks of a model with a refiner.
        clip: At least two frames at 16 a second, at most 15 s.
        request: Prompt, resolution, mode and seed.
        tell: Told the progress.

    Returns:
        The clip and what should be told of it.

    Raises:
        ValueError: If the clip is too short, too long, too small or large already, or there is no
            refiner.
    """
    refiner = refiner_of(components, request)
    if clip.num_frames < 2:
        raise ValueError(
            f"a clip to refine must have at least 2 frames at 16 fps, got {clip.num_frames}; "
            "give a longer one"
        )
    if clip.duration_s > MAX_DURATION_S + 1:
        raise ValueError(
            f"a clip to refine may last {MAX_DURATION_S:g} s, got {clip.duration_s:.1f}; cut it"
        )
    with torch.inference_mode():
        prompt = read_prompt(components, request)
        return refined(refiner, clip, request, prompt, tell=tell)


def read_prompt(components: Components, request: GenerationRequest) -> Prompt:
    """Read the prompt of a request as the base does."""
    parts: list[TextPart] = [TextPart(encoder_text(request.prompt))]
    context, mask = components.text_encoder.encode([parts])
    return Prompt(context=context, mask=mask)


def prompt_of(conditions: Conditions) -> Prompt:
    """The prompt of a request as the base saw it, with the references before its clip."""
    return Prompt(
        context=conditions.context[:1],
        mask=conditions.context_mask[:1],
        tags=conditions.context_tags[:1],
        references=conditions.references.video,
    )
