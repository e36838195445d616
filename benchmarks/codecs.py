"""What the two autoencoders keep, on clips of the world and on clips that are not.

    python benchmarks/codecs.py [--clips 16] [--sheet FILE.png] [--spectrogram FILE.png]

Video: held-out Stage clips at 64 and 256 px, procedural test pictures, photographs (scikit-image).
Audio: held-out Stage sounds, synthetic sounds, and speech if the program espeak-ng is installed.
"""

import argparse
import io
import shutil
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import soxr
import torch
from einops import rearrange, repeat
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.video_vae.model import VideoVAE
from openreels.training.audio_vae import measure
from openreels.training.audio_vae_losses import log_mel_distance_db, si_sdr_db
from openreels.training.video_vae import psnr_db
from openreels.training.video_vae_clips import stage_clips, texture_clips
from openreels.weights.checkpoint import load_network, shipped_path

SPEECH = "The quick brown fox jumps over the lazy dog"


def photographs(size: int) -> Float[Tensor, "b 3 F H W"]:
    """Four photographs that scikit-image ships, cut square, as clips of one frame."""
    from skimage import data

    pictures = []
    for picture in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
        image = Image.fromarray(picture)
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side)).resize((size, size))
        pictures.append(torch.from_numpy(np.asarray(image).copy()))
    return rearrange(torch.stack(pictures).float() / 127.5 - 1, "b H W c -> b c 1 H W")


def speech() -> Float[Tensor, "1 2 s"] | None:
    """A spoken sentence at 44.1 kHz, or None without espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        return None
    wav = subprocess.run([program, "--stdout", SPEECH], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(wav)) as file:
        rate = file.getframerate()
        # the header of a stream does not know its length
        samples = np.frombuffer(wav[44:], dtype="<i2").astype(np.float32) / 32768
    sound = torch.from_numpy(soxr.resample(samples, rate, SAMPLE_RATE_HZ))
    sound = sound[: len(sound) // 1024 * 1024]
    return repeat(sound, "s -> 1 c s", c=2).contiguous()


def video_rows(vae: VideoVAE, clips: int) -> list[tuple[str, float, float]]:
    """Name, mean and worst PSNR in decibel."""
    small = ClipShape(num_frames=33, height=64, width=64)
    large = ClipShape(num_frames=17, height=256, width=256)
    sets = {
        "stage 64 px, 33 frames": stage_clips(99)(range(clips), small),
        "stage 256 px, 17 frames": stage_clips(99)(range(max(2, clips // 4)), large),
        "test pictures 64 px": texture_clips(99)(range(max(2, clips // 2)), small),
        "photographs 64 px": photographs(64),
        "photographs 256 px": photographs(256),
    }
    rows = []
    for name, pixels in sets.items():
        values = torch.cat([psnr_db(vae, one[None]) for one in pixels])
        rows.append((name, values.mean().item(), values.min().item()))
    return rows


def sheet(vae: VideoVAE, path: Path) -> None:
    """Photographs and a Stage frame above their reconstructions."""
    stage = stage_clips(99)(range(4), ClipShape(num_frames=17, height=256, width=256))
    rows = []
    for pixels in (photographs(256), stage[:, :, [16]]):
        whole = pixels if pixels is not stage else stage
        decoded = vae.decode(vae.encode(whole))
        rows += [whole[:, :, -1], decoded[:, :, -1]]
    whole = vae.decode(vae.encode(stage))[:, :, -1]
    rows[-2:] = [stage[:, :, -1], whole]
    picture = torch.cat([rearrange(row, "b c H W -> c H (b W)") for row in rows], 1)
    scaled = ((picture + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    Image.fromarray(rearrange(scaled, "c H W -> H W c").numpy()).save(path)


def spectrogram(given: Tensor, decoded: Tensor, path: Path) -> None:
    """Speech before and after."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    _, axes = pyplot.subplots(2, 1, figsize=(9, 5), sharex=True)
    for axis, sound, name in zip(axes, (given, decoded), ("given", "decoded"), strict=True):
        axis.specgram(sound[0, 0].numpy() + 1e-6, NFFT=1024, Fs=SAMPLE_RATE_HZ, noverlap=768)
        axis.set(title=name, ylim=(0, 12_000), ylabel="Hz")
    axes[1].set_xlabel("s")
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=80)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--spectrogram", type=Path)
    options = parser.parse_args()
    video = load_network(shipped_path("video_vae"), kind=VideoVAE).eval()
    audio = load_network(shipped_path("audio_vae"), kind=AudioVAE).eval()
    with torch.no_grad():
        print(f"{'video':28s} mean dB  worst dB")
        for name, mean, worst in video_rows(video, options.clips):
            print(f"{name:28s} {mean:7.2f} {worst:9.2f}")
        for name, value in measure(audio, clips=options.clips).items():
            print(f"audio {name}: {value:.3f}")
        spoken = speech()
        if spoken is not None:
            decoded = audio.decode(audio.encode(spoken))
            length = Fraction(spoken.shape[-1], SAMPLE_RATE_HZ)
            print(
                f"speech, {float(length):.1f} s: log-mel distance "
                f"{log_mel_distance_db(decoded, spoken).item():.2f} dB, "
                f"SI-SDR {si_sdr_db(decoded, spoken).item():.1f} dB"
            )
            if options.spectrogram:
                spectrogram(spoken, decoded, options.spectrogram)
        if options.sheet:
            sheet(video, options.sheet)


if __name__ == "__main__":
    main()
