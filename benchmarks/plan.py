"""Seconds that ``openreels plan`` tells against those that denoising takes, at four sizes.

    python benchmarks/plan.py [--threads 1] [--rounds 2] [--steps 6]

The speed of the machine is measured at the first size, as a user would for ``--tflops``; the others
are told by it. The shipped model makes the clips of 64 pixels; at 256 pixels, for which it was not
trained, one evaluation of its network is timed and taken as often as the plan does.
"""

import argparse
import time

import torch

from openreels.core.config import from_dict
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.request import GenerationRequest
from openreels.core.shapes import ClipShape
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.plan import find_model, grid_of, plan
from openreels.pipelines.plan_records import PlanOptions, Stage

PROMPT = "A large red rubber ball bounces in a meadow by day"
SIZES = (("64p", 3.0, "1:1"), ("64p", 1.0, "1:1"), ("64p", 5.0, "16:9"), ("256p", 1.0, "1:1"))


def request_of(resolution: str, seconds: float, aspect_ratio: str, steps: int) -> GenerationRequest:
    """One request."""
    fields = {"resolution": resolution, "duration_s": seconds, "aspect_ratio": aspect_ratio}
    fields |= {"prompt": PROMPT, "steps": steps, "seed": 1, "enhance": False}
    return from_dict(GenerationRequest, fields, allow_missing=True)


@torch.no_grad()
def one_evaluation_s(components: Components, stage: Stage) -> float:
    """Seconds of one evaluation with guidance at the size of a stage."""
    network, rows = components.mmdit, stage.rows
    config, lengths = network.config, stage.lengths
    shape = ClipShape(
        num_frames=stage.num_frames, height=stage.height, width=stage.width, fps=stage.fps
    )
    inputs = Joint(
        BranchInput(
            tokens=torch.randn(rows, lengths.video, config.video_in),
            positions=torch.rand(rows, lengths.video, 3),
            grid=grid_of(shape, config.patch),
        ),
        BranchInput(
            tokens=torch.randn(rows, lengths.audio, config.audio_channels),
            positions=torch.rand(rows, lengths.audio, 1),
        ),
    )
    context = torch.randn(rows, lengths.text, config.context_width)
    mask = torch.ones(rows, lengths.text, dtype=torch.bool)
    start = time.perf_counter()
    network(inputs, context, mask, torch.full((rows,), 0.5))
    return time.perf_counter() - start


def main() -> None:
    """Measure the speed, tell the rest by it, print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    components = Components.load()
    model, tflops = find_model("stage"), None
    generate(components, request_of("64p", 1.0, "1:1", 1))  # warm
    print(f"{'size':>16} {'tokens':>8} {'told':>9} {'measured':>9} {'ratio':>7}")
    tokens = components.text_encoder.encode_text([PROMPT])[0].shape[1]
    for resolution, seconds, aspect_ratio in SIZES:
        request = request_of(resolution, seconds, aspect_ratio, options.steps)
        asked = PlanOptions(text_tokens=tokens, sparsity=0.0)
        (stage,) = plan(model, request, asked).strategies[0].stages
        measured = []
        for _ in range(options.rounds):
            if resolution == "64p":
                measured.append(generate(components, request).metadata["stages_s"]["denoise"])
            else:
                measured.append(one_evaluation_s(components, stage) * stage.num_evaluations)
        best = min(measured)
        if tflops is None:
            tflops = stage.total_flops / best / 1e12
        told = stage.total_flops / tflops / 1e12
        count = stage.lengths.video + stage.lengths.audio
        size = f"{resolution} {seconds:g} s {aspect_ratio}"
        print(f"{size:>16} {count:>8} {told:>8.2f}s {best:>8.2f}s {told / best:>7.2f}")
    print(f"speed measured at the first size: {1000 * (tflops or 0):.0f} GFLOP/s")


if __name__ == "__main__":
    main()
