"""Request to clip: read, encode, denoise, decode, put the source back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from einops import rearrange

from openreels.conditioning.build import build
from openreels.conditioning.conditions import Conditions
from openreels.conditioning.material import gather
from openreels.core.request import RESOLUTIONS, GenerationRequest, validate
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.diffusion.solvers import Sample
from openreels.media.clip import Clip, frames_of
from openreels.pipelines.cascade import (
    Guides,
    base_resolution,
    cut_to_side,
    prompt_of,
    refined,
    refiner_of,
)
from openreels.pipelines.components import Components, check_capable, untrained
from openreels.pipelines.denoise import denoise
from openreels.pipelines.enhance import enhanced
from openreels.pipelines.fast import chosen_fast
from openreels.pipelines.keyframes import (
    made_beside,
    with_wanted_keyframes,
    without_keyframes,
)
from openreels.pipelines.low_rank import base_for
from openreels.pipelines.paste import paste_back
from openreels.pipelines.settings import Sampling, sampling_of
from openreels.pipelines.shots import is_cut
from openreels.pipelines.sound import assemble_sound
from openreels.pipelines.voiced import is_voiced

ProgressCallback = Callable[[str, int, int], None]
"""Told the stage (``enhance``, ``read``, ``encode``, ``denoise``, ``decode``, ``refine``), units
done and units in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A clip and how it came to be."""

    clip: Clip
    """Frames, sound, or both."""
    metadata: dict[str, Any]
    """JSON values: request, sizes, settings, seconds a stage, notes. ``prompt`` is what was asked,
    ``enhanced_prompt`` what the model was given in its place, None for the same."""


class _Stages:
    """Seconds of each stage; tells the caller when one starts and ends."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self.seconds: dict[str, float] = {}
        self.progress = progress

    def tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    @contextmanager
    def measure(self, stage: str, total: int = 1) -> Iterator[None]:
        start = time.perf_counter()
        self.tell(stage, 0, total)
        yield
        self.tell(stage, total, total)
        self.seconds[stage] = round(time.perf_counter() - start, 4)


def generate(
    components: Components,
    request: GenerationRequest,
    *,
    progress: ProgressCallback | None = None,
) -> Result:
    """Make what a request asks for.

    The same request with the same seed gives the same bytes on the same device.

    Args:
        components: The networks of a model.
        request: What is wanted; its rules are checked here.
        progress: Told of every stage and every denoising step.

    Returns:
        The clip and its metadata.

    Raises:
        ValueError: If a rule of the request is broken, or the model was not trained for it.
        MediaError: If a file of the request cannot be read.
    """
    check_capable(validate(request), components.can, refines=components.refiner is not None)
    stages = _Stages(progress)
    asked, (request, told) = request.prompt, _enhance(components, request, stages)
    voiced = components.voiced is not None and is_voiced(request.prompt)
    cutting = components.shots is not None and is_cut(request)
    components = components.cutting if cutting else components
    components = components.speaking if voiced else components
    low = replace(request, resolution=base_resolution(components, request))
    facts: dict[str, Any] = {"refined": False, "notes": []}
    with torch.inference_mode():
        with stages.measure("read"):
            material = gather(low)
        with stages.measure("encode"):
            conditions = build(
                low,
                components,
                material,
                num_tags=max(one.config.num_tags for one in components.bases),
                device=components.device,
            )
            base = base_for(conditions, components.mmdit, components.referenced)
            fast, why = chosen_fast(components.fast, base, request, conditions)
            if fast is None:
                conditions = with_wanted_keyframes(components, request, conditions, material)
            beside = made_beside(components, base, conditions)
        sampling = sampling_of(
            request, None if fast is None else fast.distilled.sampling, task=conditions.task
        )
        with stages.measure("denoise", sampling.num_steps):
            made = denoise(
                replace(components, mmdit=base if fast is None else fast.network),
                conditions,
                sampling,
                seed=request.seed,
                beside=beside,
                progress=lambda done, total: stages.tell("denoise", done, total),
            )
        latents, keyframes = without_keyframes(made, conditions)
        with stages.measure("decode"):
            clip = assemble(components, conditions, latents)
        if low.resolution != request.resolution and clip.num_frames:
            with stages.measure("refine"):
                # What is changed by instruction gives a result none of its own pixels.
                changed = conditions.task.source == "reference"
                clip, facts = refined(
                    refiner_of(components, request),
                    clip,
                    replace(request, edit=None) if changed else request,
                    prompt_of(conditions),
                    guides=Guides(material=material, keyframes=keyframes),
                    tell=stages.tell,
                )
        if clip.frames is not None:
            clip = replace(clip, frames=cut_to_side(clip.frames, RESOLUTIONS[request.resolution]))
    metadata = _metadata(components, request, conditions, sampling, clip)
    changed_base = base is components.referenced
    metadata |= {
        "distilled": fast is not None,
        "referenced": changed_base and fast is None,
        "voiced": voiced,
        "cutting": cutting,
        "prompt": asked,
        "enhanced_prompt": None if request.prompt == asked else request.prompt,
        "notes": [
            *(*told, *conditions.notes, *why),
            *untrained(conditions, base, components.taught if changed_base else ()),
            *facts.pop("notes"),
        ],
        **facts,
        "stages_s": stages.seconds,
    }
    return Result(clip=clip, metadata=metadata)


def _enhance(
    components: Components, request: GenerationRequest, stages: _Stages
) -> tuple[GenerationRequest, tuple[str, ...]]:
    if components.enhancer is None or not request.enhance:
        return request, ()
    with stages.measure("enhance"):
        return enhanced(request, components.enhancer)


def assemble(components: Components, conditions: Conditions, latents: Sample) -> Clip:
    """Decode latents and put back what was given.

    Args:
        components: Networks; the decoders are used.
        conditions: What of the source is returned.
        latents: Clean latents; None for a modality that does not run.

    Returns:
        The whole result: the generated window with the source over and around it.
    """
    around, shape = conditions.around, conditions.shape
    frames = None
    if latents.video is not None:
        pixels = components.video_vae.decode(latents.video)[0].float().cpu()
        if around.source is None or around.pixel_known is None:
            frames = torch.from_numpy(frames_of(pixels[None]))
        else:
            frames = paste_back(pixels, around.source, around.pixel_known)
        parts = [part for part in (around.before, frames, around.after) if part is not None]
        frames = torch.cat(parts).numpy()
    sound = None
    if latents.audio is not None:
        sound = rearrange(components.audio_vae.decode(latents.audio), "1 c s -> c s")
    total = around.num_before + shape.num_frames + around.num_after
    waveform = assemble_sound(
        sound,
        window=range(around.num_before, around.num_before + shape.num_frames),
        num_frames=total,
        fps=shape.fps,
        kept=around.sound,
    )
    return Clip(
        frames=frames,
        fps=shape.fps,
        waveform=None if waveform is None else waveform.numpy(),
    )


def _metadata(
    components: Components,
    request: GenerationRequest,
    conditions: Conditions,
    sampling: Sampling,
    clip: Clip,
) -> dict[str, Any]:
    silent = clip.waveform is None
    return {
        "model": components.name,
        "device": str(components.device),
        "task": conditions.task.name,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "mode": request.mode,
        "steps": sampling.num_steps,
        "solver": sampling.stepper,
        "guidance_scale": sampling.guidance.video,
        "audio_guidance_scale": sampling.guidance.audio,
        "sync_guidance_scale": sampling.sync,
        "step_cache": sampling.cache.threshold,
        "seconds": round(clip.duration_s, 4),
        "num_frames": clip.num_frames,
        "width": None if clip.frames is None else clip.frames.shape[2],
        "height": None if clip.frames is None else clip.frames.shape[1],
        "fps": None if clip.frames is None else int(clip.fps),
        "sample_rate_hz": None if silent else SAMPLE_RATE_HZ,
    }
