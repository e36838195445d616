"""Attention of a training step: bfloat16 products a few heads at a time against the fused kernel.

    python benchmarks/attention.py [--threads 2] [--rounds 3]

The head width and number of the ``stage`` preset; a batch of edits of single frames, and one of
clips of two seconds, with and without padded keys. Printed are seconds of the fused kernel in fp32
and in bfloat16 and of the products, forward alone and with the way back, and how many times as fast
the products are as the faster of both.
"""

import argparse
import time
from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

from openreels.core.products import takes_bf16
from openreels.models.mmdit import presets
from openreels.nn.attention import attend
from openreels.nn.product_attention import product_attend

SHAPES = {"single frames": (44, 203), "clips": (12, 1230)}
"""Samples, and tokens with the prompt's."""
PADDED = 5
Attention = Callable[[Tensor, Tensor, Tensor, Bool[Tensor, "b 1 1 m"] | None], Tensor]


def fused_bf16(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The fused kernel with bfloat16 factors."""
    return attend(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask)


WAYS: dict[str, Attention] = {"fused": attend, "fused bf16": fused_bf16, "products": product_attend}


def seconds_of(
    way: Attention, heads: list[Tensor], mask: Tensor | None, rounds: int
) -> list[float]:
    """Best seconds of a forward, and of a forward with its way back."""
    query, key, value = heads

    def forward() -> None:
        with torch.no_grad():
            way(query, key, value, mask)

    def both() -> None:
        way(query, key, value, mask).float().sum().backward()

    best: list[float] = []
    for run in (forward, both):
        run()
        times: list[float] = []
        for _ in range(rounds):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        best.append(min(times))
    return best


def main() -> None:
    """Time every way on every shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = presets.stage()
    print(f"bfloat16 instructions: {'yes' if takes_bf16() else 'no'}, {options.threads} threads")
    for name, (count, length) in SHAPES.items():
        shape = (count, length, config.num_heads, config.head_width)
        heads = [torch.randn(shape, requires_grad=True) for _ in range(3)]
        padded = torch.ones(count, 1, 1, length, dtype=torch.bool)
        padded[..., -PADDED:] = False
        for kind, mask in (("all keys", None), ("padded keys", padded)):
            found = {way: seconds_of(run, heads, mask, options.rounds) for way, run in WAYS.items()}
            told = ", ".join(f"{way} {a:.3f} and {b:.3f} s" for way, (a, b) in found.items())
            fused = zip(found["fused"], found["fused bf16"], strict=True)
            ratios = [min(a) / b for a, b in zip(fused, found["products"], strict=True)]
            print(f"{name}, {kind}: {told}: {ratios[0]:.1f} and {ratios[1]:.1f} times as fast")


if __name__ == "__main__":
    main()
