"""The networks around the transformer as parts of recipes: each trains in a folder and exports.

The video autoencoder takes two phases: both halves, after which the encoder is final, then the
decoder alone. The shipped one took the first phase in four legs, each from the weights of the last
(``VideoVAEPart.start``), and the second from those. The audio encoder is fitted in closed form, so
its decoder is all that is trained. The other defaults are the settings of the shipped weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from openreels.core.arrays import Pixels
from openreels.core.seeding import derive_seed
from openreels.core.shapes import ClipShape
from openreels.models.video_vae import presets
from openreels.models.video_vae.config import VideoVAEConfig
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.shots import SHOT_WORDS_FILE
from openreels.pipelines.voiced import WORDS_FILE
from openreels.training.audio_vae import STATE_NAME, AudioVAERecipe, export_audio_vae
from openreels.training.audio_vae import train_audio_vae as train_audio
from openreels.training.message_encoder import MessageRecipe, MessageTrainer
from openreels.training.shot_words import ShotWordsRecipe, ShotWordsTrainer
from openreels.training.spoken_words import SpokenWordsRecipe, SpokenWordsTrainer
from openreels.training.text_encoder import (
    TextRecipe,
    export_text_encoder,
    run_trainer,
    train_text_encoder,
)
from openreels.training.told_words import export_told_words
from openreels.training.video_vae import (
    STATE_FILE,
    VideoVAERecipe,
    VideoVAETrainer,
    freeze,
    train_video_vae,
)
from openreels.training.video_vae_clips import ClipPools, stage_buckets, stage_clips, texture_clips
from openreels.training.video_vae_start import start_from_components, start_from_weights
from openreels.training.watch import Watch
from openreels.weights.checkpoint import (
    load_network,
    read_network_header,
    save_network,
    shipped_path,
)

Limit: TypeAlias = float | None

_JOINT = VideoVAERecipe(num_steps=7500, learning_rate=2e-3, square_weight=30.0, latent_noise=0.03)
_DECODER = VideoVAERecipe(
    num_steps=2000, learning_rate=2e-3, freeze_encoder=True, latent_penalty=0.0, seed=1
)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoVAEPart:
    """Training of the video autoencoder; all numbers are ours."""

    name: str = "video_vae"
    """Of the run and its folder."""
    network: VideoVAEConfig = field(default_factory=presets.stage)
    """Sizes."""
    joint: VideoVAERecipe | None = _JOINT
    """First phase; None has none: the encoder of ``start`` is final, latents stay what they are."""
    decoder: VideoVAERecipe = _DECODER
    """Second phase; must freeze the encoder."""
    joint_share: float = 0.6
    """Share of a time limit that goes to the first phase, in (0, 1)."""
    world: int = 11
    """Seed of the clips; the second phase sees the next world."""
    start: str | None = None
    """Weights to start from, of an autoencoder of the same widths and at most as many blocks (of
    the same size for the second phase alone); ``shipped`` are those of the package; None fits the
    linear paths to clips."""
    start_clips: int = 192
    """Clips to which the linear paths are fitted first, and to which latents are normalised."""

    def __post_init__(self) -> None:
        both = self.joint is not None and self.joint.freeze_encoder
        if both or not self.decoder.freeze_encoder:
            raise ValueError("joint must train the encoder and decoder must freeze it; set both")
        if self.joint is None and self.start is None:
            raise ValueError("a decoder alone must have an encoder, got no start; name weights")
        if not 0 < self.joint_share < 1:
            raise ValueError(f"joint_share must lie between 0 and 1, got {self.joint_share:g}")


DECODER_ALONE = VideoVAEPart(
    name="video_decoder",
    joint=None,
    start="shipped",
    world=31,
    decoder=replace(
        _DECODER,
        num_steps=9000,
        learning_rate=1.2e-3,
        square_weight=30.0,
        latent_noise=0.03,
        seed=31,
    ),
)
"""The second phase again, from the weights of the package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioVAEPart:
    """Training of the audio autoencoder."""

    name: str = "audio_vae"
    """Of the run and its folder."""
    recipe: AudioVAERecipe = field(default_factory=lambda: AudioVAERecipe(rate=2e-3))
    """How."""
    measured_clips: int = 24
    """Clips of each kind that the exported weights are measured with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEncoderPart:
    """Training of the prompt encoder."""

    name: str = "text_encoder"
    """Of the run and its folder."""
    recipe: TextRecipe = field(
        default_factory=lambda: TextRecipe(
            num_steps=2450, num_scenes=24, learning_rate=8e-3, save_every=50
        )
    )
    """How."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageEncoderPart:
    """Training of what the prompt encoder reads beside words."""

    name: str = "message_encoder"
    """Of the run and its folder."""
    recipe: MessageRecipe = field(default_factory=MessageRecipe)
    """How."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenWordsPart:
    """Training of the changes by which the prompt encoder reads words that are said."""

    name: str = "spoken_words"
    """Of the run and its folder."""
    recipe: SpokenWordsRecipe = field(default_factory=SpokenWordsRecipe)
    """How."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShotWordsPart:
    """Training of the changes by which the prompt encoder reads what a shot shows, and when."""

    name: str = "shot_words"
    """Of the run and its folder."""
    recipe: ShotWordsRecipe = field(default_factory=ShotWordsRecipe)
    """How."""


Companion: TypeAlias = (
    VideoVAEPart
    | AudioVAEPart
    | TextEncoderPart
    | MessageEncoderPart
    | SpokenWordsPart
    | ShotWordsPart
)
"""Training of one network around the transformer."""


def train_companion(
    part: Companion, out: Path, *, time_limit_s: Limit, resume: bool, watch: Watch
) -> bool:
    """Train a network around the transformer and export it, going on where an earlier call stopped.

    The weights are ``out/NAME/NAME_OF_NETWORK.safetensors``, beside the state and the log.

    Args:
        part: What to train.
        out: Folder of the recipe.
        time_limit_s: Seconds for this call; None for no limit.
        resume: False starts anew.
        watch: Told of every step; True saves and ends.

    Returns:
        Whether it came to its end or its time limit; False when ``watch`` ended it.
    """
    folder = out / part.name
    if not resume:
        for old in [*folder.rglob("*.safetensors"), *folder.rglob("log.jsonl")]:
            old.unlink()
    asked = _Asked(watch)
    if isinstance(part, VideoVAEPart):
        _train_video(part, folder, time_limit_s, asked)
    elif isinstance(part, AudioVAEPart):
        train_audio(part.recipe, folder, time_limit_s=time_limit_s, watch=asked)
        target = folder / "audio_vae.safetensors"
        export_audio_vae(folder / STATE_NAME, target, clips=part.measured_clips)
    elif isinstance(part, MessageEncoderPart):
        limit = float("inf") if time_limit_s is None else time_limit_s
        trainer = MessageTrainer(part.recipe)
        run_trainer(trainer, folder, time_limit_s=limit, watch=asked)
        export_text_encoder(trainer, folder / "text_encoder.safetensors", story={})
    elif isinstance(part, SpokenWordsPart | ShotWordsPart):
        limit = float("inf") if time_limit_s is None else time_limit_s
        if isinstance(part, SpokenWordsPart):
            told = SpokenWordsTrainer(part.recipe)
        else:
            told = ShotWordsTrainer(part.recipe)
        run_trainer(told, folder, time_limit_s=limit, watch=asked)
        export_told_words(told, weights_of(part, out), name=part.name)
    else:
        limit = float("inf") if time_limit_s is None else time_limit_s
        trainer = train_text_encoder(folder, part.recipe, time_limit_s=limit, watch=asked)
        export_text_encoder(trainer, folder / "text_encoder.safetensors", story={})
    return not asked.ended


class _Asked:
    """A watch that remembers that it ended a training."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.ended = False

    def __call__(self, done: int, total: int, values: Mapping[str, float]) -> bool:
        self.ended = self._watch(done, total, values) or self.ended
        return self.ended


def _train_video(part: VideoVAEPart, folder: Path, limit: Limit, asked: _Asked) -> None:
    target, rest = folder / "video_vae.safetensors", limit
    start = _given(part)
    if part.joint is None and start is not None and not target.is_file():
        _save_video(
            load_network(start, kind=VideoVAE), target, {"recipe": part.name, "joint_steps": 0}
        )
    elif part.joint is not None and not target.is_file():
        total = part.joint.num_steps + part.decoder.num_steps
        joint_state = folder / "joint" / STATE_FILE

        def first(done: int, _: int, values: Mapping[str, float]) -> bool:
            return asked(done, total, values)

        share = None if limit is None else limit * part.joint_share
        rest = None if limit is None or share is None else limit - share
        vae = _new_video(part, part.joint.seed, joint_state)
        trainer = VideoVAETrainer(vae, part.joint)
        clips = ClipPools(stage_buckets(part.world), seed=part.world)
        vae = train_video_vae(trainer, clips, folder / "joint", time_limit_s=share, watch=first)
        if asked.ended:
            return
        freeze(vae, _to_normalise(part))
        _save_video(vae, target, {"recipe": part.name, "joint_steps": trainer.step})
    story = read_network_header(target).metadata
    begun = int(story["joint_steps"])

    def second(done: int, _: int, values: Mapping[str, float]) -> bool:
        return asked(begun + done, begun + part.decoder.num_steps, values)

    trainer = VideoVAETrainer(load_network(target, kind=VideoVAE), part.decoder)
    clips = ClipPools(stage_buckets(part.world + 1), seed=part.world + 1)
    vae = train_video_vae(trainer, clips, folder / "decoder", time_limit_s=rest, watch=second)
    _save_video(vae, target, story | {"decoder_steps": trainer.step})


def _save_video(vae: VideoVAE, target: Path, story: Mapping[str, object]) -> None:
    save_network(target, vae, dtype=torch.float16, metadata=story)


def _given(part: VideoVAEPart) -> str | Path | None:
    return shipped_path("video_vae") if part.start == "shipped" else part.start


def _new_video(part: VideoVAEPart, seed: int, state: Path) -> VideoVAE:
    """An autoencoder with the start of its part; a saved state needs none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        vae = VideoVAE(part.network)
    if state.is_file():
        return vae
    given = _given(part)
    if given is None:
        start_from_components(vae, _to_start(part))
    else:
        start_from_weights(vae, given)
    return vae


def _to_start(part: VideoVAEPart) -> Pixels:
    """Clips of the world at 64 px, some textures, and cuts of a few clips at 256 px."""
    small, large = (ClipShape(num_frames=17, height=side, width=side) for side in (64, 256))
    stage, texture = stage_clips(part.world), texture_clips(part.world)
    count, begin = part.start_clips, 10**6
    big = stage(range(begin, begin + -(-count // 16)), large)
    cuts = [big[..., y : y + 64, x : x + 64] for y in (0, 96, 192) for x in (0, 96, 192)]
    numbers = range(begin, begin + count), range(begin, begin + -(-count // 12))
    return torch.cat([stage(numbers[0], small), texture(numbers[1], small), *cuts])


def _to_normalise(part: VideoVAEPart) -> list[Tensor]:
    """Clips of the world in three shapes."""
    stage, begin = stage_clips(part.world), 2 * 10**6
    sizes = ((64, 64, 1), (64, 112, 6), (112, 64, 6))
    return [
        stage(
            range(begin, begin + max(1, part.start_clips // share)),
            ClipShape(num_frames=33, height=height, width=width),
        )
        for height, width, share in sizes
    ]


def weights_of(part: Companion, out: Path) -> Path:
    """The weights file that a part writes."""
    file = {
        VideoVAEPart: "video_vae.safetensors",
        AudioVAEPart: "audio_vae.safetensors",
        TextEncoderPart: "text_encoder.safetensors",
        MessageEncoderPart: "text_encoder.safetensors",
        SpokenWordsPart: WORDS_FILE,
        ShotWordsPart: SHOT_WORDS_FILE,
    }[type(part)]
    return out / part.name / file
