"""High-resolution keyframes beside low-resolution clips: latents and run of the shipped changes.

Source: SkyReels-V4 (arXiv 2602.21818), Table 1 and sec. 4.5: joint prediction after the training
proper. Not given by the paper: data, steps, share. Here they are changes of the finished base,
which makes the clips themselves without them, so that these cannot get worse. All of its video
branch changes: with changes of rank 16 next to nothing was learnt of what a clip lacks.
"""

from dataclasses import replace

import torch

from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.training.config import ClipConfig, PrecomputeConfig, ShardData, TrainConfig
from openreels.training.whole_world import GIVEN, LOOKS_WORLD


def _bucket(seconds: float, ratio: str, count: int, start: int = 3 * 10**6) -> PrecomputeConfig:
    return PrecomputeConfig(
        folder=f"data/keyframes-{seconds:g}s-{ratio.replace(':', 'x')}",
        clip=ClipConfig(duration_s=seconds, aspect_ratio=ratio),
        seed=1,
        start=start,
        count=count,
        shard_size=64,
        keyframes=True,
    )


KEYFRAME_LOOKS = replace(
    _bucket(2.25, "1:1", 512, 365 * 10**6),
    folder="data/keyframes-looks-2.25s",
    world=replace(LOOKS_WORLD, cut_share=0.0, effect_share=0.0, style_share=0.15, face_share=0.2),
)
"""Clips with weather, styles, faces and overlays."""
_BUCKETS = (
    (_bucket(2.25, "1:1", 1024, 5 * 10**6), 0.45, 2),
    (KEYFRAME_LOOKS, 0.2, 2),
    (_bucket(2.0, "1:1", 2560), 0.15, 5),
    (_bucket(2.0, "16:9", 192), 0.1, 3),
    (_bucket(2.0, "9:16", 192), 0.1, 3),
)
"""Each with its share of the batches and its samples a batch. Clips of 2.25 s have two keyframes,
the later one of which is the latent of four frames."""
KEYFRAME_DATA = tuple(bucket for bucket, _, _ in _BUCKETS)
"""Clips of one and two keyframes, 64 kB each; a keyframe of 256x256 is 1024 tokens."""
LOW_RANK = ("video.head.modulation",)
"""Layers that change by a low rank: there is one at least."""


def video_parameters(model: MMDiTConfig) -> tuple[str, ...]:
    """Name the parameters of the video branch that make something.

    Args:
        model: Of the network.

    Returns:
        All but those that tell what is true of a clip, and the weights of ``LOW_RANK``.
    """
    with torch.device("meta"):
        names = [name for name, _ in MMDiT(model).named_parameters()]
    left = tuple(f"{layer}.weight" for layer in LOW_RANK)
    return tuple(
        name
        for name in names
        if name.startswith("video.") and ".truth." not in name and name not in left
    )


def keyframes_of(mixed: TrainConfig) -> TrainConfig:
    """Joint prediction, as changes of the video branch of the base with its world.

    Every batch has keyframes, and next to nothing but their error counts: clip and sound are made
    without these changes (``pipelines.keyframed``), which only have to read them. What noise
    becomes is what the clip lacks of a keyframe; most of that shows in how strong noise is undone,
    so most of the training is there.

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
        lora=LowRankConfig(layers=LOW_RANK, whole=video_parameters(mixed.model)),
        data=tuple(
            ShardData(folder=bucket.folder, weight=weight, batch_size=size)
            for bucket, weight, size in _BUCKETS
        ),
        tasks=replace(
            mixed.tasks,
            mix=(("t2v", 0.7), ("t2av", 0.22), *GIVEN),
            structured_share=0.35,
            text_dropout=0.0,
            keyframes=1.0,
            window_share=0.1,
        ),
        sigma=replace(mixed.sigma, shift=6.0, keyframe_lag=1000.0),
        keyframe_weight=20.0,
        truth_weight=0.0,
        optim=replace(
            mixed.optim, lr=2e-3, warmup_steps=20, anneal_fraction=0.5, ema_decays=(0.98,)
        ),
    )
