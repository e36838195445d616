"""The refiner: seconds of each part, what sparse attention saves and changes, peak memory.

The low-resolution clip is a scene of the Stage world. Without a refiner in the model's folder an
untrained one of the shipped size is timed; what sparsity changes then says little.

    python benchmarks/refiner.py [--seconds 3] [--ratio 1:1] [--steps 4] [--threads 2]
        [--preset stage]
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from openreels.conditioning.held import Target
from openreels.conditioning.refine import Held
from openreels.core.request import GenerationRequest
from openreels.core.seeding import generator
from openreels.evaluation.refiner import refiner_shapes
from openreels.media.clip import frames_of
from openreels.models.mmdit import presets
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.cascade import read_prompt
from openreels.pipelines.components import Components
from openreels.pipelines.refine import (
    Refiner,
    RefineSettings,
    decoded_pieces,
    encode_given,
    refine_latents,
)
from openreels.stage.captions import caption
from openreels.stage.render import render_video
from openreels.stage.world import WorldSettings, sample_scene

T = TypeVar("T")


def timed(name: str, run: Callable[[], T]) -> T:
    """Run, and print the seconds it took."""
    start = time.perf_counter()
    result = run()
    print(f"{name:32}{time.perf_counter() - start:8.1f} s", flush=True)
    return result


def main() -> None:
    """Refine one clip and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--ratio", default="1:1")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--preset", default="stage")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)

    components = Components.load(options.preset)
    network = components.refiner
    if network is None:
        network = MMDiT(presets.refiner(), generator=generator(0, "untrained")).eval()
    settings = WorldSettings(aspect_ratio=options.ratio, duration_s=options.seconds)
    scene = sample_scene(0, 0, settings=settings)
    low_shape, shape = refiner_shapes(scene, options.seconds)
    low = torch.from_numpy(frames_of(render_video([scene], low_shape)))
    target = Target(num_frames=shape.num_frames, height=shape.height, width=shape.width, fps=32)
    sparse = Refiner(
        network=network,
        video_vae=components.video_vae,
        settings=RefineSettings(num_steps=options.steps),
    )
    dense = replace(sparse, settings=replace(sparse.settings, sparsity=0.0))
    prompt = read_prompt(components, GenerationRequest(prompt=caption(scene, 0)))

    told = f"{target.width}x{target.height}, {target.num_frames} frames at 32 fps"
    tokens = shape.num_latent_frames * shape.latent_height * shape.latent_width
    tokens //= network.config.patch**2
    print(f"{told}: {tokens} tokens, {sparse.num_evaluations(shape)} evaluations")
    given = timed("stretch and encode", lambda: encode_given(sparse, low, shape, Held()))
    made = [
        timed(
            f"denoise, {name}",
            lambda one=one: refine_latents(one, given, prompt, fps=32, seed=0),
        )
        for name, one in (("sparse", sparse), ("dense", dense))
    ]
    timed("decode", lambda: sum(map(len, decoded_pieces(components.video_vae, made[0], Held()))))
    change = (made[0] - made[1]).norm() / made[1].norm()
    print(f"{'change by sparsity, relative L2':32}{float(change):8.2%}")
    print(f"{'peak memory':32}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MiB")


if __name__ == "__main__":
    main()
