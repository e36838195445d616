"""The loop: data, step, update, log, save; nothing else."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from openreels.core.errors import CheckpointError
from openreels.core.products import takes_bf16
from openreels.core.seeding import generator
from openreels.models.mmdit.model import MMDiT
from openreels.nn.cubes import ramped_sparsity
from openreels.nn.low_rank import add_low_rank, start_at
from openreels.training.batch import BatchMaker, TaskDraw, TrainingBatch, draw_tasks
from openreels.training.buckets import Bucket, BucketSampler
from openreels.training.checkpoint import TrainState, restore_state, save_state
from openreels.training.config import ShardData, StageData, TrainConfig
from openreels.training.dataset import Dataset, Rows, ShardDataset, StageDataset
from openreels.training.distill import load_distiller
from openreels.training.ema import WeightAverage
from openreels.training.encoders import load_encoders
from openreels.training.export import export_file, export_weights, kept_of
from openreels.training.heap import trim_heap
from openreels.training.lesson_batch import draw_structure
from openreels.training.metrics import Meter, RunLog
from openreels.training.networks import fingerprints, take_names, weights_path
from openreels.training.optimizer import (
    is_annealing,
    learning_rate,
    make_optimizer,
    set_learning_rate,
)
from openreels.training.prompt_reader import PromptReader, load_reader
from openreels.training.refiner_batch import RefinerBatchMaker
from openreels.training.refiner_data import PairsDataset
from openreels.training.start import start_as, start_from
from openreels.training.step import Objective, training_step
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import read_lora

STATE_FILE = "state.safetensors"
BEFORE_ANNEAL_FILE = "state-before-anneal.safetensors"

logger = logging.getLogger(__name__)


def never(step: int) -> bool:  # noqa: ARG001 one signature for every question
    """Do not stop."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What may end a run before its last step."""

    time_limit_s: float | None = None
    """Seconds of this call; the learning rate falls towards their end. None for no limit."""
    stop: Callable[[int], bool] = never
    """Asked after each step with its number; True saves and ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """How a run ended."""

    step: int
    """Steps done."""
    finished: bool
    """Whether it reached its last step or its time limit, and was not stopped."""
    export: Path
    """Averaged weights, ready to load."""


def train(
    config: TrainConfig,
    out: str | Path,
    *,
    resume: bool = True,
    limits: Limits = Limits(),
    report: Callable[[int, dict[str, float]], None] | None = None,
    tensorboard: bool = True,
) -> RunResult:
    """Train the transformer.

    Args:
        config: The run.
        out: Folder from which relative data folders are taken; the run's state, exported weights
            and log go into the folder of its name in there.
        resume: Go on from the run's state when there is one; False starts anew.
        limits: What may end the run early.
        report: Called with the step and the logged numbers.
        tensorboard: Whether to write TensorBoard files.

    Returns:
        How it ended.
    """
    out = Path(out)
    folder = out / config.name
    if config.threads:
        torch.set_num_threads(config.threads)
    prompts = load_reader(config.codecs, out)
    state = build_state(config, out)
    if resume and (folder / STATE_FILE).exists():
        restore_state(folder / STATE_FILE, state, config)
        logger.info("going on from step %d", state.step)
    log = RunLog(folder, state.step, tensorboard=tensorboard)
    run = _Run(config, state, out, prompts)
    try:
        finished = run.loop(log, limits, report)
    finally:
        log.close()
    return RunResult(step=state.step, finished=finished, export=folder / export_file(config))


def build_state(config: TrainConfig, out: Path) -> TrainState:
    """A new run: initial weights, optimiser, averages, data at its start.

    Raises:
        CheckpointError: If the weights to start from have another config.
    """
    network = MMDiT(config.model, generator=generator(config.seed, "initial weights"))
    if config.init is not None:
        start = load_network(out / weights_path("mmdit", config.init), kind=MMDiT)
        if config.refiner is not None:
            start_from(network, start)
        else:
            start_as(network, start, config)
    if config.init_audio is not None and network.audio is not None:
        heard = load_network(out / weights_path("mmdit", config.init_audio), kind=MMDiT)
        if heard.audio is None:
            raise CheckpointError(f"init_audio must have an audio branch, not {config.init_audio}")
        network.audio.load_state_dict(heard.audio.state_dict())
    if config.init_names is not None:
        take_names(network, out / weights_path("mmdit-references-lora", config.init_names))
    network.train()
    if config.lora is not None:
        source = generator(config.seed, "low-rank changes")
        names = add_low_rank(network, config.lora, generator=source)
        logger.info("%d layers have changes of rank %d", len(names), config.lora.rank)
        if config.init_lora is not None:
            start_at(network, read_lora(out / config.init_lora)[0], kept_of(config.lora).whole)
    part = {"all": None, "near": network.video.near, "audio": network.audio}[config.trained]
    if part is not None:
        network.requires_grad_(False)
        part.requires_grad_(True)
    return TrainState(
        network=network,
        optimizer=make_optimizer(network, config.optim, bf16=takes_bf16(config.products)),
        averages=tuple(WeightAverage(network, decay) for decay in config.optim.ema_decays),
        sampler=BucketSampler(open_buckets(config, out), config.seed),
    )


def open_buckets(config: TrainConfig, out: Path) -> Sequence[Bucket]:
    """Open the data that a config names.

    Raises:
        ValueError: If shards were encoded by other autoencoders than those of the config, or none
            has the keyframes that are to be trained.
    """
    has_scenes = any(isinstance(data, StageData) for data in config.data)
    has_shards = any(isinstance(data, ShardData) for data in config.data)
    encoders = load_encoders(config.codecs) if has_scenes else None
    wanted = fingerprints(config.codecs) if has_shards else {}
    buckets: list[Bucket] = []
    for data in config.data:
        dataset: Rows
        if config.refiner is not None and isinstance(data, ShardData):
            dataset = PairsDataset(out / data.folder)
            _check_codecs(data.folder, {"video_vae": dataset.fingerprint}, wanted)
        elif isinstance(data, ShardData):
            dataset = ShardDataset(out / data.folder)
            _check_codecs(data.folder, dataset.fingerprints, wanted)
        else:
            dataset = StageDataset(data, encoders)  # pyright: ignore[reportArgumentType]
        size = data.batch_size or config.batch_size
        buckets.append(Bucket(dataset=dataset, weight=data.weight, batch_size=size))
    if config.tasks.keyframes and not any(
        isinstance(bucket.dataset, ShardDataset) and bucket.dataset.has_keyframes
        for bucket in buckets
    ):
        raise ValueError(
            "tasks.keyframes needs a bucket that was precomputed with keyframes, got none; add one "
            "(PrecomputeConfig.keyframes) or set the share to 0"
        )
    return buckets


def _check_codecs(folder: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name, print_ in found.items():
        if print_ != wanted[name]:
            raise ValueError(
                f"{folder} must hold latents of the run's {name} ({wanted[name]}), got those of "
                f"{print_}; precompute them again or name that network in codecs"
            )


class _Run:
    """One call of ``train``: the clock of this call and what the loop touches."""

    def __init__(
        self, config: TrainConfig, state: TrainState, out: Path, prompts: PromptReader
    ) -> None:
        self.config = config
        self.state = state
        self.folder = out / config.name
        self.maker = BatchMaker(
            config=config, encode_text=prompts.encode_text, conditioner=prompts.plain
        )
        self.meter = Meter()
        self.refiner = None
        if config.refiner is not None:
            self.refiner = RefinerBatchMaker(
                config=config, refiner=config.refiner, encode_text=prompts.encode_text
            )
        self.bf16 = takes_bf16(config.products)
        self.objective = Objective(
            truth_weight=config.truth_weight,
            contact_weight=config.contact_weight,
            keyframe_weight=config.keyframe_weight,
            trained=config.trained,
        )
        self.distiller = None
        if config.distill is not None:
            self.distiller = load_distiller(
                *(config.distill, out, prompts.encode_text), seed=config.seed, bf16=self.bf16
            )
        self.progress = 0.0

    def loop(
        self,
        log: RunLog,
        limits: Limits,
        report: Callable[[int, dict[str, float]], None] | None,
    ) -> bool:
        config, state = self.config, self.state
        began = saved = logged = time.monotonic()
        logged_step = state.step
        spent_before = state.seconds
        limit_s = float("inf") if limits.time_limit_s is None else limits.time_limit_s
        finished, annealing = True, is_annealing(config.optim, (state.step - 1) / config.steps)
        while state.step < config.steps:
            elapsed = time.monotonic() - began
            if elapsed >= limit_s:
                break
            progress = max(state.step / config.steps, elapsed / limit_s)
            if not annealing and is_annealing(config.optim, progress):
                annealing = True
                save_state(self.folder / BEFORE_ANNEAL_FILE, state, config)
            self.progress = min(1.0, progress)
            rate = learning_rate(config.optim, state.step, progress)
            self.update(self.next_batch(), rate)
            now = time.monotonic()
            state.seconds = spent_before + now - began
            if state.step % config.log_every == 0 or state.step == config.steps:
                self.meter.add("seconds/step", (now - logged) / (state.step - logged_step))
                logged, logged_step = now, state.step
                self.write_log(log, rate, report)
                trim_heap()
            if now - saved > config.save_every_s:
                self.save()
                saved = time.monotonic()
            if limits.stop(state.step):
                finished = False
                break
        self.save()
        return finished

    def next_batch(self) -> TrainingBatch:
        """The batch of the step that comes."""
        config, step, sampler = self.config, self.state.step, self.state.sampler
        index = sampler.choose(step)
        bucket = sampler.buckets[index]
        if self.refiner is not None and isinstance(bucket.dataset, PairsDataset):
            pairs = bucket.dataset.read(sampler.next_rows(index, bucket.batch_size))
            return self.refiner.make(pairs, fps=bucket.dataset.fps, step=step)
        if not isinstance(bucket.dataset, Dataset):
            raise TypeError("a bucket of the base must have shapes and black latents")
        source = generator(config.seed, "tasks", step)
        began = time.perf_counter()
        picture = bucket.dataset.shape.num_frames == 1
        if bucket.dataset.has_lessons:
            video, sound = draw_structure(config.tasks, source, picture=picture)
            count = config.tasks.factor(video=video, picture=False) * bucket.batch_size
            latents = sampler.take(index, count)
            names = tuple(one.task for one in latents.lessons)
            draw = TaskDraw(names=names, video=video, sound=sound, picture=picture)
        else:
            draw = draw_tasks(config.tasks, bucket.batch_size, source, picture=picture)
            latents = sampler.take(index, len(draw.names))
        batch = self.maker.make(
            latents,
            draw,
            shape=bucket.dataset.shape,
            black=bucket.dataset.black,
            step=step,
        )
        if self.distiller is not None:
            batch = self.distiller.teach(batch, self.state.network, step)
        self.meter.add("seconds/batch", time.perf_counter() - began)
        return batch

    def update(self, batch: TrainingBatch, rate: float) -> None:
        """Do one step of the optimiser."""
        state, config = self.state, self.config.optim
        set_learning_rate(state.optimizer, rate)
        state.optimizer.zero_grad(set_to_none=True)
        loss = training_step(
            state.network,
            batch,
            self.objective,
            bf16=self.bf16,
            sparsity=self.sparsity,
        )
        if not loss.total.requires_grad:
            raise ValueError(
                f"a batch of {', '.join(sorted(set(batch.tasks)))} trains nothing of what changes; "
                "leave these tasks out of the mix, or name more layers"
            )
        loss.total.backward()
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.clip_norm, foreach=True)
        if bool(torch.isfinite(norm)):
            state.optimizer.step()
            for average in state.averages:
                average.update()
        else:
            logger.warning("step %d is left out: its gradient is not finite", state.step)
            self.meter.add("skipped", 1.0)
        self.meter.add_loss(loss, batch)
        self.meter.add("gradient_norm", float(norm))
        self.meter.add("samples", float(len(batch.tasks)))
        state.step += 1

    @property
    def sparsity(self) -> float | None:
        """Share of cubes left out at this point of the run: a refiner's rises to its config's."""
        model, refiner = self.config.model, self.config.refiner
        if refiner is None or not model.sparsity:
            return None
        return ramped_sparsity(self.progress, target=model.sparsity, ramp=refiner.ramp)

    def write_log(
        self, log: RunLog, rate: float, report: Callable[[int, dict[str, float]], None] | None
    ) -> None:
        """Write the means since the last line."""
        values = self.meter.take() | {"lr": rate, "seconds": self.state.seconds}
        log.write(self.state.step, values)
        if report is not None:
            report(self.state.step, values)

    def save(self) -> None:
        """Write the whole state, and the averaged weights for use."""
        state = self.state
        save_state(self.folder / STATE_FILE, state, self.config)
        export_weights(self.folder, state, self.config)
