"""Weather and cameras from words for every prompt: latents and run of the shipped changes. Ours.

Not given by the paper, whose base learns everything at once (``training.schedule``). The run of the
whole world (``training.whole_world``) drew rain that stands and snow without flakes: nothing made
its tokens tell what the prompt says of the whole picture. That of shots (``training.shots``) does.
"""

from dataclasses import replace

from openreels.stage.scene import CAMERAS
from openreels.training.config import ShardData, TrainConfig
from openreels.training.heard import HEARD_WORLD
from openreels.training.schedule import bucket_of
from openreels.training.shots import shots_of
from openreels.training.whole_world import (
    GIVEN,
    LOOKS_CLIPS,
    LOOKS_PICTURES,
    LOOKS_WORLD,
    own_buckets,
)

_WHOLE = replace(LOOKS_WORLD, cut_share=0.0, effect_share=0.0)
WEATHER_CLIPS = replace(
    bucket_of("weather-2s", 2.0, "1:1", 3072),
    start=310 * 10**6,
    world=replace(_WHOLE, weather_share=1.0, style_share=0.15),
)
"""Clips in rain or snow wherever they are outdoors."""
MOVING_CLIPS = replace(
    bucket_of("moves-2s", 2.0, "1:1", 3072),
    start=320 * 10**6,
    world=replace(
        _WHOLE,
        weather_share=0.3,
        style_share=0.2,
        face_share=0.2,
        cameras=tuple(camera for camera in CAMERAS if camera != "static"),
    ),
)
"""Clips whose camera pans or zooms."""
SPOKEN_CLIPS = replace(
    bucket_of("spoken-2s", 2.0, "1:1", 3072),
    start=340 * 10**6,
    world=replace(
        HEARD_WORLD,
        weather_share=0.15,
        style_share=0.1,
        face_share=0.35,
        words_share=0.04,
        subtitle_share=0.02,
        watermark_share=0.02,
        logo_share=0.02,
    ),
)
"""Clips with voices, songs, music and ambience, whose pictures have some looks, too. Without them
prompts in which somebody speaks were drawn as sketches that nobody asked for."""
WEATHER_DATA = (WEATHER_CLIPS, MOVING_CLIPS, SPOKEN_CLIPS)
"""What the run has beside the buckets of the base and of the whole world."""


def weather_of(mixed: TrainConfig) -> TrainConfig:
    """Weather and cameras from words, as low-rank changes in the place of those for the world.

    The video tokens are asked for place, camera, weather and style as in the run of shots, at less
    weight and with levels that are not shifted, so that details stay. Each prompt is read as a
    request with it is, with the changes for voices where somebody speaks. A third of the batches is
    the base's own.

    Args:
        mixed: The run that the base had.

    Returns:
        A run from the shipped base, with changes between those for the world and for shots
        (``openreels combine``, docs/training.md).
    """
    shots = shots_of(mixed)
    return replace(
        shots,
        name="stage_weather",
        init_lora="stage_weather/start.safetensors",
        data=(
            ShardData(folder=LOOKS_PICTURES.folder, weight=0.05, batch_size=20),
            ShardData(folder=LOOKS_CLIPS.folder, weight=0.18, batch_size=16),
            ShardData(folder=WEATHER_CLIPS.folder, weight=0.1, batch_size=16),
            ShardData(folder=MOVING_CLIPS.folder, weight=0.14, batch_size=16),
            ShardData(folder=SPOKEN_CLIPS.folder, weight=0.18, batch_size=16),
            *own_buckets(mixed, 0.35),
        ),
        tasks=replace(
            shots.tasks,
            mix=(("t2v", 0.43), ("t2av", 0.37), ("t2i", 0.12), *GIVEN),
            structured_share=0.35,
        ),
        codecs=replace(mixed.codecs, spoken_words="shipped"),
        sigma=replace(mixed.sigma, shift=1.0, uniform_share=0.4),
        truth_weight=0.3,
        optim=replace(shots.optim, lr=7e-4),
    )
