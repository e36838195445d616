"""The refiner: seconds of each part, what sparse attention saves and changes, peak memory.

The low-resolution clip is a scene of the Stage world. Without a refiner in the model's folder an
untrained one of the shipped size is timed; what sparsity changes then says little.

    python benchmarks/refiner.py [--seconds 3] [--ratio 1:1] [--steps 4] [--threads 2]
        [--preset stage] [--sparsity 0.8 0.5]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from memory import peak_mib

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
    parser.add_argument(
        "--sparsity", type=float, nargs="+", help="shares left out, against 0; the refiner's own"
    )
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
    plain = RefineSettings(num_steps=options.steps, sparsity=0.0)
    dense = Refiner(network=network, video_vae=components.video_vae, settings=plain)
    prompt = read_prompt(components, GenerationRequest(prompt=caption(scene, 0)))

    told = f"{target.width}x{target.height}, {target.num_frames} frames at 32 fps"
    tokens = shape.num_latent_frames * shape.latent_height * shape.latent_width
    tokens //= network.config.patch**2
    print(f"{told}: {tokens} tokens, {dense.num_evaluations(shape)} evaluations")
    given = timed("stretch and encode", lambda: encode_given(dense, low, shape, Held()))
    whole = timed("denoise, dense", lambda: refine_latents(dense, given, prompt, fps=32, seed=0))
    for share in options.sparsity or [network.config.sparsity]:
        one = replace(dense, settings=replace(plain, sparsity=share))
        made = timed(
            f"denoise, sparsity {share:g}",
            lambda one=one: refine_latents(one, given, prompt, fps=32, seed=0),
        )
        change = (made - whole).norm() / whole.norm()
        print(f"{'change, relative L2':32}{float(change):8.2%}")
    timed("decode", lambda: sum(map(len, decoded_pieces(components.video_vae, whole, Held()))))
    print(f"{'peak memory':32}{peak_mib():8.0f} MiB")


if __name__ == "__main__":
    main()
