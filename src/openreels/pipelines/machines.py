"""Speeds of machines that a plan can be for, as their makers publish them."""

from dataclasses import dataclass

UTILISATION = 0.4
"""Share of the published peak that is taken for granted. Large video transformers reach 38 to 48 %
in training (arXiv 2503.12964, arXiv 2504.08685); published sampling of Wan 14B at 720p reaches 38 %
with FlashAttention 2, 52 % with FlashAttention 3 and 67 % compiled. Ours: the cautious end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One accelerator."""

    name: str
    """As its maker calls it."""
    tflops: float
    """Peak of dense bf16 matrix products in 10^12 operations a second. Data sheets print twice that
    for 2:4 sparse matrices, which are not meant here."""
    memory_gb: int
    """Memory in 10^9 bytes."""
    source: str
    """Where the two numbers are published."""


MACHINES: tuple[Machine, ...] = (
    Machine(
        name="RTX 4090",
        tflops=165.2,
        memory_gb=24,
        source="NVIDIA Ada GPU Architecture white paper, bf16 with fp32 accumulation",
    ),
    Machine(name="L40S", tflops=362.05, memory_gb=48, source="NVIDIA L40S data sheet"),
    Machine(name="A100", tflops=312.0, memory_gb=80, source="NVIDIA A100 80GB data sheet"),
    Machine(
        name="H100 SXM",
        tflops=989.5,
        memory_gb=80,
        source="NVIDIA H100 data sheet, half of 1979 with sparsity",
    ),
    Machine(
        name="H200 SXM",
        tflops=989.5,
        memory_gb=141,
        source="NVIDIA H200 data sheet, half of 1979 with sparsity",
    ),
    Machine(
        name="B200",
        tflops=2250.0,
        memory_gb=180,
        source="NVIDIA DGX B200 data sheet, an eighth of half of 36 000 with sparsity",
    ),
)
"""In the order of a table; the data sheets are NVIDIA's own."""
