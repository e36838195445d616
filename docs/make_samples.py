"""Draws docs/img/samples.png and docs/img/samples-sound.png: what the model makes.

The prompts are the first of the held-out list, the clips are not selected.

    python docs/make_samples.py [--model stage] [--probe FILE] [--count 6] [--out docs/img]
"""

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drawing import GAP_PX, draw_spectrogram, draw_waveform, frame_row, mark, picture_of
from matplotlib import pyplot as plt
from PIL import Image, ImageDraw, ImageFont

from openreels.core.request import GenerationRequest
from openreels.evaluation.bench import PROBE_FILE, describe
from openreels.evaluation.clips import tensors_of
from openreels.evaluation.score import Reading, read_clip
from openreels.media.clip import Clip
from openreels.models.probe.model import StageProbe
from openreels.pipelines.model import Model, load
from openreels.stage.captions import held_out_prompts
from openreels.weights.checkpoint import load_network

FONT_PX = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One clip of the sheets."""

    prompt: str
    """What was asked for."""
    clip: Clip
    """What was made."""
    reading: Reading
    """What the instruments see and hear in it."""


def make_samples(
    model: Model, probe: StageProbe, *, count: int, duration_s: float, mode: str, seed: int
) -> list[Sample]:
    """Generate the first clips of the held-out list and read them."""
    samples = []
    for index, (prompt, scene) in enumerate(held_out_prompts(count)):
        request = GenerationRequest(prompt=prompt, aspect_ratio=scene.aspect_ratio)
        clip = model.generate(request, duration_s=duration_s, mode=mode, seed=seed + index)
        reading = read_clip(probe, *tensors_of(clip), clip.fps)
        samples.append(Sample(prompt=prompt, clip=clip, reading=reading))
        print(f"{prompt}\n    {describe(reading)}", flush=True)  # noqa: T201
    return samples


def write_frames(samples: Sequence[Sample], path: Path) -> None:
    """Draw the contact sheet: a row of frames a clip, its prompt under it."""
    font = ImageFont.load_default(size=FONT_PX)
    rows = [frame_row(sample.clip.frames) for sample in samples]
    width = max(row.width for row in rows)
    texts = [textwrap.wrap(sample.prompt, int(width / 7.3)) for sample in samples]
    heights = [row.height + (len(text) * 19) + 14 for row, text in zip(rows, texts, strict=True)]
    sheet = Image.new("RGB", (width + 2 * GAP_PX, sum(heights) + GAP_PX), "white")
    draw, top = ImageDraw.Draw(sheet), GAP_PX
    for row, text, height in zip(rows, texts, heights, strict=True):
        sheet.paste(row, (GAP_PX, top))
        for line, words in enumerate(text):
            draw.text((GAP_PX, top + row.height + 3 + 19 * line), words, fill="black", font=font)
        top += height
    sheet.save(path, optimize=True)


def write_sound(samples: Sequence[Sample], path: Path) -> None:
    """Draw waveform and spectrogram of each clip, with marks of what is seen and heard."""
    figure, grid = plt.subplots(
        len(samples), 2, figsize=(13, 2.1 * len(samples)), squeeze=False, layout="constrained"
    )
    for (left, right), sample in zip(grid, samples, strict=True):
        draw_waveform(left, sample.clip)
        draw_spectrogram(right, sample.clip)
        for axes in (left, right):
            mark(axes, [one.time_s for one in sample.reading.onsets], sample.reading.contacts_s)
        left.set_title(textwrap.shorten(sample.prompt, 95), fontsize=8, loc="left")
        if left.get_legend_handles_labels()[0]:
            left.legend(fontsize=6, loc="upper right", ncols=4)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    picture_of(figure, 90).save(path, optimize=True)


def main() -> None:
    """Generate, read and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="stage", help="stage, or a folder of weights")
    parser.add_argument("--probe", type=Path, default=PROBE_FILE)
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--duration", type=float, default=3.0)
    parser.add_argument("--mode", default="std")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "img")
    parser.add_argument("--clips", type=Path, default=None, help="folder for the clips as MP4")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    probe = load_network(options.probe, kind=StageProbe).eval()
    samples = make_samples(
        load(options.model),
        probe,
        count=options.count,
        duration_s=options.duration,
        mode=options.mode,
        seed=options.seed,
    )
    write_frames(samples, options.out / "samples.png")
    write_sound(samples, options.out / "samples-sound.png")
    if options.clips is not None:
        options.clips.mkdir(parents=True, exist_ok=True)
        for index, sample in enumerate(samples):
            sample.clip.save(options.clips / f"{index}.mp4")


if __name__ == "__main__":
    main()
