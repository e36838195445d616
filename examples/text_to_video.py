"""Makes a clip with sound from a prompt.

python examples/text_to_video.py [PROMPT] [-o ball.mp4]
"""

import argparse
from pathlib import Path

import openreels


def main(arguments: list[str] | None = None) -> None:
    """Parse, generate, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "prompt", nargs="?", default="A large red rubber ball bounces in a meadow by day"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("ball.mp4"))
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--duration", type=float, default=3.0, help="seconds, 1 to 15")
    parser.add_argument("--mode", default="std", help="fast, std or pro")
    options = parser.parse_args(arguments)

    model = openreels.load(options.model)
    clip = model.generate(options.prompt, duration_s=options.duration, mode=options.mode, seed=1)
    clip.save(options.output)


if __name__ == "__main__":
    main()
