"""The paper's training schedule (sec. 4, Table 1) at the size of the Stage world.

Every stage is the one before it with something replaced. Not given by the paper: steps, rates and
batch sizes; and its sizes in pixels and numbers of clips are not ours. What is kept is the order:
pictures, then silent clips, then the tasks of the mask at 5 % each, other shapes and longer clips,
references; beside it the audio branch alone; then both together; then chosen clips.
"""

from dataclasses import replace

from openreels.models.mmdit import presets
from openreels.stage.reference_tasks import TASKS as LESSON_TASKS
from openreels.stage.world import WorldSettings
from openreels.training.config import (
    ClipConfig,
    CodecPaths,
    OptimConfig,
    PrecomputeConfig,
    ShardData,
    TaskConfig,
    TrainConfig,
)

NUM_TAGS = 10
WORLD = WorldSettings(
    weather_share=0.2,
    style_share=0.2,
    face_share=0.4,
    words_share=0.1,
    subtitle_share=0.05,
    watermark_share=0.05,
    logo_share=0.05,
    cut_share=0.1,
    speech_share=0.25,
    song_share=0.1,
    music_share=0.2,
    ambience_share=0.2,
)
"""The whole world: everything that a prompt may ask for."""


def bucket_of(folder: str, seconds: float, ratio: str, count: int) -> PrecomputeConfig:
    """Latents of clips of the whole world."""
    clip = ClipConfig(duration_s=seconds, aspect_ratio=ratio)
    return PrecomputeConfig(folder=f"data/{folder}", clip=clip, seed=2, count=count, world=WORLD)


PICTURES = replace(
    bucket_of("world-pictures", 1 / 16, "1:1", 24_576), start=10**6, shard_size=1024, batch_size=64
)
CLIPS = (bucket_of("world-1s", 1.0, "1:1", 2048), bucket_of("world-2s", 2.0, "1:1", 12_288))
SHAPES = tuple(
    bucket_of(f"world-2s-{ratio.replace(':', 'x')}", 2.0, ratio, 1024)
    for ratio in ("16:9", "9:16", "4:3", "3:4")
)
LONG = (bucket_of("world-3s", 3.0, "1:1", 2048), bucket_of("world-5s", 5.0, "1:1", 512))
CHOSEN = replace(bucket_of("world-chosen", 3.0, "1:1", 1024), start=2 * 10**6)
"""Clips of the last stages; the paper's are picked by hand, ours are new."""

EDIT_LESSONS = tuple((name, 1.0) for name in LESSON_TASKS if name.startswith("edit "))
IMAGE_LESSONS = tuple(
    (name, 1.0)
    for name in LESSON_TASKS
    if name in ("subjects", "storyboard", "place", "style") or name.startswith("inpaint ")
)
VIDEO_LESSONS = tuple(
    (name, 1.0)
    for name in LESSON_TASKS
    if name in ("images and motion", "subject and expression", "frame and effect")
    or (name.endswith(" by reference") and not name.startswith("inpaint "))
)
SOUND_LESSONS = (("subjects and voices", 2.0), ("music", 1.0), ("ambience", 1.0))


def lessons_of(
    folder: str,
    tasks: tuple[tuple[str, float], ...],
    count: int,
    *,
    world: WorldSettings = WORLD,
) -> PrecomputeConfig:
    """Latents of lessons, square clips of two seconds."""
    bucket = bucket_of(f"lessons-{folder}", 2.0, "1:1", count)
    return replace(bucket, lessons=tasks, world=world)


EDITS = lessons_of("edits", EDIT_LESSONS, 4096)
IMAGE_REFERENCES = lessons_of("images", IMAGE_LESSONS, 4096)
VIDEO_REFERENCES = lessons_of("videos", VIDEO_LESSONS, 4096)
SOUND_REFERENCES = lessons_of("sounds", SOUND_LESSONS, 4096)
DATA = (
    PICTURES, *CLIPS, *SHAPES, *LONG, CHOSEN,
    EDITS, IMAGE_REFERENCES, VIDEO_REFERENCES, SOUND_REFERENCES,
)  # fmt: skip
"""Every bucket of the schedule."""


def _data(*pairs: tuple[PrecomputeConfig, float], batch_size: int = 0) -> tuple[ShardData, ...]:
    return tuple(
        ShardData(folder=bucket.folder, weight=weight, batch_size=batch_size)
        for bucket, weight in pairs
    )


def _after(stage: TrainConfig) -> str:
    return f"{stage.name}/mmdit.safetensors"


def video_1() -> TrainConfig:
    """Pictures from text."""
    return TrainConfig(
        name="video_1",
        model=replace(presets.stage(), num_tags=NUM_TAGS),
        codecs=CodecPaths(),
        data=_data((PICTURES, 1.0)),
        tasks=TaskConfig(mix=(("t2i", 1.0),), sound=False),
        optim=OptimConfig(lr=2e-3, warmup_steps=50),
        batch_size=24,
        steps=3000,
    )


def video_2() -> TrainConfig:
    """Pictures and silent clips from text."""
    before = video_1()
    return replace(
        before,
        name="video_2",
        init=_after(before),
        data=_data((CLIPS[0], 0.2), (CLIPS[1], 0.8)),
        tasks=replace(before.tasks, mix=(("t2i", 0.3), ("t2v", 0.7))),
        batch_size=16,
        steps=6000,
    )


def video_3() -> TrainConfig:
    """As before, and inpainted pictures, first frames, extensions, edits: 5 % each."""
    before = video_2()
    mix = (
        ("t2i", 0.25),
        ("t2v", 0.45),
        ("inpaint_image", 0.05),
        ("first", 0.03),
        ("last", 0.01),
        ("first_last", 0.01),
        ("keyframes", 0.02),
        ("extend", 0.04),
        ("extend_before", 0.01),
        ("inpaint_fixed", 0.02),
        ("inpaint_moving", 0.02),
        ("outpaint", 0.01),
    )
    return replace(
        before,
        name="video_3",
        init=_after(before),
        data=_data((CLIPS[0], 0.15), (CLIPS[1], 0.8), (EDITS, 0.05)),
        tasks=replace(before.tasks, mix=mix),
        steps=6000,
    )


def video_4() -> TrainConfig:
    """The same tasks in every shape."""
    before = video_3()
    return replace(
        before,
        name="video_4",
        init=_after(before),
        data=_data((CLIPS[1], 0.55), *((bucket, 0.1) for bucket in SHAPES), (EDITS, 0.05)),
        steps=3000,
    )


def video_5() -> TrainConfig:
    """The same tasks, longer."""
    before = video_4()
    long = _data((LONG[0], 0.4), (LONG[1], 0.15), batch_size=8)
    return replace(
        before,
        name="video_5",
        init=_after(before),
        data=(*_data((CLIPS[1], 0.4), (EDITS, 0.05)), *long),
        optim=replace(before.optim, lr=1e-3),
        steps=3000,
    )


def video_6() -> TrainConfig:
    """References: pictures 20 %, clips 20 %, text alone 60 %."""
    before = video_5()
    return replace(
        before,
        name="video_6",
        init=_after(before),
        data=_data(
            (CLIPS[1], 0.4), (LONG[0], 0.2), (IMAGE_REFERENCES, 0.2), (VIDEO_REFERENCES, 0.2)
        ),
        tasks=replace(before.tasks, mix=(("t2v", 1.0),)),
        batch_size=8,
        steps=4000,
    )


def audio() -> TrainConfig:
    """The audio branch alone, mostly speech, of all lengths."""
    before = video_1()
    return replace(
        before,
        name="audio",
        data=_data((CLIPS[0], 0.2), (CLIPS[1], 0.4), (LONG[0], 0.3), (LONG[1], 0.1)),
        tasks=TaskConfig(mix=(("t2a", 1.0),)),
        batch_size=24,
        steps=6000,
    )


def joint() -> TrainConfig:
    """Both branches: silent clips, clips with sound, sound alone."""
    before, heard = video_6(), audio()
    return replace(
        before,
        name="joint",
        init=_after(before),
        init_audio=_after(heard),
        data=_data((CLIPS[1], 0.6), (LONG[0], 0.3), (LONG[1], 0.1)),
        tasks=TaskConfig(mix=(("t2v", 0.2), ("t2av", 0.6), ("t2a", 0.2))),
        steps=6000,
    )


def sft_1() -> TrainConfig:
    """Clips with sound, and 20 % with references of pictures, clips and sounds."""
    before = joint()
    references = _data(
        (IMAGE_REFERENCES, 0.06), (VIDEO_REFERENCES, 0.06), (SOUND_REFERENCES, 0.06), (EDITS, 0.02)
    )
    return replace(
        before,
        name="sft_1",
        init=_after(before),
        init_audio=None,
        data=(*_data((CLIPS[1], 0.4), (LONG[0], 0.4)), *references),
        tasks=TaskConfig(mix=(("t2av", 1.0),)),
        optim=replace(before.optim, lr=5e-4, anneal_fraction=0.5),
        steps=4000,
    )


def sft_2() -> TrainConfig:
    """The same on chosen clips."""
    before = sft_1()
    references = tuple(data for data in before.data if "lessons" in data_folder(data))
    return replace(
        before,
        name="sft_2",
        init=_after(before),
        data=(*_data((CHOSEN, 0.8)), *references),
        optim=replace(before.optim, lr=2e-4),
        steps=2000,
    )


def data_folder(data: object) -> str:
    """Folder of a bucket of shards; empty for scenes made on the fly."""
    return data.folder if isinstance(data, ShardData) else ""


STAGES = (video_1, video_2, video_3, video_4, video_5, video_6, audio, joint, sft_1, sft_2)
"""The stages in order; ``audio`` needs none of those before it."""
