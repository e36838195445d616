"""Takes the first frame of a Stage scene and lets the model continue it, with sound.

python examples/image_to_video.py [-o continued.mp4]
"""

import argparse
from pathlib import Path

import openreels
from openreels.core.shapes import ClipShape
from openreels.media.clip import Clip, frames_of
from openreels.stage.sample import make_samples


def main(arguments: list[str] | None = None) -> None:
    """Render a frame, write it beside the output, generate from it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("continued.mp4"))
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--index", type=int, default=0, help="which scene of the world")
    parser.add_argument("--mode", default="std", help="fast, std or pro")
    options = parser.parse_args(arguments)

    scene = make_samples(7, [options.index], ClipShape(num_frames=1, height=64, width=64))
    picture = options.output.with_suffix(".png")
    Clip(frames=frames_of(scene.pixels)).save(picture)

    model = openreels.load(options.model)
    prompt = scene.truths[0].captions["long"]
    clip = model.generate(prompt, first_frame=str(picture), duration_s=2.0, mode=options.mode)
    clip.save(options.output)


if __name__ == "__main__":
    main()
