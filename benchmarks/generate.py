"""Seconds from a prompt to an MP4, by stage, and against the length of the clip.

    python benchmarks/generate.py [--model stage] [--seconds 1 3] [--steps N] [--threads 1]

Without trained weights a random transformer of the same size takes their place: equal in speed.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from openreels.core.errors import CheckpointError
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.models.mmdit.presets import stage
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.weights.checkpoint import save_network, shipped_path

STAGES = ("read", "encode", "denoise", "decode", "write")
COMPANIONS = ("video_vae", "audio_vae", "text_encoder")


def load_or_random(model: str) -> Components:
    """Load a model; where the transformer is missing, a random one of the preset."""
    try:
        return Components.load(model)
    except CheckpointError:
        if model != "stage":
            raise
    print("no trained transformer is there: a random one of the preset is timed")
    with tempfile.TemporaryDirectory() as folder:
        save_network(Path(folder) / "mmdit.safetensors", MMDiT(stage()))
        for name in COMPANIONS:
            target = Path(folder) / f"{name}.safetensors"
            target.write_bytes(shipped_path(name).read_bytes())
        return Components.load(folder)


def times_of(components: Components, request: GenerationRequest, path: Path) -> dict[str, float]:
    """Seconds of each stage of one generation, written as MP4."""
    result = generate(components, request)
    start = time.perf_counter()
    result.clip.save(path)
    return result.metadata["stages_s"] | {"write": time.perf_counter() - start}


def main() -> None:
    """Load once, generate each length, print seconds and shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--seconds", type=float, nargs="+", default=[1.0, 3.0])
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--mode", default="std")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    components = load_or_random(options.model)
    load_s = time.perf_counter() - start
    print(f"load {load_s:.2f} s")
    print(f"{'clip':>8}" + "".join(f"{name:>16}" for name in STAGES) + f"{'all':>9}{'of clip':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for seconds in options.seconds:
            request = GenerationRequest(
                prompt="A large red rubber ball bounces in a meadow by day",
                duration_s=seconds,
                mode=options.mode,
                steps=options.steps,
            )
            times = times_of(components, request, Path(folder) / "clip.mp4")
            total = sum(times.values())
            cells = (f"{times[name]:7.2f} s {times[name] / total:6.1%}" for name in STAGES)
            row = "".join(f"{cell:>16}" for cell in cells)
            print(f"{seconds:6.1f} s{row}{total:7.2f} s{total / seconds:8.2f}x", flush=True)


if __name__ == "__main__":
    main()
