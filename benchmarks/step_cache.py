"""What step caching saves and changes: evaluations, time, final latents, and StageBench figures.

    python benchmarks/step_cache.py [--thresholds 0.1 0.2 0.4] [--prompts 2] [--seconds 1] [--probe]

Every row is against the first, all steps evaluated, on the same noise. Fewer plain steps stand
beside the cache: what it must beat. With ``--probe`` the clips are decoded and read by the probes
of StageBench.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from openreels.conditioning.build import build
from openreels.conditioning.conditions import Conditions
from openreels.conditioning.material import Material
from openreels.core.request import GenerationRequest
from openreels.diffusion.cache import StepCache
from openreels.diffusion.solvers import Sample
from openreels.evaluation.bench import PROBE_FILE
from openreels.evaluation.clips import tensors_of
from openreels.evaluation.score import Reading, read_clip, summarise
from openreels.models.probe.model import StageProbe
from openreels.pipelines.components import Components
from openreels.pipelines.denoise import denoise
from openreels.pipelines.generate import assemble
from openreels.pipelines.settings import MODES, Sampling
from openreels.stage.captions import held_out_prompts
from openreels.weights.checkpoint import load_network


@dataclass
class Row:
    """One way to sample, and what was found."""

    name: str
    sampling: Sampling
    evaluations: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    video: list[float] = field(default_factory=list)
    audio: list[float] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)


def rows_of(base: Sampling, thresholds: Sequence[float], steps: Sequence[int]) -> list[Row]:
    """All steps, then fewer steps, then thresholds of the cache."""
    rows = [Row(f"{base.num_steps} steps", base)]
    rows += [Row(f"{count} steps", replace(base, num_steps=count)) for count in steps]
    for threshold in thresholds:
        cached = replace(base, cache=StepCache(threshold=threshold))
        rows.append(Row(f"{base.num_steps} steps, cache {threshold:g}", cached))
    return rows


def relative(got: Tensor | None, wanted: Tensor | None) -> float:
    """Norm of the difference by the norm of what is wanted."""
    if got is None or wanted is None:
        return 0.0
    return float((got - wanted).norm() / wanted.norm())


def sampled(components: Components, conditions: Conditions, row: Row, seed: int) -> Sample:
    """Sample once; count evaluations of the transformer and seconds."""
    calls: list[int] = []
    hook = components.mmdit.register_forward_pre_hook(lambda *_: calls.append(1))
    start = time.perf_counter()
    latents = denoise(components, conditions, row.sampling, seed=seed)
    row.seconds.append(time.perf_counter() - start)
    row.evaluations.append(len(calls))
    hook.remove()
    return latents


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)


def main() -> None:
    """Sample every prompt in every way; print a table, and with --probe a second one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--mode", default="std", choices=list(MODES))
    parser.add_argument("--shift", type=float, default=None, help="of the noise levels; the mode's")
    parser.add_argument("--thresholds", type=float, nargs="*", default=[0.1, 0.2, 0.4])
    parser.add_argument("--steps", type=int, nargs="*", default=[16, 12])
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--probe", action="store_true", help="figures of StageBench")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    components = Components.load(options.model)
    base = MODES[options.mode]
    base = replace(base, shift=options.shift or base.shift)
    rows = rows_of(base, options.thresholds, options.steps)
    probe = load_network(PROBE_FILE, kind=StageProbe).eval() if options.probe else None
    prompts = held_out_prompts(options.prompts)
    with torch.inference_mode():
        for index, (prompt, scene) in enumerate(prompts):
            request = GenerationRequest(
                prompt=prompt,
                enhance=False,
                duration_s=options.seconds,
                aspect_ratio=scene.aspect_ratio,
            )
            num_tags = components.mmdit.config.num_tags
            conditions = build(request, components, Material(), num_tags=num_tags)
            wanted: Sample | None = None
            for row in rows:
                latents = sampled(components, conditions, row, index)
                wanted = latents if wanted is None else wanted
                row.video.append(relative(latents.video, wanted.video))
                row.audio.append(relative(latents.audio, wanted.audio))
                if probe is not None:
                    clip = assemble(components, conditions, latents)
                    row.readings.append(read_clip(probe, *tensors_of(clip), float(clip.fps)))
    print(f"{'':>24}{'evaluations':>13}{'time':>7}{'video L2':>10}{'audio L2':>10}")
    for row in rows:
        ratio = sum(row.seconds) / sum(rows[0].seconds)
        print(
            f"{row.name:>24}{mean(row.evaluations):13.1f}{ratio:7.2f}"
            f"{mean(row.video):10.4f}{mean(row.audio):10.4f}"
        )
    if probe is not None:
        tables = [summarise(row.readings, [scene for _, scene in prompts]) for row in rows]
        print(f"\n{'':>24}" + "".join(f"{row.name:>24}" for row in rows))
        for name in tables[0]:
            print(f"{name:>24}" + "".join(f"{table[name]:24.3f}" for table in tables))


if __name__ == "__main__":
    main()
