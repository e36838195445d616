"""Share of the machine's fp32 matrix-multiply speed that the MMDiT reaches.

Every case is timed in turn, many times over, beside one large linear layer; what is printed are
medians of CPU time and their ratios, so that a busy machine disturbs all cases alike.

    python benchmarks/mmdit.py [--rounds 9] [--threads 1]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.diffusion.loss import total_loss, velocity_errors
from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import stage

ATEN = torch.ops.aten


def attention_flops(
    query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object
) -> int:
    """Count the products of fused attention on CPUs, which the counter does not know."""
    return sdpa_flop_count(query, key, value)


def attention_backward_flops(
    grad: torch.Size,
    query: torch.Size,
    key: torch.Size,
    value: torch.Size,
    *_: object,
    **__: object,
) -> int:
    """Count the products of its backward."""
    return sdpa_backward_flop_count(grad, query, key, value)


FLOPS_OF_CPU_ATTENTION = {
    ATEN._scaled_dot_product_flash_attention_for_cpu: attention_flops,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward_flops,
}


class Case:
    """Something to time, with its FLOPs counted once and matrix products only."""

    def __init__(self, name: str, run: Callable[[], object], *, num_samples: int) -> None:
        self.name, self.run, self.num_samples = name, run, num_samples
        self.seconds: list[float] = []
        run()
        with FlopCounterMode(display=False, custom_mapping=FLOPS_OF_CPU_ATTENTION) as counter:
            run()
        self.flops = counter.get_total_flops()

    def time(self) -> None:
        """Run once more and remember the CPU time."""
        start = time.process_time()
        self.run()
        self.seconds.append(time.process_time() - start)

    @property
    def speed(self) -> float:
        """FLOPs a CPU-second."""
        return self.flops / statistics.median(self.seconds)


def inputs(config: MMDiTConfig, batch: int, num_video: int, num_audio: int) -> tuple:
    """Draw random inputs with 32 prompt tokens."""

    def branch(count: int, channels: int, axes: int) -> BranchInput:
        return BranchInput(
            tokens=torch.randn(batch, count, channels), positions=torch.rand(batch, count, axes)
        )

    return (
        Joint(branch(num_video, config.video_in, 3), branch(num_audio, config.audio_channels, 1)),
        torch.randn(batch, 32, config.context_width),
        torch.ones(batch, 32, dtype=torch.bool),
        torch.rand(batch),
    )


def forward_case(name: str, config: MMDiTConfig, sizes: tuple[int, int, int]) -> Case:
    """Forward without gradients; ``sizes`` are batch, video and audio tokens."""
    network, given = MMDiT(config), inputs(config, *sizes)

    def run() -> None:
        with torch.no_grad():
            network(*given)

    return Case(name, run, num_samples=sizes[0])


def training_case(name: str, config: MMDiTConfig, sizes: tuple[int, int, int]) -> Case:
    """Forward, backward and AdamW."""
    network, given = MMDiT(config), inputs(config, *sizes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)
    batch, num_video, num_audio = sizes
    target: Joint[Tensor | None] = Joint(
        torch.randn(batch, num_video, config.video_out),
        torch.randn(batch, num_audio, config.audio_channels),
    )

    def run() -> None:
        total_loss(velocity_errors(network(*given), target)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return Case(name, run, num_samples=batch)


def peak_case() -> Case:
    """One linear layer, large enough to run at the machine's speed."""
    layer, rows = nn.Linear(1024, 2048), torch.randn(2048, 1024)

    def run() -> None:
        with torch.no_grad():
            layer(rows)

    return Case("linear 2048x1024x2048", run, num_samples=1)


def main() -> None:
    """Time all cases in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = stage()
    wide = replace(config, width=384, num_heads=6, mlp_width=1536)
    cases = [
        peak_case(),
        forward_case("stage forward, 1 x (576 + 89 + 32)", config, (1, 576, 89)),
        forward_case("stage forward, 2 x (576 + 89 + 32)", config, (2, 576, 89)),
        forward_case("stage forward, 1 x (1344 + 218 + 32)", config, (1, 1344, 218)),
        forward_case("width 384 forward, 1 x (1100 + 400 + 32)", wide, (1, 1100, 400)),
        training_case("stage training, 8 x (576 + 89 + 32)", config, (8, 576, 89)),
    ]
    for _ in range(options.rounds):
        for case in cases:
            case.time()
    peak = cases[0].speed
    print(f"{'case':44}{'GFLOP':>8}{'CPU s':>9}{'GF/s':>7}{'of peak':>9}{'samples/s':>11}")
    for case in cases:
        seconds = statistics.median(case.seconds)
        print(
            f"{case.name:44}{case.flops / 1e9:8.2f}{seconds:9.4f}{case.speed / 1e9:7.1f}"
            f"{case.speed / peak:9.1%}{case.num_samples / seconds:11.2f}"
        )


if __name__ == "__main__":
    main()
