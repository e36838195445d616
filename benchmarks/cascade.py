"""The cascade against direct generation at 256 pixels and 32 frames a second, by the clock.

    python benchmarks/cascade.py [--threads 2] [--seconds 3] [--rounds 1]

Both ways have the base's width and depth, the same number of steps and the same guidance. The
cascade is run as ``openreels generate`` runs it: the base at 64 pixels and 16 frames a second, then
the refiner. Direct generation is one evaluation of the base at the full size and rate, timed and
taken as often as the sampler takes one: the shipped base was not trained there, so its time says
what such a model would cost, and nothing of how its clips would look.
"""

import argparse

import torch
from plan import PROMPT, one_evaluation_s

from openreels.core.config import from_dict
from openreels.core.request import GenerationRequest
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.plan import find_model, plan
from openreels.pipelines.plan_records import PlanOptions


def request_of(seconds: float, *, mode: str) -> GenerationRequest:
    """A square clip of 256 pixels with sound."""
    fields = {"resolution": "256p", "duration_s": seconds, "aspect_ratio": "1:1", "mode": mode}
    fields |= {"prompt": PROMPT, "seed": 1, "enhance": False}
    return from_dict(GenerationRequest, fields, allow_missing=True)


def main() -> None:
    """Time both ways and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    components = Components.load()
    if components.refiner is None:
        raise SystemExit("the cascade needs a refiner, the model has none")
    request = request_of(options.seconds, mode="std")
    short = request_of(1.0, mode="std")
    steps = generate(components, short).metadata["refiner_steps"]  # warm, too
    tokens = components.text_encoder.encode_text([PROMPT])[0].shape[1]
    asked = PlanOptions(
        text_tokens=tokens,
        sparsity=components.refiner.config.sparsity,
        refiner_steps=steps,
        keyframes=0,
        fps=32,
    )
    ways = {way.name: way for way in plan(find_model("stage"), request, asked).strategies}
    (full,) = ways["direct"].stages
    made, evaluation = [], []
    for _ in range(options.rounds):
        spent = generate(components, request).metadata["stages_s"]
        made.append((spent["denoise"] + spent["refine"], spent["denoise"], spent["refine"]))
        evaluation.append(one_evaluation_s(components, full))
    both, base, refiner = min(made)
    direct = min(evaluation) * full.num_evaluations
    print(f"{options.seconds:g} s of 256x256 at 32 fps with sound, {options.threads} threads")
    print(f"cascade: base {base:.1f} s, refiner {refiner:.1f} s, both {both:.1f} s")
    print(
        f"direct: {full.num_evaluations} evaluations of {full.lengths.video} video tokens in "
        f"{full.rows} rows, {min(evaluation):.1f} s each, {direct:.0f} s"
    )
    counted = ways["direct"].total_flops / ways["cascade, sparse"].total_flops
    print(f"direct / cascade: {direct / both:.1f} by the clock")
    print(f"by the plan, which counts the networks alone: {counted:.1f}")


if __name__ == "__main__":
    main()
