"""Whole runs by name: what ``openreels train NAME`` does. Each is derived from another.

A recipe is a function without arguments that returns its parts, done one after the other:
latents to precompute and networks to train.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from openreels.diffusion.noise_levels import NoiseLevelConfig
from openreels.models.mmdit import presets
from openreels.nn.low_rank import LowRankConfig
from openreels.training.ablations import DATA as ABLATION_DATA
from openreels.training.ablations import HELD_OUT, VARIANTS, ablation
from openreels.training.companions import (
    DECODER_ALONE,
    AudioVAEPart,
    Companion,
    MessageEncoderPart,
    ShotWordsPart,
    SpokenWordsPart,
    TextEncoderPart,
    VideoVAEPart,
)
from openreels.training.config import (
    DEFAULT_MIX,
    ClipConfig,
    CodecPaths,
    OptimConfig,
    PrecomputeConfig,
    ShardData,
    StageData,
    TaskConfig,
    TrainConfig,
)
from openreels.training.distill_config import DistillConfig
from openreels.training.heard import HEARD, heard_of
from openreels.training.joint_prediction import KEYFRAME_DATA, keyframes_of
from openreels.training.references import REFERENCE_DATA, references_of
from openreels.training.refiner_config import RefinerPairsConfig
from openreels.training.refining import refiner, refiner_crops, refiner_data, refiner_whole
from openreels.training.schedule import DATA, STAGES
from openreels.training.shots import SHOTS_CLIPS, shots_of
from openreels.training.weather import WEATHER_DATA, weather_of
from openreels.training.whole_world import LOOKS_DATA, world_of

Part: TypeAlias = PrecomputeConfig | RefinerPairsConfig | TrainConfig | Companion
Recipe: TypeAlias = Callable[[], tuple[Part, ...]]

UNTRAINED = CodecPaths(video_vae="random:tiny", audio_vae="random:tiny", text_encoder="random:tiny")
"""Untrained networks around the transformer: enough to watch a loss fall."""


def tiny() -> tuple[Part, ...]:
    """Overfit one clip on a CPU in about a minute: the loss must fall by far more than half."""
    model = replace(
        presets.stage(),
        width=96,
        num_heads=2,
        num_dual=1,
        num_single=2,
        mlp_width=192,
        near_width=0,
        truth_block=2,
        audio_truth_block=None,
        video_in=4 * 33,
        video_out=4 * 16,
        video_truths=4 * 21,
        audio_channels=4,
        context_width=32,
        rope_widths=(16, 16, 16),
    )
    return (
        TrainConfig(
            name="tiny",
            model=model,
            data=(StageData(count=1, clip=ClipConfig(duration_s=1.0)),),
            codecs=UNTRAINED,
            tasks=TaskConfig(mix=(("t2av", 1.0),), num_variants=1),
            sigma=NoiseLevelConfig(kind="uniform"),
            optim=OptimConfig(lr=3e-3, warmup_steps=20, ema_decays=(0.98,)),
            batch_size=4,
            steps=400,
        ),
    )


def _bucket(folder: str, duration_s: float, aspect_ratio: str, count: int) -> PrecomputeConfig:
    clip = ClipConfig(duration_s=duration_s, aspect_ratio=aspect_ratio)
    return PrecomputeConfig(folder=f"data/{folder}", clip=clip, seed=1, count=count)


PICTURES = PrecomputeConfig(
    folder="data/pictures",
    clip=ClipConfig(duration_s=1 / 16),
    seed=1,
    start=10**6,
    count=24_576,
    shard_size=1024,
    batch_size=64,
)
"""First frames of other scenes: 64 tokens a picture."""
SHORT = (
    _bucket("1s-1x1", 1.0, "1:1", 2048),
    _bucket("2s-1x1", 2.0, "1:1", 12_288),
)
"""Buckets with sound, most of the training: 320 + 46 and 576 + 89 tokens a clip."""
LONG = (
    _bucket("3s-1x1", 3.0, "1:1", 2048),
    _bucket("2s-16x9", 2.0, "16:9", 1024),
    _bucket("2s-9x16", 2.0, "9:16", 1024),
    _bucket("2s-4x3", 2.0, "4:3", 768),
    _bucket("2s-3x4", 2.0, "3:4", 768),
    _bucket("5s-1x1", 5.0, "1:1", 512),
)
"""Later buckets: longer clips and the other aspect ratios."""


def stage_data_pictures() -> tuple[Part, ...]:
    """Latents for ``stage_pictures``."""
    return (PICTURES,)


def stage_data_short() -> tuple[Part, ...]:
    """Latents for ``stage_short``."""
    return SHORT


def stage_data_long() -> tuple[Part, ...]:
    """Latents for ``stage_long``."""
    return LONG


def stage_pictures() -> tuple[Part, ...]:
    """First stage of the shipped model: text to image, as stage 1 of the paper's Table 1.

    A picture costs a tenth of a clip and says as much of colours, shapes, materials and places.
    """
    return (
        TrainConfig(
            name="stage_pictures",
            model=presets.stage(),
            data=(ShardData(folder=PICTURES.folder),),
            tasks=TaskConfig(mix=(("t2i", 1.0),)),
            optim=OptimConfig(lr=2e-3, warmup_steps=50),
            truth_weight=4.0,
            batch_size=16,
        ),
    )


def stage_short() -> tuple[Part, ...]:
    """Second stage of the shipped model, from the first's weights: one and two seconds, square.

    Not given by the paper at this size. Its Table 1 starts small and short and grows; so do we.
    """
    return (
        TrainConfig(
            name="stage_short",
            model=presets.stage(),
            init="stage_pictures/mmdit.safetensors",
            optim=OptimConfig(lr=2e-3, warmup_steps=100),
            data=(
                ShardData(folder=SHORT[0].folder, weight=0.15, batch_size=24),
                ShardData(folder=SHORT[1].folder, weight=0.85),
            ),
            truth_weight=4.0,
        ),
    )


def stage_near() -> tuple[Part, ...]:
    """Before the second stage: the convolutions of what is near learn alone what is true.

    Most of all they learn where something touches: with them the contacts of clean held-out clips
    are told from the rest by an AUC of 0.95 after eight minutes of two cores, where the blocks
    alone had 0.84 after hours. Sound cannot be read off a picture that does not know it.
    """
    short = _run_of(stage_short())
    return (
        replace(
            short,
            name="stage_near",
            init="stage_pictures/mmdit.safetensors",
            trained="near",
            contact_weight=20.0,
            data=(ShardData(folder=SHORT[1].folder, batch_size=24),),
            tasks=TaskConfig(mix=(("t2av", 0.8), *DEFAULT_MIX[4:])),
            sigma=NoiseLevelConfig(kind="logit_normal", mean=-0.7, std=1.3, uniform_share=0.1),
            optim=OptimConfig(lr=2e-3, warmup_steps=20, anneal_fraction=0.4),
            steps=2400,
        ),
    )


def _run_of(parts: tuple[Part, ...]) -> TrainConfig:
    (run,) = parts
    if not isinstance(run, TrainConfig):
        raise TypeError(f"one training run is derived from, got {type(run).__name__}")
    return run


def stage_long() -> tuple[Part, ...]:
    """Third stage: longer clips and all aspect ratios, from the weights of the second."""
    short = _run_of(stage_short())
    others = tuple(ShardData(folder=part.folder, weight=0.1, batch_size=12) for part in LONG[1:5])
    return (
        replace(
            short,
            name="stage_long",
            init="stage_short/mmdit.safetensors",
            data=(
                ShardData(folder=SHORT[1].folder, weight=0.2),
                ShardData(folder=LONG[0].folder, weight=0.3, batch_size=12),
                ShardData(folder=LONG[5].folder, weight=0.1, batch_size=6),
                *others,
            ),
            optim=replace(short.optim, lr=5e-4, warmup_steps=100, anneal_fraction=0.5),
        ),
    )


def stage_mixed() -> tuple[Part, ...]:
    """Second and third stage in one, as the shipped weights had them: every bucket, every task.

    A quarter of the batches are first frames alone: they are cheap, and outlines are learnt there.
    In eight samples of ten the audio is noisier than the video, so that it learns to read it.
    """
    short = _run_of(stage_short())
    others = tuple(ShardData(folder=part.folder, weight=0.025, batch_size=10) for part in LONG[1:5])
    rest = {"t2av": 0.46, "t2v": 0.03, "t2a": 0.03, "t2i": 0.26, "inpaint_fixed": 0.03}
    rest |= {"outpaint": 0.02}
    return (
        replace(
            short,
            name="stage_mixed",
            init="stage_near/mmdit.safetensors",
            contact_weight=8.0,
            data=(
                ShardData(folder=SHORT[1].folder, weight=0.68),
                ShardData(folder=SHORT[0].folder, weight=0.14, batch_size=28),
                ShardData(folder=LONG[0].folder, weight=0.08, batch_size=10),
                *others,
            ),
            tasks=TaskConfig(mix=tuple((name, rest.get(name, x)) for name, x in DEFAULT_MIX)),
            sigma=replace(short.sigma, lag_share=0.8, max_lag=64.0),
            optim=OptimConfig(lr=1.8e-3, warmup_steps=30, anneal_fraction=0.4, ema_decays=(0.998,)),
        ),
    )


def stage_sound() -> tuple[Part, ...]:
    """Last of the shipped model: the audio branch alone learns to read the video of the rest.

    The video stays as good as it was, and a step costs about half.
    """
    mixed = _run_of(stage_mixed())
    given = tuple((name, share) for name, share in DEFAULT_MIX[4:])
    return (
        replace(
            mixed,
            name="stage_sound",
            init="stage_mixed/mmdit.safetensors",
            trained="audio",
            data=(
                ShardData(folder=SHORT[1].folder, weight=0.7, batch_size=24),
                ShardData(folder=SHORT[0].folder, weight=0.2, batch_size=36),
                ShardData(folder=LONG[0].folder, weight=0.1, batch_size=14),
            ),
            tasks=TaskConfig(mix=(("t2av", 0.9), ("t2a", 0.03), *given)),
            optim=replace(mixed.optim, lr=1.5e-3),
        ),
    )


def stage_distilled() -> tuple[Part, ...]:
    """Distil the shipped base for mode ``fast``: 8 evaluations without guidance, every task.

    A sample costs about three times one of the base, so that short clips take most of it: what is
    learnt is how to step, not what things look like. So low-rank changes are enough.
    """
    mixed = _run_of(stage_mixed())
    others = tuple(ShardData(folder=part.folder, weight=0.03, batch_size=6) for part in LONG[1:5])
    return (
        replace(
            mixed,
            name="stage_distilled",
            init="shipped",
            distill=DistillConfig(visited_share=0.25),
            lora=LowRankConfig(rank=16, alpha=16.0),
            data=(
                ShardData(folder=SHORT[0].folder, weight=0.45, batch_size=16),
                ShardData(folder=SHORT[1].folder, weight=0.35, batch_size=8),
                ShardData(folder=LONG[0].folder, weight=0.08, batch_size=6),
                *others,
            ),
            tasks=replace(mixed.tasks, text_dropout=0.0),
            optim=OptimConfig(lr=1.5e-3, warmup_steps=20, anneal_fraction=0.6, ema_decays=(0.99,)),
            truth_weight=0.0,
        ),
    )


def stage() -> tuple[Part, ...]:
    """The shipped model from nothing: latents of pictures, pictures, latents of clips, clips."""
    data = stage_data_short() + stage_data_long()
    runs = stage_near() + stage_mixed() + stage_sound()
    return stage_data_pictures() + stage_pictures() + data + runs


def video_vae() -> tuple[Part, ...]:
    """The shipped video autoencoder: both halves, then the decoder alone."""
    return (VideoVAEPart(),)


def video_decoder() -> tuple[Part, ...]:
    """The decoder of the shipped video autoencoder, trained on; latents stay what they are."""
    return (DECODER_ALONE,)


def audio_vae() -> tuple[Part, ...]:
    """The shipped audio autoencoder: an encoder that is fitted, a decoder that is trained."""
    return (AudioVAEPart(),)


def text_encoder() -> tuple[Part, ...]:
    """The shipped prompt encoder."""
    return (TextEncoderPart(),)


def message_encoder() -> tuple[Part, ...]:
    """The prompt encoder that reads pictures beside words."""
    return (MessageEncoderPart(),)


def schedule_data() -> tuple[Part, ...]:
    """Latents for the whole schedule."""
    return DATA


def ablation_data() -> tuple[Part, ...]:
    """Latents for the ablations, and those they are measured on."""
    return (ABLATION_DATA, HELD_OUT)


def _one(make: Callable[[], TrainConfig]) -> Recipe:
    """A run as a recipe of one part."""
    return lambda: (make(),)


RECIPES: dict[str, Recipe] = {
    "video_vae": video_vae,
    "video_decoder": video_decoder,
    "audio_vae": audio_vae,
    "text_encoder": text_encoder,
    "tiny": tiny,
    "stage": stage,
    "refiner": refiner,
    "refiner_data": refiner_data,
    "refiner_crops": refiner_crops,
    "refiner_whole": refiner_whole,
    "stage_data_pictures": stage_data_pictures,
    "stage_pictures": stage_pictures,
    "stage_data_short": stage_data_short,
    "stage_near": stage_near,
    "stage_short": stage_short,
    "stage_data_long": stage_data_long,
    "stage_long": stage_long,
    "stage_mixed": stage_mixed,
    "stage_sound": stage_sound,
    "stage_data_keyframes": lambda: KEYFRAME_DATA,
    "stage_keyframes": lambda: (keyframes_of(_run_of(stage_mixed())),),
    "stage_data_references": lambda: REFERENCE_DATA,
    "stage_data_heard": lambda: (HEARD,),
    "stage_heard": lambda: (heard_of(_run_of(stage_mixed()), SHORT[1]),),
    "stage_data_world": lambda: LOOKS_DATA,
    "stage_data_shots": lambda: (SHOTS_CLIPS,),
    "stage_shots": lambda: (shots_of(_run_of(stage_mixed())),),
    "stage_data_weather": lambda: WEATHER_DATA,
    "stage_weather": lambda: (weather_of(_run_of(stage_mixed())),),
    "stage_world": lambda: (world_of(_run_of(stage_mixed())),),
    "stage_references": lambda: (references_of(_run_of(stage_mixed())),),
    "stage_distilled": stage_distilled,
    "schedule_data": schedule_data,
    **{f"schedule_{stage.__name__}": _one(stage) for stage in STAGES},
    "message_encoder": message_encoder,
    "spoken_words": lambda: (SpokenWordsPart(),),
    "shot_words": lambda: (ShotWordsPart(),),
    "ablation_data": ablation_data,
    **{f"ablation_{name}": _one(partial(ablation, name)) for name in VARIANTS},
}
"""Every recipe by name."""
