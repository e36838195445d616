"""The ear of the base: latents and run by which the audio branch learns the whole world's sounds.

Not given by the paper, whose audio branch learns alone before both are put together.
"""

from dataclasses import replace

from openreels.stage.world import WorldSettings
from openreels.training.config import (
    DEFAULT_MIX,
    PrecomputeConfig,
    ShardData,
    TrainConfig,
)
from openreels.training.schedule import NUM_TAGS, SOUND_LESSONS, WORLD, bucket_of, lessons_of

HEARD_WORLD = replace(
    WORLD,
    weather_share=0.1,
    style_share=0.0,
    face_share=0.6,
    words_share=0.0,
    subtitle_share=0.0,
    watermark_share=0.0,
    logo_share=0.0,
    cut_share=0.0,
    speech_share=0.4,
    song_share=0.2,
    music_share=0.3,
    ambience_share=0.3,
)
"""Mostly for the ear: voices, songs, music and ambience."""
HEARD = replace(bucket_of("heard-2s", 2.0, "1:1", 4096), world=HEARD_WORLD, shard_size=256)
HEARD_LESSONS = lessons_of("heard", SOUND_LESSONS, 1024, world=WorldSettings())
"""Voices, music and ambience that sound like a reference."""


def heard_of(mixed: TrainConfig, short: tuple[PrecomputeConfig, PrecomputeConfig]) -> TrainConfig:
    """The audio branch of the shipped base learns all that the world sounds like, and references.

    Voices, songs, music and ambience are learnt from sound alone, at a tenth of the cost of a clip;
    contacts stay in it from clips of the first world. The video branch stays as it is.

    Args:
        mixed: The run that the base had.
        short: Its clips of one and of two seconds.

    Returns:
        A run from the shipped base.
    """
    given = tuple((name, 0.3 * share) for name, share in DEFAULT_MIX[4:])
    return replace(
        mixed,
        name="stage_heard",
        model=replace(mixed.model, num_tags=NUM_TAGS),
        init="shipped",
        init_names="shipped",
        trained="audio",
        data=(
            ShardData(folder=HEARD.folder, weight=0.45, batch_size=16),
            ShardData(folder=short[1].folder, weight=0.27, batch_size=16),
            ShardData(folder=short[0].folder, weight=0.08, batch_size=24),
            ShardData(folder=HEARD_LESSONS.folder, weight=0.2, batch_size=16),
        ),
        tasks=replace(
            mixed.tasks,
            mix=(("t2a", 0.6), ("t2av", 0.36), *given),
            sounds_factor=4,
            silent_lessons=0.0,
            blind_lessons=0.9,
        ),
        optim=replace(
            mixed.optim, lr=1.5e-3, warmup_steps=20, anneal_fraction=0.5, ema_decays=(0.995,)
        ),
    )
