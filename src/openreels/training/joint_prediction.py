"""The stage after all others: low-resolution clips and high-resolution keyframes in one pass.

Source: SkyReels-V4 (arXiv 2602.21818), Table 1 and sec. 4.5: joint prediction after the training
proper. Not given by the paper: data, steps, share. Every other batch has keyframes; the rest is
what the weights were trained on before, so that clips without keyframes do not get worse.
"""

from dataclasses import replace

from openreels.core.config import from_dict
from openreels.models.mmdit.config import MMDiTConfig
from openreels.training.config import (
    ClipConfig,
    OptimConfig,
    PrecomputeConfig,
    ShardData,
    TaskConfig,
    TrainConfig,
)
from openreels.weights.checkpoint import read_network_header, shipped_path


def _bucket(seconds: float, ratio: str, count: int) -> PrecomputeConfig:
    return PrecomputeConfig(
        folder=f"data/keyframes-{seconds:g}s-{ratio.replace(':', 'x')}",
        clip=ClipConfig(duration_s=seconds, aspect_ratio=ratio),
        seed=1,
        start=3 * 10**6,
        count=count,
        shard_size=64,
        keyframes=True,
    )


KEYFRAME_DATA = (
    _bucket(2.0, "1:1", 4096),
    _bucket(3.0, "1:1", 1536),
    _bucket(5.0, "1:1", 256),
    _bucket(2.0, "16:9", 512),
    _bucket(2.0, "9:16", 512),
)
"""Clips of one, two and three keyframes, 32 kB each; a keyframe of 256x256 is 1024 tokens."""


def shipped_model() -> MMDiTConfig:
    """Sizes of the shipped base, from the header of its weights."""
    header = read_network_header(shipped_path("mmdit"))
    return from_dict(MMDiTConfig, header.config, allow_missing=True)


def stage_keyframes() -> TrainConfig:
    """Joint prediction, from the shipped weights."""
    batch_sizes = (8, 4, 2, 4, 4)
    weights = (0.5, 0.25, 0.05, 0.1, 0.1)
    return TrainConfig(
        name="stage_keyframes",
        model=replace(shipped_model(), keyframes=True),
        init="shipped",
        data=tuple(
            ShardData(folder=bucket.folder, weight=weight, batch_size=size)
            for bucket, weight, size in zip(KEYFRAME_DATA, weights, batch_sizes, strict=True)
        ),
        tasks=TaskConfig(keyframes=0.5),
        optim=OptimConfig(lr=5e-4, warmup_steps=100, anneal_fraction=0.5),
        truth_weight=4.0,
        steps=6000,
    )
