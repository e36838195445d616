"""The whole world from words: latents and run by which the shipped base learns all looks. Ours.

Not given by the paper, whose base learns everything at once (``training.schedule``). The shipped
base was trained on a world without weather, styles, faces, overlays and cuts.
"""

from dataclasses import replace

from openreels.nn.low_rank import LowRankConfig
from openreels.stage.world import WorldSettings
from openreels.training.config import DEFAULT_MIX, ShardData, StageData, TrainConfig
from openreels.training.references import ENDS, references_of
from openreels.training.schedule import PICTURES, bucket_of

LOOKS_WORLD = WorldSettings(
    weather_share=0.35,
    style_share=0.3,
    face_share=0.35,
    words_share=0.08,
    subtitle_share=0.04,
    watermark_share=0.04,
    logo_share=0.04,
    cut_share=0.25,
    effect_share=0.05,
)
"""All that is seen and nothing that is only heard. A sixth of its scenes have none of its looks."""
LOOKS_PICTURES = replace(
    PICTURES,
    folder="data/looks-pictures",
    start=230 * 10**6,
    count=16_384,
    world=replace(LOOKS_WORLD, cut_share=0.0, effect_share=0.0),
)
LOOKS_CLIPS = replace(bucket_of("looks-2s", 2.0, "1:1", 4096), start=250 * 10**6, world=LOOKS_WORLD)
LOOKS_DATA = (LOOKS_PICTURES, LOOKS_CLIPS)
"""Every bucket of the run but those of the base."""
GIVEN = tuple((name, 0.4 * share) for name, share in DEFAULT_MIX[4:])
"""The tasks of the mask interface, at two fifths of their share in the base's own run."""


def own_buckets(mixed: TrainConfig, share: float) -> tuple[ShardData | StageData, ...]:
    """The buckets of the base's own run, in its proportions.

    Args:
        mixed: The run that the base had.
        share: What their weights sum to, in (0, 1].
    """
    plain = sum(bucket.weight for bucket in mixed.data)
    return tuple(replace(bucket, weight=share * bucket.weight / plain) for bucket in mixed.data)


def world_of(mixed: TrainConfig) -> TrainConfig:
    """Weather, styles, faces, overlays and cuts from words, as low-rank changes of the base.

    Three batches in ten are those of the base's own run, so that it keeps what it knows. The audio
    branch stays as it is and reads its sound off the picture; batches with sound let it tell the
    picture where things must touch. How the changes are made and learnt is as for references.

    Args:
        mixed: The run that the base had.

    Returns:
        A run from the shipped base.
    """
    changes = references_of(mixed)
    return replace(
        changes,
        name="stage_world",
        model=mixed.model,
        lora=LowRankConfig(rank=48, alpha=48.0, layers=("video.",), whole=ENDS),  # without names
        data=(
            ShardData(folder=LOOKS_PICTURES.folder, weight=0.35, batch_size=20),
            ShardData(folder=LOOKS_CLIPS.folder, weight=0.35, batch_size=16),
            *own_buckets(mixed, 0.3),
        ),
        tasks=replace(
            mixed.tasks,
            mix=(("t2v", 0.66), ("t2av", 0.14), ("t2i", 0.12), *GIVEN),
            structured_share=0.4,
        ),
        change_weight=mixed.change_weight,
    )
