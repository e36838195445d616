"""High-resolution keyframes beside low-resolution clips: latents and run of the shipped changes.

Source: SkyReels-V4 (arXiv 2602.21818), Table 1 and sec. 4.5: joint prediction after the training
proper. Not given by the paper: data, steps, share. Here they are low-rank changes of the finished
base, which makes the clips themselves without them, so that these cannot get worse.
"""

from dataclasses import replace

from openreels.nn.low_rank import LowRankConfig
from openreels.training.config import ClipConfig, PrecomputeConfig, ShardData, TrainConfig
from openreels.training.whole_world import GIVEN, LOOKS_WORLD


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


KEYFRAME_LOOKS = replace(
    _bucket(2.0, "1:1", 1024),
    folder="data/keyframes-looks-2s",
    start=360 * 10**6,
    world=replace(LOOKS_WORLD, cut_share=0.0, effect_share=0.0, style_share=0.15, face_share=0.2),
)
"""Clips with weather, styles, faces and overlays."""
_BUCKETS = (
    (_bucket(2.0, "1:1", 2560), 0.6, 8),
    (KEYFRAME_LOOKS, 0.2, 8),
    (_bucket(3.0, "1:1", 256), 0.08, 4),
    (_bucket(2.0, "16:9", 192), 0.06, 4),
    (_bucket(2.0, "9:16", 192), 0.06, 4),
)
"""Each with its share of the batches and its samples a batch."""
KEYFRAME_DATA = tuple(bucket for bucket, _, _ in _BUCKETS)
"""Clips of one and two keyframes, 32 kB each; a keyframe of 256x256 is 1024 tokens."""
ENDS = tuple(
    f"video.{layer}.{part}"
    for layer in ("token_in", "near.first", "near.later.1", "head.out")
    for part in ("weight", "bias")
)
"""Where latents enter and leave the network: those of fine pictures have other statistics."""


def keyframes_of(mixed: TrainConfig) -> TrainConfig:
    """Joint prediction, as low-rank changes of the video branch of the base with its world.

    Every batch has keyframes, and next to nothing but their error counts: clip and sound are made
    without these changes (``pipelines.keyframed``), which only have to read them.

    Args:
        mixed: The run that the base had.

    Returns:
        A run from the base with its changes for the world merged into it (``openreels merge``,
        docs/refiner.md).
    """
    return replace(
        mixed,
        name="stage_keyframes",
        model=replace(mixed.model, keyframes=True, residual=0.25),
        init="stage_keyframes/start.safetensors",
        lora=LowRankConfig(rank=24, alpha=24.0, layers=("video.",), whole=ENDS),
        data=tuple(
            ShardData(folder=bucket.folder, weight=weight, batch_size=size)
            for bucket, weight, size in _BUCKETS
        ),
        tasks=replace(
            mixed.tasks,
            mix=(("t2v", 0.55), ("t2av", 0.33), *GIVEN),
            structured_share=0.35,
            keyframes=1.0,
            window_share=0.75,
        ),
        sigma=replace(mixed.sigma, keyframe_lag=8.0),
        keyframe_weight=20.0,
        truth_weight=0.0,
        optim=replace(mixed.optim, lr=1.2e-3, anneal_fraction=0.6, ema_decays=(0.99,)),
    )
