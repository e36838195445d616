"""The ear of the base: latents and run by which the audio branch learns voices and music. Ours.

Not given by the paper, whose audio branch learns everything alone before both are put together.
The shipped base was trained on a world in which nobody speaks and nothing plays.
"""

from dataclasses import replace

from openreels.nn.low_rank import LowRankConfig
from openreels.stage.world import WorldSettings
from openreels.training.config import PrecomputeConfig, ShardData, TrainConfig
from openreels.training.schedule import bucket_of
from openreels.training.start import HEARD_TRUTHS
from openreels.training.truth import NUM_ONSET_TRUTHS
from openreels.training.voice_truth import NUM_VOICE_TRUTHS

HEARD_WORLD = WorldSettings(
    speech_share=0.65,
    song_share=0.3,
    music_share=0.25,
    ambience_share=0.2,
    actor_odds=(0.6, 0.3, 0.1),
)
"""Voices, songs, music and ambience; of looks nothing but the faces of those who speak."""
HEARD = replace(bucket_of("heard-2s", 2.0, "1:1", 4096), start=330 * 10**6, world=HEARD_WORLD)
"""Its clips; most of them are heard alone."""
ENDS = tuple(
    f"audio.{layer}.{part}" for layer in ("token_in", "head.out") for part in ("weight", "bias")
)
"""Where latents enter and leave the branch: too small for low-rank changes."""
PROMPT_SHIFT = 8.0
"""Shift of the noise levels of this run. Given another scene's prompt, the loss on voices is a
quarter higher at a noise level of 0.95, and a tenth at 0.7: prompts decide at high noise."""


def heard_of(mixed: TrainConfig, short: PrecomputeConfig) -> TrainConfig:
    """Voices, songs and music from words, as low-rank changes of the base.

    Most is learnt from sound alone, at a tenth of the cost of a clip. Captions are structured ones
    in the main, which alone tell when a line begins, whose voice it is, and its notes. Noise levels
    are high, the tokens tell what is said (``training.voice_truth``), and the prompt encoder has
    its changes for words that are said (``training.spoken_words``). Impacts stay in it from clips
    of the first world; the video branch stays as it is.

    Args:
        mixed: The run that the base had.
        short: Its clips of two seconds.

    Returns:
        A run from the shipped base.
    """
    return replace(
        mixed,
        name="stage_heard",
        init="shipped",
        model=replace(mixed.model, audio_truths=NUM_ONSET_TRUTHS + NUM_VOICE_TRUTHS),
        lora=LowRankConfig(rank=64, alpha=64.0, layers=("audio.",), whole=ENDS + HEARD_TRUTHS),
        data=(
            ShardData(folder=HEARD.folder, weight=0.85, batch_size=16),
            ShardData(folder=short.folder, weight=0.15, batch_size=16),
        ),
        tasks=replace(
            mixed.tasks,
            mix=(("t2a", 0.94), ("t2av", 0.06)),
            sounds_factor=4,
            short_share=0.1,
            structured_share=0.9,
            silent_lessons=0.0,
        ),
        codecs=replace(mixed.codecs, spoken_words="shipped"),
        sigma=replace(mixed.sigma, shift=PROMPT_SHIFT),
        truth_weight=1.0,
        contact_weight=8.0,
        optim=replace(
            mixed.optim, lr=2e-3, warmup_steps=20, anneal_fraction=0.5, ema_decays=(0.99,)
        ),
    )
