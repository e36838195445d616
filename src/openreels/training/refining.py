"""Recipes of the refiner: its pairs, then crops, then whole pictures."""

from dataclasses import replace

from openreels.diffusion.noise_levels import NoiseLevelConfig
from openreels.models.mmdit import presets
from openreels.training.config import OptimConfig, ShardData, TrainConfig
from openreels.training.refiner_config import RefinerConfig, RefinerPairsConfig


def _pairs(folder: str, aspect_ratio: str, count: int, start: int) -> RefinerPairsConfig:
    return RefinerPairsConfig(
        folder=f"data/{folder}", aspect_ratio=aspect_ratio, count=count, start=start
    )


PAIRS = (
    _pairs("pairs-1x1", "1:1", 2048, 0),
    _pairs("pairs-16x9", "16:9", 256, 2048),
    _pairs("pairs-9x16", "9:16", 256, 2304),
)
"""A second of scenes at 256 pixels and 32 fps, with its low-resolution twin; 600 kB a pair."""


def refiner_data() -> tuple[RefinerPairsConfig, ...]:
    """Pairs for ``refiner``."""
    return PAIRS


def refiner_crops() -> tuple[TrainConfig, ...]:
    """First stage of the shipped refiner: crops of 17 frames of 128 pixels, from the base.

    They are 320 tokens, so that two CPU cores see many of them. Not given by the paper: all of it,
    but that the refiner starts as the base and all weights are trained.
    """
    return (
        TrainConfig(
            name="refiner_crops",
            model=replace(presets.refiner(), sparsity=0.0),
            init="shipped",
            data=(
                ShardData(folder=PAIRS[0].folder, weight=0.8),
                *(ShardData(folder=part.folder, weight=0.1) for part in PAIRS[1:]),
            ),
            refiner=RefinerConfig(),
            # Few steps begin at noise level 1, where one sees the mean of what may be there.
            sigma=NoiseLevelConfig(kind="uniform", shift=2.0),
            optim=OptimConfig(lr=2e-3, warmup_steps=100),
            batch_size=16,
            steps=6000,
        ),
    )


def refiner_whole() -> tuple[TrainConfig, ...]:
    """Second stage of the shipped refiner: whole pictures of 33 frames, with sparse attention."""
    (crops,) = refiner_crops()
    return (
        replace(
            crops,
            name="refiner",
            model=presets.refiner(),
            init="refiner_crops/mmdit.safetensors",
            refiner=RefinerConfig(crop=(9, 32, 56)),
            optim=replace(crops.optim, lr=5e-4, anneal_fraction=0.5),
            batch_size=2,
            steps=600,
        ),
    )


def refiner() -> tuple[RefinerPairsConfig | TrainConfig, ...]:
    """The shipped refiner: its pairs, then both stages; some hours on two cores."""
    return refiner_data() + refiner_crops() + refiner_whole()
