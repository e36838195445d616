"""What goes into a plan and what comes out: plain records, told as JSON or as a table."""

import math
from dataclasses import dataclass
from typing import Literal

from openreels.models.mmdit.config import MMDiTConfig
from openreels.pipelines.cost import Flops, Lengths
from openreels.pipelines.fast import Distilled
from openreels.pipelines.machines import UTILISATION


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOptions:
    """What a plan needs beside a request.

    Raises:
        ValueError: If a number is out of its range.
    """

    fps: int | None = None
    """Frames a second of the result, 1 to 120; None is 16 at 64p and 32 above."""
    text_tokens: int | None = None
    """Prompt tokens, 1 to 10000; None is what the model's prompt encoder is filled up to."""
    keyframes: int | None = None
    """High-resolution keyframes of the base, 0 to 100; None is one every 2 s, or none where weights
    that are there make none."""
    refiner_steps: int = 4
    """Evaluations of the refiner, 1 to 200, without guidance. Not given by the paper; ours."""
    sparsity: float = 0.875
    """Share of the cubes that sparse attention leaves out, in [0, 1): by default that of the VSA
    paper, 32 of 256 stay. Not given by the paper, which speaks of three times cheaper attention."""
    tflops: float | None = None
    """Measured speed in 10^12 operations a second, > 0, in the place of the table of machines."""
    utilisation: float = UTILISATION
    """Share of their peak that machines of the table reach, in (0, 1]."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("fps", 1, 120),
            ("text_tokens", 1, 10_000),
            ("keyframes", 0, 100),
            ("refiner_steps", 1, 200),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}, got {value}")
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity must be 0 (dense) to below 1, got {self.sparsity:g}")
        if self.tflops is not None and not 0 < self.tflops < math.inf:
            raise ValueError(f"tflops must be positive and finite, got {self.tflops:g}")
        if not 0 < self.utilisation <= 1:
            raise ValueError(f"utilisation must be above 0 and up to 1, got {self.utilisation:g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedModel:
    """A model whose cost can be told without its weights."""

    name: str
    """Preset, or folder of weights."""
    config: MMDiTConfig
    """Sizes of its transformer."""
    text_tokens: int
    """Prompt tokens that its encoder gives, padding included."""
    refiner: MMDiTConfig | None = None
    """Sizes of its refiner; None is the video branch of the base at those of the base."""
    distilled: Distilled | None = None
    """What its weights for mode ``fast`` were distilled for; None is a model without them."""
    makes_keyframes: bool = True
    """Whether its base is to make keyframes where a request does not say how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One network run from noise to data."""

    name: Literal["direct", "base", "refiner"]
    """What it does."""
    height: int
    """Rows in pixels, as computed."""
    width: int
    """Columns in pixels, as computed."""
    num_frames: int
    """Frames."""
    fps: int
    """Frames a second."""
    lengths: Lengths
    """Tokens of one evaluation."""
    keyframe_tokens: int
    """Video tokens that are high-resolution keyframes."""
    num_cubes: int
    """Cubes of the grid under sparse attention; 0 is dense."""
    num_kept: int
    """Cubes that each reads; 0 is dense."""
    num_evaluations: int
    """Evaluations of the network."""
    rows: int
    """Samples in each: 2 with guidance."""
    flops: Flops
    """Operations of one evaluation of one sample."""
    blind_flops: int
    """Operations of the audio branch by itself, which runs once more beside every evaluation where
    the sound is pulled towards the picture; 0 where it is not."""
    total_flops: int
    """Operations from noise to data."""
    parameters: int
    """Parameters of the network."""
    weights_bytes: dict[str, int]
    """Memory of its weights by precision."""
    activation_bytes: dict[str, int]
    """Memory beside them, by precision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """One way to the clip."""

    name: str
    """``direct`` or ``cascade``; with ``sparse`` where the full size has sparse attention."""
    stages: tuple[Stage, ...]
    """Networks in the order they run."""
    total_flops: int
    """Operations of all."""
    memory_bytes: dict[str, int]
    """Weights of all stages, and the activations of the one that needs most, by precision."""
    seconds: dict[str, float]
    """On each machine, by its name."""
    fits: dict[str, bool]
    """Whether the memory of one such machine holds all that in bf16, by its name; empty for a
    measured speed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a request costs on a model."""

    model: str
    """Preset or folder."""
    parameters: int
    """Parameters of its transformer."""
    duration_s: float
    """Length of the result."""
    resolution: str
    """Name of its size."""
    num_steps: int
    """Denoising steps, direct and in the base."""
    sparsity: float
    """Share of the cubes left out, as asked for."""
    utilisation: float | None
    """Share of the peak of machines; None if a measured speed was given."""
    strategies: tuple[Strategy, ...]
    """The ways, direct and dense first."""
    notes: tuple[str, ...]
    """What was not planned, and why."""
