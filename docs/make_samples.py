"""Draws docs/img/samples.png and docs/img/samples-sound.png: what the model makes.

The prompts are the first of the held-out list, the clips are not selected.

    python docs/make_samples.py [--model stage] [--probe FILE] [--count 6] [--out docs/img]
"""

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from openreels.core.request import GenerationRequest
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.evaluation.bench import PROBE_FILE, describe
from openreels.evaluation.clips import tensors_of
from openreels.evaluation.score import Reading, read_clip
from openreels.media.clip import Clip
from openreels.models.probe.model import StageProbe
from openreels.pipelines.model import Model, load
from openreels.stage.captions import held_out_prompts
from openreels.weights.checkpoint import load_network

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FRAMES, FRAME_PX, GAP_PX, FONT_PX = 8, 128, 4, 15
WINDOW, HOP = 1024, 256


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


def frame_row(clip: Clip, times: int = FRAMES) -> Image.Image:
    """Frames at even times from the first to the last, side by side, enlarged without smoothing."""
    frames = clip.frames
    chosen = np.linspace(0, len(frames) - 1, times).round().astype(int)
    pictures = [Image.fromarray(frames[index]) for index in chosen]
    width = round(FRAME_PX * pictures[0].width / pictures[0].height)
    row = Image.new("RGB", (times * (width + GAP_PX) - GAP_PX, FRAME_PX), "white")
    for place, picture in enumerate(pictures):
        large = picture.resize((width, FRAME_PX), Image.Resampling.NEAREST)
        row.paste(large, (place * (width + GAP_PX), 0))
    return row


def write_frames(samples: Sequence[Sample], path: Path) -> None:
    """Draw the contact sheet: a row of frames a clip, its prompt under it."""
    font = ImageFont.load_default(size=FONT_PX)
    rows = [frame_row(sample.clip) for sample in samples]
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


def spectrogram_db(waveform: np.ndarray) -> np.ndarray:
    """Level of the mono mix by frequency and time, in decibel below its maximum."""
    mono = torch.as_tensor(waveform).mean(0)
    spectrum = torch.stft(
        mono, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True
    ).abs()
    return (20 * torch.log10(spectrum / spectrum.max().clamp_min(1.0) + 1e-5)).numpy()


def mark(axes: Axes, sample: Sample) -> None:
    """Lines at the sounds that are heard and at the contacts that are seen."""
    for index, onset in enumerate(sample.reading.onsets):
        label = "sound begins" if index == 0 else None
        axes.axvline(onset.time_s, color="tab:orange", linewidth=1.2, label=label)
    for index, time_s in enumerate(sample.reading.contacts_s):
        label = "contact is seen" if index == 0 else None
        axes.axvline(time_s, color="tab:cyan", linewidth=1.2, linestyle="--", label=label)


def write_sound(samples: Sequence[Sample], path: Path) -> None:
    """Draw waveform and spectrogram of each clip, with marks of what is seen and heard."""
    figure, grid = plt.subplots(
        len(samples), 2, figsize=(13, 2.1 * len(samples)), squeeze=False, layout="constrained"
    )
    for (left, right), sample in zip(grid, samples, strict=True):
        waveform = sample.clip.waveform
        times = np.arange(waveform.shape[1]) / SAMPLE_RATE_HZ
        for channel, (name, colour) in enumerate((("left", "0.25"), ("right", "0.6"))):
            left.plot(times, waveform[channel], color=colour, linewidth=0.5, label=name)
        left.set(xlim=(0, sample.clip.duration_s), ylim=(-1, 1), ylabel="amplitude")
        levels = spectrogram_db(waveform)
        span = (np.arange(levels.shape[1]) * HOP / SAMPLE_RATE_HZ, np.arange(levels.shape[0]))
        hertz = span[1] * SAMPLE_RATE_HZ / WINDOW
        right.pcolormesh(
            span[0], hertz[1:], levels[1:], vmin=-70, vmax=0, cmap="magma", rasterized=True
        )
        right.set(yscale="log", ylim=(60, 16_000), xlim=(0, sample.clip.duration_s), ylabel="Hz")
        for axes in (left, right):
            mark(axes, sample)
        left.set_title(textwrap.shorten(sample.prompt, 95), fontsize=8, loc="left")
        if left.get_legend_handles_labels()[0]:
            left.legend(fontsize=6, loc="upper right", ncols=4)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    figure.savefig(path, dpi=90)
    plt.close(figure)


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
