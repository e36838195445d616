"""References and edits by instruction: latents and run by which the shipped base learns them. Ours.

Not given by the paper, whose references come with the whole world (``training.schedule``).
"""

from dataclasses import replace

from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.low_rank import NAMES
from openreels.stage.world import WorldSettings
from openreels.training.config import PrecomputeConfig, ShardData, TrainConfig
from openreels.training.schedule import NUM_TAGS, PICTURES, lessons_of

PLAIN_EDIT_KINDS = (
    *("colour", "material", "shape", "size", "add", "remove"),
    *("place", "time of day", "camera"),
)


def _pictures(lessons: PrecomputeConfig, folder: str, count: int) -> PrecomputeConfig:
    """Lessons of single frames, of other scenes and without what only a clip shows."""
    return replace(
        lessons,
        folder=f"data/lessons-{folder}",
        clip=PICTURES.clip,
        lessons=tuple(pair for pair in lessons.lessons if pair[0] != "edit camera"),
        start=10**6,
        count=count,
        shard_size=1024,
        batch_size=64,
    )


PLAIN_EDITS = lessons_of(
    "plain-edits",
    tuple((f"edit {what}", 1.0) for what in PLAIN_EDIT_KINDS),
    3072,
    world=WorldSettings(),
)
PLAIN_IMAGE_LESSONS = (
    ("subjects", 3.0),
    ("place", 1.0),
    ("inpaint subject by reference", 1.0),
    ("inpaint background by reference", 1.0),
)
PLAIN_IMAGES = lessons_of("plain-images", PLAIN_IMAGE_LESSONS, 3072, world=WorldSettings())
"""What the shipped base can learn first: of the world that it knows, without weather, styles, faces
and overlays."""
PLAIN_EDITED_PICTURES = _pictures(PLAIN_EDITS, "plain-edited-pictures", 16_384)
PLAIN_PICTURES = _pictures(PLAIN_IMAGES, "plain-pictures", 6144)
"""The same of single frames, which cost a ninth: what an instruction asks for is learnt there."""
LOOK_LESSONS = (
    ("edit style", 2.0),
    ("edit weather", 2.0),
    ("edit overlay", 1.0),
    ("style", 1.0),
    ("style by reference", 1.0),
    ("replace by reference", 1.0),
    ("add by reference", 1.0),
)
LOOKS = lessons_of(
    "looks",
    (*LOOK_LESSONS, ("edit camera", 1.0), ("motion by reference", 1.0), ("images and motion", 1.0)),
    1024,
    world=WorldSettings(),
)
"""What lies beside that world: plain scenes that are given a style or a weather."""
LOOK_PICTURES = _pictures(
    replace(
        LOOKS,
        lessons=(
            *LOOK_LESSONS,
            ("edit expression", 1.0),
            ("background by reference", 1.0),
            ("edit colour", 1.0),
            ("edit shape", 0.5),
        ),
    ),
    "look-pictures",
    6144,
)
CHANGES = replace(
    LOOK_PICTURES,
    folder="data/lessons-change-pictures",
    lessons=(
        ("edit style", 3.0),
        ("edit weather", 3.0),
        ("style by reference", 2.0),
        ("edit colour", 1.0),
        ("edit material", 1.0),
        ("style", 0.5),
    ),
    start=5 * 10**6,
    count=16_384,
)
"""What is learnt slowest: every look needs thousands of pictures of its own."""
THINGS = replace(
    CHANGES,
    folder="data/lessons-thing-pictures",
    lessons=(
        ("edit remove", 3.0),
        ("edit add", 3.0),
        ("edit size", 1.5),
        ("edit shape", 1.0),
        ("edit overlay", 1.0),
        ("replace by reference", 2.0),
        ("add by reference", 1.0),
        ("inpaint subject by reference", 2.0),
    ),
    start=11 * 10**6,
)
"""The same of what comes, goes, or becomes another thing."""
SUBJECTS = replace(
    CHANGES,
    folder="data/lessons-subject-pictures",
    lessons=(
        ("subjects", 5.0),
        ("edit remove", 2.0),
        ("edit add", 1.0),
        ("inpaint subject by reference", 1.0),
    ),
    start=20 * 10**6,
    count=8192,
)
"""The same of things that pictures show from several sides."""
MOTIONS = replace(
    lessons_of(
        "motions",
        (("images and motion", 2.0), ("motion by reference", 1.0)),
        3840,
        world=WorldSettings(),
    ),
    start=25 * 10**6,
)
"""Movements that a clip shows, which the prompt encoder reads too."""
LOOK_CLIPS = replace(
    lessons_of(
        "look-clips",
        (
            ("edit style", 3.0),
            ("edit weather", 3.0),
            ("style by reference", 2.0),
            ("edit colour", 1.0),
            ("edit remove", 1.0),
        ),
        2048,
        world=WorldSettings(),
    ),
    start=70 * 10**6,
)
"""What changes the whole picture, in clips: all latents but the first hold four frames, and a look
that single frames have taught is faint in them."""
SUBJECT_CLIPS = replace(
    LOOK_CLIPS,
    folder="data/lessons-subject-clips",
    lessons=(("subjects", 4.0), ("images and motion", 1.0)),
    start=90 * 10**6,
)
"""Things that pictures show, where they move: in single frames they have their shapes sooner."""
FAINT_CLIPS = replace(
    LOOK_CLIPS,
    folder="data/lessons-faint-clips",
    lessons=(("edit style", 3.0), ("edit weather", 3.5), ("style by reference", 2.5)),
    looks=("mosaic", "rain"),
    start=170 * 10**6,
)
"""Bricks and rain again, of which latents show the least."""
FAINT_PICTURES = replace(
    CHANGES,
    folder="data/lessons-faint-pictures",
    lessons=FAINT_CLIPS.lessons,
    looks=FAINT_CLIPS.looks,
    start=140 * 10**6,
    count=4096,
)
"""The same of single frames."""
THING_CLIPS = replace(
    LOOK_CLIPS,
    folder="data/lessons-thing-clips",
    lessons=(
        ("subjects", 4.0),
        ("images and motion", 1.5),
        ("motion by reference", 1.0),
        ("edit add", 0.6),
        ("edit size", 0.6),
        ("replace by reference", 0.5),
        ("inpaint subject by reference", 0.5),
    ),
    start=190 * 10**6,
    count=2560,
)
"""Subjects in clips again, with what becomes of things in clips that are given."""
MOVE_CLIPS = replace(
    LOOK_CLIPS,
    folder="data/lessons-move-clips",
    lessons=(
        ("edit camera", 2.5),
        ("edit shape", 2.0),
        ("motion by reference", 2.5),
        ("images and motion", 2.5),
        ("edit material", 0.5),
    ),
    start=210 * 10**6,
    count=2560,
)
"""Cameras and paths, which single frames cannot show: a run without them takes an edit of the
camera for one of the weather."""
_BUCKETS = (
    (PLAIN_EDITED_PICTURES, 0.03, 44),
    (LOOK_PICTURES, 0.01, 44),
    (CHANGES, 0.19, 44),
    (FAINT_PICTURES, 0.03, 44),
    (THINGS, 0.19, 44),
    (SUBJECTS, 0.04, 40),
    (PLAIN_PICTURES, 0.01, 40),
    (PLAIN_EDITS, 0.02, 12),
    (PLAIN_IMAGES, 0.01, 12),
    (LOOKS, 0.01, 12),
    (LOOK_CLIPS, 0.12, 12),
    (FAINT_CLIPS, 0.04, 12),
    (SUBJECT_CLIPS, 0.07, 14),
    (THING_CLIPS, 0.16, 14),
    (MOVE_CLIPS, 0.06, 12),
    (MOTIONS, 0.01, 10),
)
"""Each with its share of the batches and its samples a batch."""
REFERENCE_DATA = tuple(bucket for bucket, _, _ in _BUCKETS)
"""Every bucket of the run."""

ENDS = tuple(
    f"video.{layer}.{part}"
    for layer in ("token_in", "near.first", "head.out")
    for part in ("weight", "bias")
)
"""Where latents enter and leave the network: too small for low-rank changes, or not linear."""


def references_of(mixed: TrainConfig) -> TrainConfig:
    """References and edits by instruction as low-rank changes of the shipped base. Ours.

    The base stays as it is, so all of the time goes to what it cannot do yet. Only the video branch
    changes: sound is read off the picture. References are known by their latents, by the names on
    their tokens and by what the prompt encoder reads of them. Most instructions are learnt from
    single frames.

    Args:
        mixed: The run that the base had.

    Returns:
        A run from the shipped base: edits and pictures of the world that it knows, and of looks
        that it does not.
    """
    return replace(
        mixed,
        name="stage_references",
        model=replace(mixed.model, num_tags=NUM_TAGS),
        init="shipped",
        lora=LowRankConfig(rank=48, alpha=48.0, layers=("video.",), whole=(NAMES, *ENDS)),
        data=tuple(
            ShardData(folder=bucket.folder, weight=weight, batch_size=size)
            for bucket, weight, size in _BUCKETS
        ),
        tasks=replace(
            mixed.tasks,
            text_dropout=0.12,
            reference_dropout=0.02,
            silent_lessons=0.8,
            strange_words=0.35,
        ),
        optim=replace(mixed.optim, lr=1.2e-3, anneal_fraction=0.6, ema_decays=(0.99,)),
        sigma=replace(mixed.sigma, lag_share=0.75, max_lag=48.0),
        contact_weight=5.0,
        change_weight=5.0,
    )
