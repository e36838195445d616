"""What a training run is: its data, its mixture of tasks, its optimiser; all frozen records.

The paper gives the schedule of tasks and data (Table 1) and the objective (eq. 6). Not given by the
paper: optimiser, learning rate, noise levels, condition dropout, averages. The defaults are ours.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from openreels.conditioning.tasks import TASKS
from openreels.core.products import Products
from openreels.core.shapes import BASE_FPS, ClipShape, frames_of_seconds, size_for
from openreels.diffusion.noise_levels import NoiseLevelConfig
from openreels.models.mmdit.config import MMDiTConfig
from openreels.nn.low_rank import LowRankConfig
from openreels.stage.reference_tasks import TASKS as LESSONS
from openreels.stage.scene import STYLES, WEATHERS
from openreels.stage.world import WorldSettings
from openreels.training.codecs import CodecPaths
from openreels.training.distill_config import DistillConfig
from openreels.training.refiner_config import RefinerConfig

Trained: TypeAlias = Literal["all", "near", "audio"]
"""Parts of the network that a run may train."""

DEFAULT_MIX: tuple[tuple[str, float], ...] = (
    ("t2av", 0.65),
    ("t2v", 0.07),
    ("t2a", 0.04),
    ("t2i", 0.04),
    ("first", 0.04),
    ("last", 0.02),
    ("first_last", 0.02),
    ("keyframes", 0.03),
    ("extend", 0.03),
    ("extend_before", 0.01),
    ("inpaint_fixed", 0.02),
    ("inpaint_moving", 0.02),
    ("outpaint", 0.01),
)
"""Shares of the tasks. Not given by the paper for this mixture: ours, close to the 5 % a task of
its stage 3."""


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value:g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipConfig:
    """The clips of one bucket: all of one shape."""

    duration_s: float = 2.0
    """Length in seconds, in [1, 15]."""
    aspect_ratio: str = "1:1"
    """Width to height, one of ``core.shapes.ASPECT_RATIOS``."""
    short_side: int = 64
    """Shorter side in pixels; a multiple of 16."""

    @property
    def shape(self) -> ClipShape:
        """Frames, height and width."""
        height, width = size_for(self.aspect_ratio, self.short_side)
        frames = frames_of_seconds(self.duration_s)
        return ClipShape(num_frames=frames, height=height, width=width, fps=BASE_FPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrecomputeConfig:
    """Scenes of the Stage world turned into latents on disk, one folder a bucket."""

    folder: str
    """Where the shards go; a relative path is taken from the run's folder."""
    clip: ClipConfig = ClipConfig()
    """Shape of the clips."""
    seed: int = 0
    """World of the scenes."""
    start: int = 0
    """Index of the first scene."""
    count: int = 16_384
    """Number of scenes."""
    shard_size: int = 256
    """Scenes a file: what an interruption can cost."""
    batch_size: int = 16
    """Scenes rendered and encoded at once; changes nothing in the result beyond rounding."""
    codecs: CodecPaths = field(default_factory=CodecPaths)
    """Autoencoders; the prompt encoder is not used here."""
    lessons: tuple[tuple[str, float], ...] = ()
    """Tasks of ``stage.reference_tasks`` and their shares: the bucket holds examples of these with
    their references and sources. Empty for plain scenes."""
    looks: tuple[str, ...] = ()
    """Styles and weathers to which lessons that change one come; empty for all of them."""
    keyframes: bool = False
    """Whether latents of high-resolution keyframes (``conditioning.keyframes``) are kept beside
    those of the clips, four times finer and at twice the rate as a refiner makes them."""
    world: WorldSettings = field(default_factory=WorldSettings)
    """What scenes the world holds."""
    products: Products = "auto"
    """Precision of the video encoder's products. ``auto`` is bf16 where the processor has
    instructions for it: twice as fast, and latents off by 0.004 of their standard deviation."""

    def __post_init__(self) -> None:
        for name in ("count", "shard_size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.start < 0:
            raise ValueError(f"start must be at least 0, got {self.start}")
        if self.keyframes and (self.lessons or self.clip.shape.num_frames == 1):
            raise ValueError(
                "keyframes stand beside clips of plain scenes, got lessons or pictures; leave "
                "keyframes out"
            )
        known = (*STYLES, *WEATHERS)
        if unknown := [look for look in self.looks if look not in known]:
            raise ValueError(f"looks must be of {', '.join(known)}, got {unknown[0]!r}; correct it")
        for name, share in self.lessons:
            if name not in LESSONS or share <= 0:
                raise ValueError(
                    f"lessons must be tasks of {', '.join(LESSONS)} with positive shares, got "
                    f"{name!r} with {share:g}; correct it"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardData:
    """A bucket of precomputed latents."""

    folder: str
    """Folder of shards; a relative path is taken from the run's folder."""
    weight: float = 1.0
    """Share of the batches, relative to the other buckets."""
    batch_size: int = 0
    """Samples a batch from this bucket; 0 for the run's ``batch_size``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageData:
    """A bucket of scenes rendered and encoded when they are asked for."""

    count: int = 1
    """Number of scenes, kept in memory once encoded."""
    clip: ClipConfig = ClipConfig()
    """Shape of the clips."""
    seed: int = 0
    """World of the scenes."""
    start: int = 0
    """Index of the first scene."""
    weight: float = 1.0
    """Share of the batches, relative to the other buckets."""
    batch_size: int = 0
    """Samples a batch from this bucket; 0 for the run's ``batch_size``."""


NOISE_LEVELS = NoiseLevelConfig(kind="logit_normal", uniform_share=0.1)
"""More of the middle than the paper's uniform draw (eq. 6), and a share of uniform draws so that
the ends are not forgotten. Not given by the paper for training this short: ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """The optimiser, its schedule, and the averages of the weights."""

    kind: Literal["adamw", "muon"] = "muon"
    """``muon`` trains the hidden matrices of the blocks with Muon and everything else with AdamW;
    ``adamw`` trains everything with AdamW. Not given by the paper: ours."""
    lr: float = 1e-3
    """Learning rate after the warm-up, > 0."""
    hidden_rate: float = 1.0
    """Rate of Muon's matrices relative to ``lr``, > 0."""
    warmup_steps: int = 200
    """Steps of linear warm-up."""
    anneal_fraction: float = 0.2
    """Last share of the run, in steps or in time, over which the rate falls; 0 for none."""
    anneal: Literal["linear", "cosine"] = "linear"
    """How it falls, to ``final_lr_share``."""
    final_lr_share: float = 0.02
    """Share of ``lr`` that is left at the end, in [0, 1]."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Memory of the two moments of AdamW."""
    weight_decay: float = 0.01
    """Decay of matrices; norms, biases and vectors have none."""
    clip_norm: float = 1.0
    """Largest norm of the whole gradient, > 0."""
    ema_decays: tuple[float, ...] = (0.999,)
    """Decays of the moving averages; the first one is what a run exports."""

    def __post_init__(self) -> None:
        _check_share("anneal_fraction", self.anneal_fraction)
        _check_share("final_lr_share", self.final_lr_share)
        for decay in self.ema_decays:
            _check_share("ema_decays", decay)
        if len(self.ema_decays) < 1 or len(set(self.ema_decays)) != len(self.ema_decays):
            raise ValueError(f"ema_decays must be different numbers, got {self.ema_decays}")
        for name in ("lr", "hidden_rate", "clip_norm"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskConfig:
    """Which tasks are trained, and what is dropped for guidance."""

    mix: tuple[tuple[str, float], ...] = DEFAULT_MIX
    """Tasks of ``conditioning.tasks`` and their shares, which need not sum to 1."""
    text_dropout: float = 0.1
    """Probability that a sample has neither prompt nor references, for guidance."""
    reference_dropout: float = 0.05
    """Probability that a sample with a prompt has no references, so that words still count."""
    sound: bool = True
    """Whether the audio branch runs at all; the video phase of Table 1 trains without it."""
    silent_lessons: float = 0.1
    """Share of the batches of lessons that run without the audio branch."""
    blind_lessons: float = 0.0
    """Share of the batches of lessons of clips that run the audio branch alone, with what is heard
    of their references. Not given by the paper: ours."""
    short_share: float = 0.25
    """Share of short captions among the rest, where scenes have no looks; the others are long."""
    structured_share: float = 0.0
    """Share of structured captions, in the prompt language, which alone tell when a shot ends."""
    strange_words: float = 0.0
    """Share of the instructions in which words that say nothing of the result are replaced by
    words that no lesson has (``training.strange_words``). Not given by the paper: ours."""
    keyframes: float = 0.0
    """Share of the batches of clips that are joint predictions (sec. 4.5), with high-resolution
    keyframes beside the clip, where a bucket has them. The rest is trained without, so that clips
    without keyframes do not get worse. Not given by the paper."""
    window_share: float = 0.0
    """Share of these that hold of every keyframe one window of half its sides, at half the cost."""
    num_variants: int = 4096
    """Paraphrases a caption is drawn from."""
    pictures_factor: int = 4
    """A batch of text to image holds this many times the samples: they are small."""
    sounds_factor: int = 1
    """The same for a batch that runs the audio branch alone."""

    def __post_init__(self) -> None:
        shares = ("text_dropout", "short_share", "reference_dropout", "silent_lessons", "keyframes")
        for name in (*shares, "blind_lessons", "strange_words", "structured_share", "window_share"):
            _check_share(name, getattr(self, name))
        if self.short_share + self.structured_share > 1:
            raise ValueError("short_share and structured_share must not be more than 1 together")
        if self.silent_lessons + self.blind_lessons > 1:
            raise ValueError(
                "silent_lessons and blind_lessons must not be more than 1 together, got "
                f"{self.silent_lessons:g} and {self.blind_lessons:g}"
            )
        if min(self.pictures_factor, self.sounds_factor) < 1:
            raise ValueError(
                "pictures_factor and sounds_factor must be at least 1, got "
                f"{self.pictures_factor} and {self.sounds_factor}"
            )
        names = [name for name, _ in self.mix]
        if not names or len(set(names)) != len(names) or any(share <= 0 for _, share in self.mix):
            raise ValueError(f"mix must name different tasks with positive shares, got {self.mix}")
        for name in names:
            if name not in TASKS:
                raise ValueError(f"mix must hold tasks of {', '.join(TASKS)}; got {name!r}")

    def factor(self, *, video: bool, picture: bool) -> int:
        """How many times the samples of a bucket's batch one of a structure holds."""
        if not video:
            return self.sounds_factor
        return self.pictures_factor if picture else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """A whole training run of the transformer."""

    name: str
    """Name of the run, of its folder, and in the exported weights."""
    model: MMDiTConfig
    """Sizes of the network."""
    data: tuple[ShardData | StageData, ...]
    """Buckets; a batch comes from one of them."""
    init: str | None = None
    """Weights to start from: a file (a relative path is taken from the run's folder), or
    ``shipped``; None for new ones. They must have the same config, but may have no names of
    references (``num_tags``) and no ``keyframes``; a refiner takes of them what has its names and
    shapes."""
    init_audio: str | None = None
    """Weights whose audio branch takes the place of that of ``init``, as the paper's joint phase
    begins from two branches that were trained apart. Not given by the paper: what is shared, here
    the noise embedding, the summary of the prompt and the names, stays that of ``init``."""
    init_names: str | None = None
    """Low-rank changes whose names of references the network takes, ``shipped`` for those of the
    shipped model; None leaves those of ``init``, or new ones. The audio branch learns with the
    names that references will have when both are put together. Ours."""
    refiner: RefinerConfig | None = None
    """How a refiner is trained; ``data`` are folders of pairs then. None is the base."""
    distill: DistillConfig | None = None
    """How a base is distilled to few steps; None trains on data alone (eq. 6)."""
    lora: LowRankConfig | None = None
    """Low-rank changes (LoRA) of ``init``, which alone are trained and exported: a small file for a
    new look or for mode ``fast``. None trains the weights themselves. Not of the paper."""
    init_lora: str | None = None
    """A file of such changes to start from, of the same layers and rank; a relative path is taken
    from the run's folder. None starts without a change."""
    codecs: CodecPaths = field(default_factory=CodecPaths)
    """The frozen networks."""
    tasks: TaskConfig = TaskConfig()
    """Tasks and dropout."""
    sigma: NoiseLevelConfig = NOISE_LEVELS
    """Noise levels."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser."""
    batch_size: int = 16
    """Samples a step."""
    steps: int = 100_000
    """Steps of the whole run; a time limit may end it earlier."""
    seed: int = 0
    """Seed of the initial weights, the order of the data and every draw."""
    threads: int = 0
    """CPU threads; 0 for the machine's default."""
    products: Products = "auto"
    """Precision of the matrix products in a step; weights, sums and updates stay fp32. ``auto`` is
    bf16 where the processor has instructions for it, which is about twice as fast."""
    truth_weight: float = 1.0
    """Weight of what the tokens tell of the truth (``MMDiTConfig.truth_block``) beside eq. 6."""
    contact_weight: float = 1.0
    """Weight of contacts and onsets among those truths: they are rare, and picture and sound meet
    in nothing else."""
    trained: Trained = "all"
    """What is trained. ``near``: the convolutions of what is near (``MMDiTConfig.near_width``), on
    truths alone, before the rest, at a tenth of the cost of a step. ``audio``: the audio branch,
    which learns to read a video branch that stays as it is, at about half the cost. Ours."""
    keyframe_weight: float = 1.0
    """Weight of the error at keyframes (``TaskConfig.keyframes``) beside eq. 6, >= 0. Their mean is
    a term of its own: they are many more tokens than the clip, and would outvote it. Not given by
    the paper: ours."""
    change_weight: float = 1.0
    """Weight of errors where an edit by instruction changes its source, a clip moves as its
    reference does, or a shot begins, > 0, beside 1 elsewhere: a small thing that changes colour is
    a few cells of hundreds that are copied. Not given by the paper: ours."""
    log_every: int = 20
    """Steps between lines of the log."""
    save_every_s: float = 300.0
    """Seconds between checkpoints."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.init_audio is not None and self.init is None:
            raise ValueError("init_audio needs init, whose audio branch it replaces; give both")
        if self.init_names is not None and not self.model.num_tags:
            raise ValueError("init_names needs a model with num_tags, got 0; set them")
        if self.init_audio is not None and not self.model.has_audio:
            raise ValueError("init_audio needs a model with an audio branch; leave it out")
        self._check_kind()
        if self.trained == "audio" and not self.model.has_audio:
            raise ValueError("trained is audio, got a model without an audio branch; train all")
        if self.trained == "near" and not (self.model.near_width and self.model.video_truths):
            raise ValueError(
                "trained is near, convolutions on truths, got a model without near_width or "
                "video_truths; set both"
            )
        if not self.data:
            raise ValueError("data must name at least one bucket, got none; add a folder of shards")
        if any(bucket.weight <= 0 for bucket in self.data):
            raise ValueError("every bucket of data must have a positive weight; remove the others")

    def _check_kind(self) -> None:
        """Check what belongs to joint prediction, refiners and distillation."""
        if self.tasks.keyframes and (self.refiner is not None or not self.model.keyframes):
            raise ValueError(
                "a share of tasks.keyframes needs a base whose model has keyframes set, so that "
                "its weights say what they learnt; set it"
            )
        if not self.change_weight > 0:
            raise ValueError(f"change_weight must be positive, got {self.change_weight:g}")
        ahead = self.sigma.keyframe_lag > 1 or (self.model.keyframes and self.model.residual > 0)
        if ahead and self.lora is None:
            raise ValueError("keyframe_lag and residual need lora: changes make keyframes alone")
        if self.keyframe_weight < 0:
            raise ValueError(f"keyframe_weight must be at least 0, got {self.keyframe_weight:g}")
        if self.refiner is not None and not all(isinstance(d, ShardData) for d in self.data):
            raise ValueError("a refiner's data must be folders of pairs (ShardData)")
        self._check_distillation()
        if self.lora is not None and (
            self.init is None or self.refiner is not None or self.trained != "all"
        ):
            raise ValueError(
                "lora changes all of a base that is given, got a run without init, of a refiner, "
                "or of a part; name the base in init and leave the others out"
            )

    def _check_distillation(self) -> None:
        if self.distill is None:
            return
        if self.refiner is not None or self.tasks.text_dropout:
            raise ValueError(
                "distillation is of the base and drops no prompts, got a refiner or text_dropout "
                f"{self.tasks.text_dropout:g}; leave the refiner out and set text_dropout to 0"
            )
        if self.tasks.keyframes:
            raise ValueError(f"distilled weights make no keyframes, got {self.tasks.keyframes:g}")
