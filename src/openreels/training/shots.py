"""Several shots from words: latents and run by which the base learns to cut. Ours.

Not given by the paper, whose base learns everything at once (``training.schedule``). What the run
of the whole world (``training.whole_world``) did of cuts was to let one place melt into the other.
"""

from dataclasses import replace

from openreels.nn.low_rank import LowRankConfig
from openreels.training.config import ShardData, TrainConfig
from openreels.training.references import ENDS
from openreels.training.shot_truth import NUM_SHOT_TRUTHS
from openreels.training.start import SEEN_TRUTHS
from openreels.training.truth import NUM_CELL_TRUTHS
from openreels.training.whole_world import (
    LOOKS_CLIPS,
    LOOKS_PICTURES,
    LOOKS_WORLD,
    own_buckets,
    world_of,
)

SHOTS_WORLD = replace(LOOKS_WORLD, cut_share=1.0)
SHOTS_CLIPS = replace(
    LOOKS_CLIPS, folder="data/shots-2s", start=270 * 10**6, count=8192, world=SHOTS_WORLD
)
"""Clips of the whole world with one or two cuts each."""
PROMPT_SHIFT = 3.0
"""Shift of the noise levels of this run: what a prompt says of a whole picture is decided where
there is little but noise."""


def shots_of(mixed: TrainConfig) -> TrainConfig:
    """Hard cuts from words, as low-rank changes of the base in the place of those for the world.

    The prompt encoder has its changes for the words of shots (``training.shot_words``), the video
    tokens tell in which shot they are (``training.shot_truth``), and errors count more where one
    begins. Captions are structured ones in the main, which alone tell when that is.

    Args:
        mixed: The run that the base had.

    Returns:
        A run from the shipped base with the changes for the world.
    """
    world = world_of(mixed)
    return replace(
        world,
        name="stage_shots",
        init_lora="stage_world/lora.safetensors",
        model=replace(mixed.model, video_truths=NUM_CELL_TRUTHS + NUM_SHOT_TRUTHS),
        lora=LowRankConfig(rank=48, alpha=48.0, layers=("video.",), whole=ENDS + SEEN_TRUTHS),
        data=(
            ShardData(folder=SHOTS_CLIPS.folder, weight=0.46, batch_size=16),
            ShardData(folder=LOOKS_CLIPS.folder, weight=0.22, batch_size=16),
            ShardData(folder=LOOKS_PICTURES.folder, weight=0.08, batch_size=20),
            *own_buckets(mixed, 0.24),
        ),
        tasks=replace(world.tasks, structured_share=0.7),
        codecs=replace(mixed.codecs, shot_words="shipped"),
        sigma=replace(mixed.sigma, shift=PROMPT_SHIFT),
        change_weight=4.0,
        truth_weight=1.0,
        optim=replace(world.optim, lr=1.6e-3),
    )
