"""Replaces the actor of a Stage clip by another one; every other pixel stays what it was.

python examples/inpaint_region.py [PROMPT] [-o changed.mp4]
"""

import argparse
from pathlib import Path

import openreels
from openreels.cli.stage import write_sample
from openreels.core.shapes import ClipShape


def main(arguments: list[str] | None = None) -> None:
    """Render a clip and the mask of its actor, and change what the mask covers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="A large yellow metal star spins in a room")
    parser.add_argument("-o", "--output", type=Path, default=Path("changed.mp4"))
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of the clip")
    parser.add_argument("--mode", default="std", help="fast, std or pro")
    options = parser.parse_args(arguments)

    folder = options.output.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    frames = round(options.seconds * 4) * 4 + 1
    write_sample(folder, seed=7, index=1, shape=ClipShape(num_frames=frames, height=64, width=64))

    source, mask = str(folder / "clip.mp4"), str(folder / "mask-0.png")
    model = openreels.load(options.model)
    clip = model.generate(options.prompt, edit=source, edit_region=mask, mode=options.mode)
    clip.save(options.output)


if __name__ == "__main__":
    main()
