"""Peak resident memory of a short and of a long generation, each in a process of its own.

    python benchmarks/memory.py [--model stage] [--seconds 3 15] [--steps 2] [--threads 1]
        [--resolution 64p] [--aspect-ratio 1:1]

Steps reuse memory, so two are enough. Without trained weights a random transformer of the same size
takes their place: equal in memory.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from generate import load_or_random

from openreels.core.config import from_dict
from openreels.core.request import ASPECT_RATIOS, RESOLUTIONS, GenerationRequest
from openreels.pipelines.generate import generate


def peak_mib() -> float:
    """Peak resident memory of this process in MiB.

    Linux tells it of the program itself; what ``getrusage`` tells begins with the peak of the
    process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(model: str, fields: dict[str, Any]) -> dict[str, float]:
    """Peaks after loading and after one generation."""
    components = load_or_random(model)
    loaded = peak_mib()
    generate(components, from_dict(GenerationRequest, fields, allow_missing=True))
    return {"loaded_mib": loaded, "peak_mib": peak_mib()}


def main() -> None:
    """Run each length in a child and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 15.0])
    parser.add_argument("--steps", type=int, default=2, help="of the base")
    parser.add_argument("--resolution", default="64p", choices=RESOLUTIONS)
    parser.add_argument("--aspect-ratio", default="1:1", choices=ASPECT_RATIOS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        fields = {
            "prompt": "a ball",
            "duration_s": options.seconds[0],
            "steps": options.steps,
            "resolution": options.resolution,
            "aspect_ratio": options.aspect_ratio,
        }
        print(json.dumps(measure(options.model, fields)))
        return
    print(f"{'clip':>8}{'loaded MiB':>12}{'peak MiB':>10}{'peak/loaded':>13}")
    for seconds in options.seconds:
        words = ["--model", options.model, "--seconds", seconds, "--steps", options.steps]
        words += ["--threads", options.threads, "--resolution", options.resolution]
        words += ["--aspect-ratio", options.aspect_ratio, "--child"]
        command = [sys.executable, __file__, *map(str, words)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(lines.strip().splitlines()[-1])
        ratio = found["peak_mib"] / found["loaded_mib"]
        print(
            f"{seconds:6.1f} s{found['loaded_mib']:12.0f}{found['peak_mib']:10.0f}{ratio:12.2f}x",
            flush=True,
        )


if __name__ == "__main__":
    main()
