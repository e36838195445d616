"""Clips a second of the Stage world: scenes, pictures and sound, at 64 and 256 px.

python benchmarks/stage_world.py [--clips 8] [--seconds 2] [--sides 64 256] [--threads 1]
"""

import argparse
import time
from collections.abc import Callable

import torch

from openreels.core.shapes import ClipShape, frames_of_seconds
from openreels.stage.captions import caption
from openreels.stage.physics import contacts
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import settings_for
from openreels.stage.sound import render_audio
from openreels.stage.world import sample_scene


def clips_a_second(run: Callable[[], object], clips: int) -> float:
    """Speed of one run over so many clips."""
    start = time.perf_counter()
    run()
    return clips / (time.perf_counter() - start)


def main() -> None:
    """Time each part over the same scenes and print clips a second and times real time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    frames, clips = frames_of_seconds(options.seconds), options.clips
    shapes = {side: ClipShape(num_frames=frames, height=side, width=side) for side in options.sides}
    any_shape = next(iter(shapes.values()))
    settings = settings_for(any_shape)
    scenes = [sample_scene(3, index, settings=settings) for index in range(clips)]
    events = [contacts(scene) for scene in scenes]
    cases: dict[str, Callable[[], object]] = {
        "scenes": lambda: [sample_scene(4, index, settings=settings) for index in range(clips)],
        "contacts": lambda: [contacts(scene) for scene in scenes],
        "captions": lambda: [caption(scene, 1) for scene in scenes],
        "sound": lambda: render_audio(events, any_shape.num_samples, list(range(clips))),
    }
    for side, shape in shapes.items():
        cases[f"pictures {side} px"] = lambda shape=shape: render_video(scenes, shape)
        cases[f"masks {side} px"] = lambda shape=shape: render_masks(scenes, shape)
    print(f"{'part':>18}{'clips/s':>12}{'real time':>12}")
    for name, run in cases.items():
        speed = clips_a_second(run, clips)
        print(f"{name:>18}{speed:12.2f}{speed * float(any_shape.duration_s):11.1f}x", flush=True)


if __name__ == "__main__":
    main()
