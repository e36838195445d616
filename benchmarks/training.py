"""Samples a second of a training step of the ``stage`` preset, with fp32 and with bf16 products.

    python benchmarks/training.py [--batch 16] [--seconds 2] [--rounds 3] [--threads 1]

A few latents are written as shards first. Printed are the parts of a step: reading shards, making
the batch (noise, masks, prompts), forward with backward, and the optimiser; and the share of the
speed of one large linear layer in fp32.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from mmdit import FLOPS_OF_CPU_ATTENTION, peak_case
from torch.utils.flop_counter import FlopCounterMode

from openreels.core.products import takes_bf16
from openreels.core.seeding import generator
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.training.batch import BatchMaker, TrainingBatch, draw_tasks
from openreels.training.config import ClipConfig, PrecomputeConfig, TaskConfig, TrainConfig
from openreels.training.dataset import ShardDataset
from openreels.training.optimizer import make_optimizer
from openreels.training.precompute import precompute
from openreels.training.recipes import stage_short
from openreels.training.step import training_step
from openreels.weights.checkpoint import load_network, shipped_path


class Bench:
    """A network, its optimiser and a shard to read from."""

    def __init__(self, folder: Path, batch_size: int, seconds: float) -> None:
        run = stage_short()[0]
        assert isinstance(run, TrainConfig)
        self.config = replace(run, tasks=TaskConfig(mix=(("t2av", 1.0),)))
        self.batch_size = batch_size
        clip = ClipConfig(duration_s=seconds)
        precompute(PrecomputeConfig(folder="data", clip=clip, count=batch_size), folder)
        self.data = ShardDataset(folder / "data")
        prompts = load_network(shipped_path("text_encoder"), kind=PromptEncoder)
        self.maker = BatchMaker(config=self.config, encode_text=prompts.encode_text)
        self.network = MMDiT(self.config.model)
        self.optimizer = make_optimizer(self.network, self.config.optim, bf16=takes_bf16())
        self.step = 0

    def batch(self, times: dict[str, list[float]]) -> TrainingBatch:
        """Read and make the next batch."""
        start = time.perf_counter()
        latents = self.data.read(range(self.batch_size))
        read = time.perf_counter()
        draw = draw_tasks(self.config.tasks, self.batch_size, generator(0, "tasks", self.step))
        with torch.no_grad():
            batch = self.maker.make(
                latents, draw, shape=self.data.shape, black=self.data.black, step=self.step
            )
        times["read"].append(read - start)
        times["batch"].append(time.perf_counter() - read)
        return batch

    def run(self, *, bf16: bool, rounds: int) -> tuple[dict[str, float], int]:
        """Median seconds of each part, and the FLOPs of forward and backward."""
        times: dict[str, list[float]] = {n: [] for n in ("read", "batch", "gradient", "update")}
        with FlopCounterMode(display=False, custom_mapping=FLOPS_OF_CPU_ATTENTION) as counter:
            training_step(self.network, self.batch(times), bf16=bf16).total.backward()
        for _ in range(rounds):
            self.step += 1
            self.optimizer.zero_grad()
            batch = self.batch(times)
            start = time.perf_counter()
            training_step(self.network, batch, bf16=bf16).total.backward()
            middle = time.perf_counter()
            self.optimizer.step()
            times["gradient"].append(middle - start)
            times["update"].append(time.perf_counter() - middle)
        medians = {name: statistics.median(values) for name, values in times.items()}
        return medians, counter.get_total_flops()


def main() -> None:
    """Time both kinds of products beside a linear layer and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    peak = peak_case()
    for _ in range(5):
        peak.time()
    kinds = {"fp32": False} | ({"bf16": True} if takes_bf16() else {})
    if "bf16" not in kinds:
        print("this processor has no bfloat16 products: fp32 alone is timed")
    names = ("read", "batch", "gradient", "update")
    head = "".join(f"{name:>17}" for name in names)
    print(f"{'products':>8}{head}{'samples/s':>11}{'of fp32 peak':>14}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.batch, options.seconds)
        for name, bf16 in kinds.items():
            times, flops = bench.run(bf16=bf16, rounds=options.rounds)
            total = sum(times.values())
            cells = (f"{times[n]:8.4f} s {times[n] / total:5.1%}" for n in names)
            row = "".join(f"{cell:>17}" for cell in cells)
            share = flops / times["gradient"] / peak.speed
            print(f"{name:>8}{row}{options.batch / total:11.2f}{share:14.1%}", flush=True)


if __name__ == "__main__":
    main()
