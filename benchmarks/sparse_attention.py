"""Video Sparse Attention against dense attention: time, what changes, peak memory, by length.

Queries and keys are smooth over the grid, with some noise, as those of a video are; on pure noise
no attention can be sparse. Dense and sparse take turns, so that a busy machine disturbs both alike;
each peak of memory is that of a process of its own. One sample, heads of the stage model, 64 tokens
of text that stay dense.

    python benchmarks/sparse_attention.py [--tokens 2048 5120 10240 20480] [--sparsity 0.875]
        [--rounds 5] [--threads 2] [--device cpu]
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from memory import peak_mib
from torch import Tensor

from openreels.nn.attention import attend
from openreels.nn.cubes import SparsePattern, kept_cubes
from openreels.nn.sparse_attention import plain_sparse_attend, sparse_attend

ROWS, COLUMNS, HEADS, WIDTH, TEXT = 16, 16, 3, 64, 64
WAVES = 32
NOISE = 0.5
MAX_PLAIN = 2048
"""Longest sequence whose plain reference, a mask over dense attention, fits a laptop."""


def heads_of(grid: tuple[int, int, int], device: str) -> list[Tensor]:
    """Queries, keys and values of a grid and some text: waves over the grid, of unit size."""
    source = torch.Generator().manual_seed(0)
    axes = torch.meshgrid(*(torch.arange(side) / 16 for side in grid), indexing="ij")
    places = torch.stack([axis.flatten() for axis in axes], dim=-1)
    waves = torch.randn(3, WAVES, generator=source)
    phases = 2 * math.pi * torch.rand(WAVES, generator=source)
    field = torch.cos(2 * math.pi * places @ waves + phases)
    mix = torch.randn(WAVES, HEADS * WIDTH, generator=source)
    heads = []
    for _ in range(3):
        noise = torch.randn(field.shape[0] + TEXT, HEADS * WIDTH, generator=source)
        smooth = torch.cat([field @ mix / math.sqrt(WAVES / 2), noise[:TEXT]])
        one = (smooth + NOISE * noise).unflatten(-1, (HEADS, WIDTH))
        heads.append(one / one.square().mean(-1, keepdim=True).sqrt())
    return [one[None].to(device) for one in heads]


def case(tokens: int, sparsity: float, device: str) -> tuple[list[Tensor], SparsePattern]:
    """Heads of a length, and the pattern of its grid."""
    grid = (tokens // (ROWS * COLUMNS), ROWS, COLUMNS)
    pattern = SparsePattern(grid=grid, top_k=1)
    kept = kept_cubes(pattern.num_cubes, sparsity)
    return heads_of(grid, device), SparsePattern(grid=grid, top_k=kept)


def runs_of(
    heads: list[Tensor], pattern: SparsePattern, *, train: bool
) -> dict[str, Callable[[], Tensor]]:
    """The two attentions as functions without arguments; with gradients or without."""
    inputs = [one.clone().requires_grad_(train) for one in heads]

    def run(name: str) -> Tensor:
        out = attend(*inputs) if name == "dense" else sparse_attend(*inputs, pattern)
        if train:
            out.sum().backward()
        return out.detach()

    return {name: lambda name=name: run(name) for name in ("dense", "sparse")}


def seconds_of(run: Callable[[], Tensor], device: str) -> float:
    """Wall-clock seconds of one run."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def changes_of(heads: list[Tensor], pattern: SparsePattern) -> tuple[float, float | None]:
    """Relative L2 change of the output by sparsity; largest difference to the plain path."""
    dense, sparse = attend(*heads), sparse_attend(*heads, pattern)
    change = ((sparse - dense).norm() / dense.norm()).item()
    if pattern.num_tokens > MAX_PLAIN:
        return change, None
    plain = plain_sparse_attend(*heads, pattern)
    return change, (sparse - plain).abs().max().item()


def measure(tokens: int, options: argparse.Namespace) -> str:
    """One row: times in turn, changes, and the memory of one process each."""
    heads, pattern = case(tokens, options.sparsity, options.device)
    ratios = []
    for train in (False, True):
        runs = runs_of(heads, pattern, train=train)
        took: dict[str, list[float]] = {name: [] for name in runs}
        for round_index in range(options.rounds + 1):
            for name, run in runs.items():
                took[name].append(seconds_of(run, options.device))
                if round_index == 0:
                    took[name].clear()  # the first one warms up
        medians = {name: statistics.median(values) for name, values in took.items()}
        ratios += [medians["dense"], medians["sparse"], medians["dense"] / medians["sparse"]]
    with torch.no_grad():
        change, difference = changes_of(heads, pattern)
    memory = [peak_of(tokens, name, options) for name in ("dense", "sparse")]
    times = "".join(
        f"{dense * 1e3:9.1f}{sparse * 1e3:9.1f}{ratio:7.2f}x"
        for dense, sparse, ratio in (ratios[:3], ratios[3:])
    )
    told = "-" if difference is None else f"{difference:.0e}"
    kept = f"{pattern.num_kept}/{pattern.num_cubes}"
    return f"{tokens:7}{kept:>9}{times}{change:9.2%}{told:>8}{memory[0]:9.0f}{memory[1]:9.0f}"


def peak_of(tokens: int, name: str, options: argparse.Namespace) -> float:
    """MiB that a forward and a backward pass add, in a process that does nothing else."""
    words = ["--tokens", tokens, "--sparsity", options.sparsity, "--threads", options.threads]
    words += ["--device", options.device, "--child", name]
    command = [sys.executable, __file__, *map(str, words)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(lines.strip().splitlines()[-1])


def peak_on(device: str) -> float:
    """Peak memory of this process, or of its GPU."""
    return peak_mib() if device == "cpu" else torch.cuda.max_memory_allocated() / 2**20


def child(options: argparse.Namespace) -> None:
    """Print what one attention adds to the memory of this process."""
    small = runs_of(*case(ROWS * COLUMNS * 4, options.sparsity, options.device), train=True)
    small[options.child]()  # libraries and kernels are loaded before the measurement
    heads, pattern = case(options.tokens[0], options.sparsity, options.device)
    before = peak_on(options.device)
    runs_of(heads, pattern, train=True)[options.child]()
    print(json.dumps(peak_on(options.device) - before))


def main() -> None:
    """Measure every length and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 5120, 10_240, 20_480])
    parser.add_argument("--sparsity", type=float, default=0.875)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--child", choices=["dense", "sparse"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        child(options)
        return
    times = f"{'dense':>9}{'sparse':>9}{'ratio':>8}"
    print(f"{'':16}{'forward, ms':^26}{'with backward, ms':^26}{'':9}{'to the':>8}{'MiB':>18}")
    print(f"{'tokens':>7}{'read':>9}{times * 2}{'change':>9}{'plain':>8}{'dense':>9}{'sparse':>9}")
    for tokens in options.tokens:
        print(measure(tokens, options), flush=True)


if __name__ == "__main__":
    main()
