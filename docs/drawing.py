"""Pictures that the pages share: rows of labelled frames, sound plots, small files."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw, ImageFont

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.media.clip import Clip

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

FRAMES, FRAME_PX, GAP_PX = 8, 128, 4
LABEL_PX, LABEL_FONT_PX = 15, 11
WINDOW, HOP = 1024, 256
MARKS = ("tab:orange", "tab:cyan")
"""Colours of what is heard and of what is seen."""

Labelled = tuple[Image.Image, str]
"""A picture and what stands above it."""


def moments(num_frames: int, times: int = FRAMES) -> list[int]:
    """Indices of frames at even times from the first to the last."""
    return np.linspace(0, num_frames - 1, times).round().astype(int).tolist()


def scaled(frame: UInt8[np.ndarray, "H W 3"], height: int = FRAME_PX) -> Image.Image:
    """A frame as a picture of some height; a small one is enlarged pixel by pixel."""
    picture = Image.fromarray(frame)
    width = round(height * picture.width / picture.height)
    nearest, smooth = Image.Resampling.NEAREST, Image.Resampling.LANCZOS
    return picture.resize((width, height), nearest if picture.height <= height else smooth)


def frame_row(frames: UInt8[np.ndarray, "F H W 3"], times: int = FRAMES) -> Image.Image:
    """Frames at even times side by side, without labels."""
    pictures = [scaled(frames[index]) for index in moments(len(frames), times)]
    width = pictures[0].width + GAP_PX
    row = Image.new("RGB", (times * width - GAP_PX, FRAME_PX), "white")
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * width, 0))
    return row


def sheet(rows: Sequence[Sequence[Labelled]]) -> Image.Image:
    """Labelled pictures in rows on one page."""
    font = ImageFont.load_default(size=LABEL_FONT_PX)
    width = max(sum(picture.width + GAP_PX for picture, _ in row) for row in rows)
    heights = [max(picture.height for picture, _ in row) + LABEL_PX + GAP_PX for row in rows]
    page = Image.new("RGB", (width, sum(heights)), "white")
    draw, top = ImageDraw.Draw(page), 0
    for row, height in zip(rows, heights, strict=True):
        left = 2
        for picture, label in row:
            page.paste(picture, (left, top + LABEL_PX))
            draw.text((left + 1, top), label, fill="black", font=font)
            left += picture.width + GAP_PX
        top += height
    return page


def spectrogram_db(waveform: Float32[np.ndarray, "channels s"]) -> Float32[np.ndarray, "hz t"]:
    """Level of the mono mix by frequency and time, in decibel below its maximum."""
    mono = torch.as_tensor(waveform).mean(0)
    spectrum = torch.stft(
        mono, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True
    ).abs()
    return (20 * torch.log10(spectrum / spectrum.max().clamp_min(1.0) + 1e-5)).numpy()


def draw_waveform(axes: Axes, clip: Clip) -> None:
    """Both channels of a clip over its seconds."""
    if clip.waveform is None:
        return
    times = np.arange(clip.waveform.shape[1]) / SAMPLE_RATE_HZ
    for channel, (name, colour) in enumerate((("left", "0.25"), ("right", "0.6"))):
        axes.plot(times, clip.waveform[channel], color=colour, linewidth=0.5, label=name)
    axes.set(xlim=(0, clip.duration_s), ylim=(-1, 1), ylabel="amplitude")


def draw_spectrogram(axes: Axes, clip: Clip) -> None:
    """Levels of a clip over its seconds, 60 Hz to 16 kHz."""
    if clip.waveform is None:
        return
    levels = spectrogram_db(clip.waveform)
    seconds = np.arange(levels.shape[1]) * HOP / SAMPLE_RATE_HZ
    hertz = np.arange(levels.shape[0]) * SAMPLE_RATE_HZ / WINDOW
    axes.pcolormesh(seconds, hertz[1:], levels[1:], vmin=-70, vmax=0, cmap="magma", rasterized=True)
    axes.set(yscale="log", ylim=(60, 16_000), xlim=(0, clip.duration_s), ylabel="Hz")


def mark(axes: Axes, heard_s: Sequence[float], seen_s: Sequence[float]) -> None:
    """Lines at the sounds that are heard and at the contacts that are seen."""
    for index, time_s in enumerate(heard_s):
        label = "sound begins" if index == 0 else None
        axes.axvline(time_s, color=MARKS[0], linewidth=1.2, label=label)
    for index, time_s in enumerate(seen_s):
        label = "contact is seen" if index == 0 else None
        axes.axvline(time_s, color=MARKS[1], linewidth=1.2, linestyle="--", label=label)


def picture_of(figure: Figure, dpi: int) -> Image.Image:
    """A plot as a picture; the figure is closed."""
    page = io.BytesIO()
    figure.savefig(page, dpi=dpi)
    plt.close(figure)
    return Image.open(page).convert("RGB")


def save_reduced(picture: Image.Image, path: Path, *, colours: int, limit_bytes: int = 0) -> int:
    """Write a picture as PNG with a palette.

    Args:
        picture: What to write.
        path: Where.
        colours: Size of the palette, made smaller as long as the file is too large.
        limit_bytes: How large it may be; 0 is any size.

    Returns:
        Bytes written.

    Raises:
        ValueError: If 16 colours are still too large.
    """
    while True:
        page = io.BytesIO()
        reduced = picture.quantize(palette=_palette(picture, colours), dither=Image.Dither.NONE)
        reduced.save(page, format="PNG", optimize=True)
        size = page.tell()
        if not limit_bytes or size <= limit_bytes:
            path.write_bytes(page.getvalue())
            return size
        if colours <= 16:
            raise ValueError(f"{path.name} may have {limit_bytes} bytes, got {size}; draw less")
        colours = colours * 3 // 4


def _palette(picture: Image.Image, colours: int) -> Image.Image:
    """The colours that a picture has most, white, and those of the marks, which are few pixels."""
    kept = [round(255 * part) for name in (*MARKS, "white") for part in to_rgb(name)]
    chosen = picture.quantize(colours - len(kept) // 3).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(chosen[: 3 * colours - len(kept)] + kept)
    return palette
