"""Draws docs/img/stage-voices.png: scenes with voices, their sound, and what is true of them.

python docs/make_voice_sheet.py [--out docs/img/stage-voices.png] [--wav FOLDER]
"""

import argparse
from pathlib import Path

import torch
from drawing import picture_of, save_reduced
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.media.audio import write_wav
from openreels.stage.faces import mouth
from openreels.stage.sample import make_samples
from openreels.stage.scene import Truth
from openreels.stage.world import WorldSettings

SHAPE = ClipShape(num_frames=33, height=96, width=96)
SHOWN = 8
TOP_HZ = 4_000
WORLD = WorldSettings(
    speech_share=0.6,
    song_share=1.0,
    music_share=0.5,
    ambience_share=0.5,
    instrument_share=0.6,
    weather_share=0.4,
)


def spectrogram(axes: Axes, wave: torch.Tensor, truth: Truth) -> None:
    """Draw the sound of a clip, its syllables, its strikes and its chords."""
    window = torch.hann_window(2048)
    level = torch.stft(wave.mean(0), 2048, 256, window=window, return_complex=True).abs()
    level = 20 * (level + 1e-3).log10()
    axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(0, wave.shape[-1] / SAMPLE_RATE_HZ, 0, SAMPLE_RATE_HZ / 2_000),
        vmin=float(level.max()) - 65,
        cmap="magma",
    )
    axes.set_ylim(0, TOP_HZ / 1_000)
    axes.set_xlim(0, float(SHAPE.duration_s))
    for event in truth.spoken:
        axes.axvline(event.start_s, color="cyan", linewidth=0.5)
        text = event.text if event.midi is None else f"{event.text} {event.midi:.0f}"
        axes.text(event.start_s, 3.7, text, color="cyan", fontsize=6)
    for strike in truth.strikes:
        axes.axvline(strike.time_s, color="lime", linewidth=0.8, ymax=0.2)
    for chord in truth.chords:
        axes.axvline(chord.start_s, color="white", linewidth=0.8, ymax=0.1)
    times = torch.linspace(0, truth.scene.duration_s, 600, dtype=torch.float64)
    for actor in sorted({line.actor for line in truth.scene.lines if line.actor is not None}):
        axes.plot(times, 2.6 + 0.9 * mouth(truth.scene, actor, times), color="cyan", linewidth=0.8)
    axes.tick_params(labelsize=6)


def main() -> None:
    """Parse the command line, render and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/img/stage-voices.png"))
    parser.add_argument("--wav", type=Path, help="folder for the sounds themselves")
    parser.add_argument("--indices", type=int, nargs="+", default=[1, 4, 6, 9])
    args = parser.parse_args()
    batch = make_samples(5, args.indices, SHAPE, WORLD)
    figure, grid = plt.subplots(2 * len(args.indices), 1, figsize=(10, 3 * len(args.indices)))
    for row, truth in enumerate(batch.truths):
        frames = batch.pixels[row, :, :: 32 // SHOWN][:, :SHOWN]
        strip = torch.cat(tuple(frames.unbind(1)), dim=-1).permute(1, 2, 0) / 2 + 0.5
        grid[2 * row].imshow(strip.clamp(0, 1).numpy())
        grid[2 * row].axis("off")
        grid[2 * row].set_title(truth.captions["structured"], fontsize=5, wrap=True)
        spectrogram(grid[2 * row + 1], batch.waveform[row], truth)
        if args.wav:
            args.wav.mkdir(parents=True, exist_ok=True)
            path = args.wav / f"voices-{args.indices[row]}.wav"
            write_wav(path, batch.waveform[row].numpy(), SAMPLE_RATE_HZ)
    figure.supxlabel("seconds; green: strikes, white: chords", fontsize=8)
    figure.supylabel("kHz; cyan: syllables (MIDI note if sung) and mouth opening", fontsize=8)
    figure.tight_layout()
    save_reduced(picture_of(figure, 80), args.out, colours=128)


if __name__ == "__main__":
    main()
