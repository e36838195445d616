"""Frames that the video autoencoder decodes, against real time; memory, streaming against whole.

    python benchmarks/decode.py [--sides 64 256] [--seconds 2] [--threads 1]

Every case runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import subprocess
import sys
import time

import torch
from memory import peak_mib

from openreels.core.shapes import BASE_FPS, ClipShape, frames_of_seconds
from openreels.models.video_vae.model import VideoVAE
from openreels.weights.checkpoint import load_network, shipped_path


def measure(shape: ClipShape, *, streaming: bool, rounds: int) -> dict[str, float]:
    """Decode random latents; the best of the rounds, and what memory grew by."""
    vae = load_network(shipped_path("video_vae"), kind=VideoVAE)
    size = (shape.num_latent_frames, shape.latent_height, shape.latent_width)
    latents = torch.randn(1, vae.config.latent_channels, *size)
    with torch.inference_mode():
        vae.decode(latents[:, :, :2, :8, :8])
        before, times = peak_mib(), []
        for _ in range(rounds):
            start = time.perf_counter()
            if streaming:
                for _piece in vae.decode_stream(latents):
                    pass
            else:
                vae.decode(latents)
            times.append(time.perf_counter() - start)
    return {"seconds": min(times), "grown_mib": peak_mib() - before}


def main() -> None:
    """Run each case in a child and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", choices=("stream", "whole"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    frames = frames_of_seconds(options.seconds)
    if options.child:
        shape = ClipShape(num_frames=frames, height=options.sides[0], width=options.sides[0])
        streaming = options.child == "stream"
        print(json.dumps(measure(shape, streaming=streaming, rounds=options.rounds)))
        return
    print(f"{'case':>14}{'seconds':>10}{'frames/s':>10}{'real time':>11}{'memory MiB':>12}")
    for side in options.sides:
        for how in ("whole", "stream"):
            words = ["--sides", side, "--seconds", options.seconds, "--rounds", options.rounds]
            words += ["--threads", options.threads, "--child", how]
            command = [sys.executable, __file__, *map(str, words)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            speed = frames / found["seconds"]
            print(
                f"{side:>6} {how:>7}{found['seconds']:10.3f}{speed:10.1f}"
                f"{speed / BASE_FPS:10.2f}x{found['grown_mib']:12.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
