"""Draws spectrograms of the sounds of the Stage world, docs/img/stage-sounds.png.

python docs/make_sound_sheet.py [--out docs/img/stage-sounds.png] [--wav FOLDER]
"""

import argparse
from pathlib import Path

import torch
from drawing import picture_of, save_reduced
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from openreels.core.arrays import Waveform
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.media.audio import write_wav
from openreels.stage.ambience import AMBIENCES, Ambience
from openreels.stage.instruments import INSTRUMENTS, Strike
from openreels.stage.mix import Soundtrack, render_soundtracks
from openreels.stage.music import Music
from openreels.stage.speech import VOICES, Syllable, Utterance, Voice, midi_hz, mouth_opening

LENGTH_S = 2.4
WORDS = ("ba", "mo", "li", "ta", "su", "ne", "ka", "ru")
TUNE = ("la", "li", "mo", "lu")


def speech(voice: Voice, *words: str, each_s: float = 0.27, start_s: float = 0.1) -> Utterance:
    """Spoken syllables, evenly spaced."""
    syllables = tuple(
        Syllable(text=word, start_s=start_s + each_s * index, duration_s=each_s)
        for index, word in enumerate(words)
    )
    return Utterance(voice=voice, syllables=syllables, x=0.0)


def song(voice: Voice, lowest: int) -> Utterance:
    """A rising tune."""
    syllables = tuple(
        Syllable(
            text=word,
            start_s=0.1 + 0.55 * index,
            duration_s=0.54,
            pitch_hz=midi_hz(lowest + step),
        )
        for index, (word, step) in enumerate(zip(TUNE, (0, 4, 7, 12), strict=True))
    )
    return Utterance(voice=voice, syllables=syllables, x=0.0)


def soundtracks() -> dict[str, Soundtrack]:
    """A soundtrack a picture, by title."""
    found = {
        f"{voice} voice: {' '.join(WORDS)}": Soundtrack(utterances=(speech(voice, *WORDS),))
        for voice in VOICES
    }
    found["low voice sings"] = Soundtrack(utterances=(song("low", 43),))
    found["high voice sings"] = Soundtrack(utterances=(song("high", 60),))
    for instrument in INSTRUMENTS:
        strikes = tuple(
            Strike(
                time_s=0.1 + 0.8 * index,
                instrument=instrument,
                actor=0,
                size=size,
                speed=1.0,
                x=0.0,
            )
            for index, size in enumerate(("small", "medium", "large"))
        )
        found[f"{instrument}: small, medium, large"] = Soundtrack(strikes=strikes)
    for kind in AMBIENCES:
        found[kind] = Soundtrack(ambience=(Ambience(kind=kind, start_s=0.0, duration_s=LENGTH_S),))
    happy = Music(
        start_s=0.0, duration_s=LENGTH_S, mood="happy", timbre="pluck", key=0, tempo_bpm=120.0
    )
    sad = Music(start_s=0.0, duration_s=LENGTH_S, mood="sad", timbre="pad", key=9, tempo_bpm=75.0)
    found["happy music, pluck"] = Soundtrack(music=(happy,))
    found["sad music, pad"] = Soundtrack(music=(sad,))
    spoken = speech("mid", *WORDS[:5], start_s=0.6)
    found["speech over music: the music steps back"] = Soundtrack(
        utterances=(spoken,), music=(happy,)
    )
    return found


def draw(axes: Axes, wave: Waveform, title: str, track: Soundtrack) -> None:
    """Draw a spectrogram, and on it how far the mouth is open."""
    top_hz = 2_000 if track.music and not track.utterances else 6_500
    size = 4_096 if top_hz == 2_000 else 1_024
    view = torch.stft(
        wave[0].mean(0), size, size // 8, window=torch.hann_window(size), return_complex=True
    )
    level = 20 * (view.abs() + 1e-4).log10().numpy()
    axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(0, LENGTH_S, 0, SAMPLE_RATE_HZ / 2_000),
        vmin=level.max() - 65,
        cmap="magma",
    )
    axes.set_ylim(0, top_hz / 1_000)
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=6)
    times = torch.linspace(0, LENGTH_S, 800)
    for one in track.utterances:
        path = 0.3 * top_hz / 1_000 * mouth_opening(one, times)
        axes.plot(times, 0.68 * top_hz / 1_000 + path, color="cyan", linewidth=0.8)


def main() -> None:
    """Parse the command line, render and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/img/stage-sounds.png"))
    parser.add_argument("--wav", type=Path, help="folder for the sounds themselves")
    args = parser.parse_args()
    tracks = soundtracks()
    figure, grid = plt.subplots(-(-len(tracks) // 3), 3, figsize=(12, 9), squeeze=False)
    for axes, (title, track) in zip(grid.flat, tracks.items(), strict=False):
        wave = render_soundtracks([track], round(LENGTH_S * SAMPLE_RATE_HZ), [1])
        draw(axes, wave, title, track)
        if args.wav:
            args.wav.mkdir(parents=True, exist_ok=True)
            name = title.split(":")[0].replace(" ", "-").replace(",", "")
            write_wav(args.wav / f"{name}.wav", wave[0].numpy(), SAMPLE_RATE_HZ)
    for axes in list(grid.flat)[len(tracks) :]:
        axes.axis("off")
    figure.supxlabel("seconds", fontsize=8)
    figure.supylabel("kHz; cyan: mouth opening", fontsize=8)
    figure.tight_layout()
    save_reduced(picture_of(figure, 72), args.out, colours=64)


if __name__ == "__main__":
    main()
