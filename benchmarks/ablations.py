"""What each part of the network is worth: small runs that differ in one thing, on the same scenes.

    python benchmarks/ablations.py --out runs/ablations [--variants hybrid old_audio ...]
        [--seeds 3] [--steps 2000] [--count 4096] [--held-out 256] [--no-train]

Latents are made first, then every variant is trained with every seed; each goes on where it was
stopped, and ``--no-train`` measures what is there. Printed, for scenes that no run saw: the mean
squared error of the velocity (eq. 6) of video and audio, of the averaged weights, over ten noise
levels; of clips of the trained length, of five seconds (which shows what the clock is worth), and
of the video when a region is inpainted; mean and standard deviation over the seeds. Every variant
sees the same noise. ``table.json`` in the folder holds the same numbers.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from openreels.core.products import takes_bf16
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.training.ablations import DATA, HELD_OUT, VARIANTS, ablation
from openreels.training.batch import BatchMaker, TaskDraw, TrainingBatch
from openreels.training.config import ClipConfig, PrecomputeConfig, ShardData, TrainConfig
from openreels.training.dataset import ShardDataset
from openreels.training.loop import train
from openreels.training.networks import load_frozen
from openreels.training.precompute import precompute
from openreels.training.step import training_step
from openreels.weights.checkpoint import load_network

LEVELS = [(k + 0.5) / 10 for k in range(10)]
BATCH = 16
COLUMNS = ("video", "audio", "video 5 s", "audio 5 s", "inpainting")


def batches(data: ShardDataset, run: TrainConfig, task: str) -> list[TrainingBatch]:
    """Held-out batches of one task, of every noise level, the same for every variant."""
    encoder = load_frozen("text_encoder", run.codecs.text_encoder, kind=PromptEncoder)
    silent = replace(run, seed=99, tasks=replace(run.tasks, text_dropout=0.0))
    maker = BatchMaker(config=silent, encode_text=encoder.encode_text)
    made = []
    for step, first in enumerate(range(0, len(data) - BATCH + 1, BATCH)):
        latents = data.read(range(first, first + BATCH))
        draw = TaskDraw(names=(task,) * BATCH, video=True, sound=True, picture=False)
        level = torch.full((BATCH,), LEVELS[step % len(LEVELS)])
        with torch.no_grad():
            batch = maker.make(latents, draw, shape=data.shape, black=data.black, step=step)
        made.append(at_level(batch, level))
    return made


def at_level(batch: TrainingBatch, level: Tensor) -> TrainingBatch:
    """The batch with another noise level: ``noisy`` moves along its own line to it."""

    def moved(tokens: Tensor, velocity: Tensor, width: int) -> Tensor:
        cells = velocity.shape[-1] // width
        parts = tokens.unflatten(-1, (cells, -1)).clone()
        step = (level - batch.sigma)[:, None, None, None]
        parts[..., :width] += step * velocity.unflatten(-1, (cells, -1))
        return parts.flatten(2)

    inputs, targets = batch.inputs, batch.targets
    assert inputs.video is not None
    assert inputs.audio is not None
    assert targets.video is not None
    assert targets.audio is not None
    channels = 16
    video = replace(inputs.video, tokens=moved(inputs.video.tokens, targets.video, channels))
    width = targets.audio.shape[-1]
    audio = replace(inputs.audio, tokens=moved(inputs.audio.tokens, targets.audio, width))
    return replace(batch, inputs=replace(inputs, video=video, audio=audio), sigma=level)


def errors(network: MMDiT, made: list[TrainingBatch]) -> tuple[float, float]:
    """Mean squared error of the velocity of video and audio."""
    found: list[tuple[float, float]] = []
    with torch.no_grad():
        for batch in made:
            parts = training_step(network, batch, bf16=takes_bf16()).parts
            assert parts.video is not None
            assert parts.audio is not None
            found.append((float(parts.video.mean()), float(parts.audio.mean())))
    return (
        statistics.fmean(video for video, _ in found),
        statistics.fmean(audio for _, audio in found),
    )


def data_of(out: Path, args: argparse.Namespace) -> dict[str, ShardDataset]:
    """Make what is trained on and what is measured on."""
    held_out = replace(HELD_OUT, count=args.held_out, shard_size=min(256, args.held_out))
    long = replace(
        held_out,
        folder="data/ablations-5s",
        clip=ClipConfig(duration_s=5.0),
        count=max(BATCH, args.held_out // 4),
        shard_size=max(BATCH, args.held_out // 4),
    )
    trained = replace(DATA, count=args.count, shard_size=min(256, args.count))
    buckets: tuple[PrecomputeConfig, ...] = (trained, held_out, long)
    for bucket in buckets:
        print(f"latents: {bucket.folder}", flush=True)
        precompute(bucket, out)
    return {name: ShardDataset(out / one.folder) for name, one in zip("tsl", buckets, strict=True)}


def run(name: str, seed: int, out: Path, args: argparse.Namespace) -> Path:
    """Train one variant; the path of its averaged weights."""
    config = ablation(name, seed=seed, steps=args.steps)
    config = replace(config, data=(ShardData(folder=DATA.folder),))
    if args.train:
        train(config, out, tensorboard=False)
    return out / config.name / "mmdit.safetensors"


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--count", type=int, default=DATA.count)
    parser.add_argument("--held-out", type=int, default=HELD_OUT.count)
    parser.add_argument("--no-train", dest="train", action="store_false")
    args = parser.parse_args()
    data = data_of(args.out, args)
    base = ablation("hybrid")
    sets = {
        "short": batches(data["s"], base, "t2av"),
        "long": batches(data["l"], base, "t2av"),
        "inpainting": batches(data["s"], base, "inpaint_fixed"),
    }
    table: dict[str, dict[str, list[float]]] = {}
    for name in args.variants:
        rows = []
        for seed in range(args.seeds):
            path = run(name, seed, args.out, args)
            if not path.exists():
                continue
            network = load_network(path, kind=MMDiT)
            found = {key: errors(network, made) for key, made in sets.items()}
            rows.append((*found["short"], *found["long"], found["inpainting"][0]))
            shown = ", ".join(f"{c} {v:.4f}" for c, v in zip(COLUMNS, rows[-1], strict=True))
            print(f"{name} seed {seed}: {shown}", flush=True)
        if rows:
            columns = zip(COLUMNS, zip(*rows, strict=True), strict=True)
            table[name] = {column: list(values) for column, values in columns}
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "table.json").write_text(json.dumps(table, indent=2))
    print("\n| network | parameters | " + " | ".join(COLUMNS) + " |")
    print("|---|---|" + "---|" * len(COLUMNS))
    for name, row in table.items():
        count = sum(p.numel() for p in MMDiT(VARIANTS[name]).parameters())
        cells = [
            f"{statistics.fmean(v):.4f} ± {statistics.stdev(v) if len(v) > 1 else 0:.4f}"
            for v in row.values()
        ]
        print(f"| {name} | {count / 1e6:.2f} M | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
