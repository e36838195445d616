"""Small runs that differ in one thing each: what the paper claims without numbers.

All begin from the same seed on the same scenes, and only ``MMDiTConfig`` differs.
"""

from dataclasses import replace

from openreels.core.shapes import AUDIO_TOKENS_PER_S, BASE_FPS, TEMPORAL_STRIDE
from openreels.models.mmdit import presets
from openreels.models.mmdit.config import MMDiTConfig
from openreels.training.config import (
    ClipConfig,
    OptimConfig,
    PrecomputeConfig,
    ShardData,
    TaskConfig,
    TrainConfig,
)

DATA = PrecomputeConfig(
    folder="data/ablations",
    clip=ClipConfig(duration_s=2.0),
    seed=4,
    count=4096,
)
"""What every run trains on."""
HELD_OUT = replace(DATA, folder="data/ablations-held-out", start=10**6, count=256)
"""What every run is measured on."""
UNSCALED = float(AUDIO_TOKENS_PER_S / (BASE_FPS // TEMPORAL_STRIDE))
"""Audio tokens counted where video latents are counted: 10.77 times faster than the clock."""


def base() -> MMDiTConfig:
    """Four blocks of width 96: one dual, three single, and nothing of what is near."""
    return replace(
        presets.stage(),
        width=96,
        num_heads=2,
        num_dual=1,
        num_single=3,
        mlp_width=288,
        near_width=0,
        truth_block=2,
        audio_truth_block=None,
        video_in=4 * 33,
        video_out=4 * 16,
        video_truths=4 * 21,
        rope_widths=(16, 16, 16),
    )


def _pure_single(model: MMDiTConfig) -> MMDiTConfig:
    return replace(model, num_dual=0, num_single=model.depth)


def _pure_dual(model: MMDiTConfig) -> MMDiTConfig:
    return replace(model, num_dual=model.depth, num_single=0)


VARIANTS: dict[str, MMDiTConfig] = {
    "hybrid": base(),
    "pure_dual": _pure_dual(base()),
    "pure_single": _pure_single(base()),
    "no_text_cross_attention": replace(base(), text_cross_attention=False),
    "old_audio": replace(base(), video_reads="old"),
    "unscaled_clock": replace(base(), audio_time_factor=UNSCALED),
    "no_channel_concat": replace(base(), channel_concat=False),
}
"""Every network that is compared, by name; the first is the paper's."""


def ablation(name: str, *, seed: int = 0, steps: int = 2000) -> TrainConfig:
    """One run.

    Args:
        name: A key of ``VARIANTS``.
        seed: Of weights, order and draws.
        steps: Length.

    Returns:
        The run; its folder is named after variant and seed.

    Raises:
        ValueError: If there is no such variant.
    """
    if name not in VARIANTS:
        raise ValueError(f"an ablation must be one of {', '.join(VARIANTS)}, got {name!r}")
    return TrainConfig(
        name=f"ablation_{name}-{seed}",
        model=VARIANTS[name],
        data=(ShardData(folder=DATA.folder),),
        tasks=TaskConfig(mix=MIX),
        optim=OptimConfig(lr=2e-3, warmup_steps=50),
        batch_size=16,
        steps=steps,
        seed=seed,
    )


MIX = (
    ("t2av", 0.5),
    ("t2a", 0.1),
    ("first", 0.15),
    ("extend", 0.1),
    ("inpaint_fixed", 0.15),
)
"""Enough of the mask for the channels to matter."""
