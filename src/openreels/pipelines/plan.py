"""What a generation costs before it is run: tokens, operations, memory, seconds.

Two ways to the same clip are laid side by side, each with dense and with sparse attention:
*direct*, the network at the full size and rate; and the *cascade* (sec. 4.5), a base at low
resolution with keyframes at full resolution, then a refiner. Denoising alone is counted: neither
the prompt encoder nor the autoencoders.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from openreels.conditioning.keyframes import KEYFRAME_EVERY_S
from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR
from openreels.core.config import from_dict
from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import RESOLUTIONS, GenerationRequest, validate
from openreels.core.shapes import BASE_FPS, REFINED_FPS, ClipShape, coded_size, frames_of_seconds
from openreels.diffusion.solvers import STEPPERS
from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.presets import PRESETS, refiner
from openreels.models.text_encoder import presets as prompt_presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.nn.cubes import SparsePattern, kept_cubes
from openreels.nn.patchify import check_patch
from openreels.pipelines.components import REFINER_FILE
from openreels.pipelines.cost import (
    BYTES,
    Lengths,
    activation_bytes,
    forward_flops,
    num_parameters,
)
from openreels.pipelines.fast import fast_path, mark_of, wishes_of
from openreels.pipelines.machines import MACHINES
from openreels.pipelines.plan_records import Plan, PlannedModel, PlanOptions, Stage, Strategy
from openreels.pipelines.settings import Sampling, sampling_of
from openreels.weights.checkpoint import read_network_header, shipped_path

MIN_BASE_SIDE_PX = 64
"""Shorter side below which a base makes no pictures, so that there is no cascade; ours."""
LARGE_TEXT_TOKENS = 512
"""Prompt tokens of the large presets: what the text encoder of Wan is filled up to. Not given by
the paper: its encoder; the product takes prompts of up to 1280 tokens."""
GUIDED_ROWS = 2
"""Samples in one evaluation under guidance: with the prompt and without."""

T = TypeVar("T")


def plan(model: PlannedModel, request: GenerationRequest, options: PlanOptions) -> Plan:
    """Lay out what a request costs.

    Args:
        model: Whose transformer.
        request: Size, length, steps, guidance and sound of a clip; the rest does not count.
        options: What a request does not say.

    Returns:
        Every way to the clip with its cost.

    Raises:
        ValueError: If the request breaks a rule, or the patches of the model do not fit its size.
    """
    validate(request)
    short_side, notes = RESOLUTIONS[request.resolution], []
    fps = options.fps or (BASE_FPS if short_side <= MIN_BASE_SIDE_PX else REFINED_FPS)
    height, width = coded_size(request.aspect_ratio or "1:1", short_side)
    num_frames = frames_of_seconds(request.max_time_s, fps)
    shape = ClipShape(num_frames=num_frames, height=height, width=width, fps=fps)
    make = _StageMaker(model, request, options)
    ways: list[tuple[str, tuple[Stage, ...]]] = []
    ways.append(("direct", (make.direct(shape, sparsity=0.0),)))
    if options.sparsity:
        ways.append(("direct, sparse", (make.direct(shape, sparsity=options.sparsity),)))
    if short_side < SPACE_FACTOR * MIN_BASE_SIDE_PX:
        notes.append(f"no cascade: its base would be smaller than {MIN_BASE_SIDE_PX} px")
    elif fps % TIME_FACTOR:
        notes.append(f"no cascade: {fps} frames a second are no multiple of {TIME_FACTOR}")
    else:
        base = make.base(shape)
        ways.append(("cascade", (base, make.refiner(shape, sparsity=0.0))))
        if options.sparsity:
            finer = make.refiner(shape, sparsity=options.sparsity)
            ways.append(("cascade, sparse", (base, finer)))
    return Plan(
        model=model.name,
        parameters=num_parameters(model.config),
        duration_s=float(shape.duration_s),
        resolution=request.resolution,
        num_steps=make.sampling.num_steps,
        sparsity=options.sparsity,
        utilisation=None if options.tflops else options.utilisation,
        strategies=tuple(_strategy(name, stages, options) for name, stages in ways),
        notes=tuple(notes),
    )


def find_model(name: str) -> PlannedModel:
    """Find the sizes of a model; of a folder of weights only the headers are read.

    Args:
        name: A preset of the transformer, or a folder that holds ``mmdit.safetensors`` and
            ``text_encoder.safetensors``.

    Returns:
        Its sizes.

    Raises:
        CheckpointError: If there is no such preset or folder, or a file does not fit.
    """
    if name in PRESETS:
        small = {"tiny": prompt_presets.tiny, "stage": prompt_presets.stage_media}
        tokens = small[name]().max_tokens if name in small else LARGE_TEXT_TOKENS
        finer = refiner() if name == "stage" else None
        known = PlannedModel(name=name, config=PRESETS[name](), text_tokens=tokens, refiner=finer)
        return _found_in(shipped_path("mmdit").parent, known) if name == "stage" else known
    folder = Path(name)
    if not folder.is_dir():
        raise CheckpointError(
            f"a preset is {', '.join(PRESETS)} or a folder of weights, got {name!r}; check the name"
        )
    config = _read_config(folder, "mmdit", MMDiTConfig)
    prompts = _read_config(folder, "text_encoder", PromptEncoderConfig)
    finer = None
    if (folder / REFINER_FILE).exists():
        finer = _read_config(folder, "mmdit", MMDiTConfig, file=REFINER_FILE)
    known = PlannedModel(name=name, config=config, text_tokens=prompts.max_tokens, refiner=finer)
    return _found_in(folder, known)


def _found_in(folder: Path, known: PlannedModel) -> PlannedModel:
    """What weights can do and sizes do not say."""
    fast = fast_path(folder)
    return replace(
        known,
        distilled=None if fast is None else mark_of(fast),
        makes_keyframes=known.config.keyframes,
    )


def _read_config(folder: Path, network: str, kind: type[T], *, file: str | None = None) -> T:
    path = folder / (file or f"{network}.safetensors")
    header = read_network_header(path)
    if header.network != network:
        raise CheckpointError(f"{path} must hold a {network}, it holds a {header.network}")
    try:
        return from_dict(kind, header.config, allow_missing=True)
    except ValueError as error:
        raise CheckpointError(f"the config in {path} does not fit: {error}") from error


def num_evaluations(sampling: Sampling) -> int:
    """Count how often a run evaluates the network; Heun does so once in its step to sigma 0."""
    stepper = STEPPERS[sampling.stepper]
    return sampling.num_steps * stepper.num_evaluations - (stepper.num_evaluations - 1)


def grid_of(shape: ClipShape, patch: int) -> tuple[int, int, int]:
    """Frames, rows and columns of the video tokens of a clip.

    Args:
        shape: Size of the clip.
        patch: Latent cells a side of one token; divides rows and columns.

    Returns:
        Tokens along each axis.
    """
    check_patch(shape.latent_height, shape.latent_width, patch)
    return (shape.num_latent_frames, shape.latent_height // patch, shape.latent_width // patch)


def base_shape(shape: ClipShape) -> ClipShape:
    """Size of the clip that the base of a cascade makes.

    Args:
        shape: Size of the refined clip; its rate is a multiple of the time factor.

    Returns:
        A quarter of each side, rounded up to a multiple of 16, and half the rate.
    """
    fps = shape.fps // TIME_FACTOR
    steps = (shape.num_frames - 1) / shape.fps
    return ClipShape(
        num_frames=frames_of_seconds(steps, fps) if steps else 1,
        height=-(-shape.height // (16 * SPACE_FACTOR)) * 16,
        width=-(-shape.width // (16 * SPACE_FACTOR)) * 16,
        fps=fps,
    )


def _sampling(model: PlannedModel, request: GenerationRequest) -> Sampling:
    """Steps of a request, by the distilled weights where they run."""
    fast = model.distilled if request.mode == "fast" else None
    if fast is None or wishes_of(request, fast):
        return sampling_of(request)
    return sampling_of(request, fast.sampling)


class _StageMaker:
    """Stages of one request on one model."""

    def __init__(
        self, model: PlannedModel, request: GenerationRequest, options: PlanOptions
    ) -> None:
        self.model, self.options = model, options
        self.sampling, self.sound = _sampling(model, request), request.sound
        self.text = options.text_tokens or model.text_tokens
        count = math.ceil(request.max_time_s / KEYFRAME_EVERY_S) if model.makes_keyframes else 0
        self.num_keyframes = count if options.keyframes is None else options.keyframes

    def direct(self, shape: ClipShape, *, sparsity: float) -> Stage:
        """The network at the full size and rate."""
        return self._stage("direct", shape, sparsity=sparsity)

    def base(self, shape: ClipShape) -> Stage:
        """The network at low resolution, with keyframes at the full one; dense."""
        _, rows, columns = grid_of(shape, self.model.config.patch)
        extra = self.num_keyframes * rows * columns
        return self._stage("base", base_shape(shape), sparsity=0.0, keyframe_tokens=extra)

    def refiner(self, shape: ClipShape, *, sparsity: float) -> Stage:
        """The video branch alone at the full size and rate: few steps, no guidance."""
        return self._stage("refiner", shape, sparsity=sparsity)

    def _stage(
        self,
        name: Literal["direct", "base", "refiner"],
        shape: ClipShape,
        *,
        sparsity: float,
        keyframe_tokens: int = 0,
    ) -> Stage:
        config, refines = self.model.config, name == "refiner"
        if refines and self.model.refiner is not None:
            config = self.model.refiner
        grid = grid_of(shape, config.patch)
        pattern = SparsePattern(grid=grid, top_k=1)
        if sparsity:
            kept = kept_cubes(pattern.num_cubes, sparsity)
            pattern = SparsePattern(grid=grid, top_k=kept)
        lengths = Lengths(
            video=pattern.num_tokens + keyframe_tokens,
            audio=shape.num_audio_tokens if self.sound and not refines else 0,
            text=self.text,
        )
        rows = 1 if refines or self.sampling.rule.is_off else GUIDED_ROWS
        evaluations = self.options.refiner_steps if refines else num_evaluations(self.sampling)
        flops = forward_flops(config, lengths, sparse=pattern if sparsity else None)
        blind = 0
        if lengths.audio and self.sampling.sync != 1:
            blind = forward_flops(config, replace(lengths, video=0)).total
        parameters = num_parameters(config, Joint(True, not refines))
        return Stage(
            name=name,
            height=shape.height,
            width=shape.width,
            num_frames=shape.num_frames,
            fps=shape.fps,
            lengths=lengths,
            keyframe_tokens=keyframe_tokens,
            num_cubes=pattern.num_cubes if sparsity else 0,
            num_kept=pattern.num_kept if sparsity else 0,
            num_evaluations=evaluations,
            rows=rows,
            flops=flops,
            blind_flops=blind,
            total_flops=(flops.total * rows + blind) * evaluations,
            parameters=parameters,
            weights_bytes={name: parameters * size for name, size in BYTES.items()},
            activation_bytes={
                name: activation_bytes(config, lengths, rows=rows, number=size)
                for name, size in BYTES.items()
            },
        )


def _strategy(name: str, stages: Sequence[Stage], options: PlanOptions) -> Strategy:
    total = sum(stage.total_flops for stage in stages)
    memory = {
        precision: sum(stage.weights_bytes[precision] for stage in stages)
        + max(stage.activation_bytes[precision] for stage in stages)
        for precision in BYTES
    }
    if options.tflops:
        speeds, fits = {"measured": options.tflops * 1e12}, {}
    else:
        speeds = {m.name: m.tflops * options.utilisation * 1e12 for m in MACHINES}
        fits = {m.name: memory["bf16"] <= m.memory_gb * 1e9 for m in MACHINES}
    return Strategy(
        name=name,
        stages=tuple(stages),
        total_flops=total,
        memory_bytes=memory,
        seconds={machine: total / speed for machine, speed in speeds.items()},
        fits=fits,
    )
