"""What the audio autoencoder is trained for and how it is judged."""

from functools import cache

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import PerSample, Waveform
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.models.audio_vae.layers import mel_matrix

_FLOOR = 1e-4
_SCALES = ((4096, 2048, 128), (2048, 1024, 96), (512, 256, 48), (128, 64, 16))
"""Window, hop and mel bands: pitch, timbre, rhythm and onsets."""


@cache
def _mel(bands: int, window: int) -> Float[Tensor, "k m"]:
    return mel_matrix(bands, window)


def spectrogram(waveform: Waveform, window: int, hop: int) -> Float[Tensor, "n t k"]:
    """Magnitudes, scaled so that a sine of amplitude one peaks near one.

    Args:
        waveform: Sound; both channels become rows.
        window: Samples of a Hann window.
        hop: Samples between windows.
    """
    rows = rearrange(waveform, "b e s -> (b e) s")
    spectra = torch.stft(rows, window, hop, window=torch.hann_window(window), return_complex=True)
    power = torch.view_as_real(spectra).square().sum(-1)
    return (power + 1e-10).sqrt().transpose(1, 2) * (4 / window)


def _loudness(levels: Float[Tensor, "n t k"]) -> Float[Tensor, "n t"]:
    return (levels.square().sum(-1) + _FLOOR**2).log()


def spectral_loss(heard: Waveform, wanted: Waveform) -> Float[Tensor, ""]:
    """Distance of log-mel, compressed magnitudes and loudness over long to short windows."""
    total = torch.zeros(())
    for window, hop, bands in _SCALES:
        a, b = (spectrogram(wave, window, hop) for wave in (heard, wanted))
        mel = _mel(bands, window)
        total = total + ((a @ mel + _FLOOR).log() - (b @ mel + _FLOOR).log()).abs().mean()
        total = total + 20 * ((a + _FLOOR) ** 0.4 - (b + _FLOOR) ** 0.4).abs().mean()
        total = total + 0.5 * (_loudness(a) - _loudness(b)).abs().mean()
    return total / len(_SCALES)


def log_mel_distance_db(heard: Waveform, wanted: Waveform) -> PerSample:
    """Mean absolute difference of 80-band mel levels in decibels, floored at -80 dB."""
    mel = _mel(80, 1024)
    levels = [
        20 * (spectrogram(wave, 1024, 256) @ mel).clamp(min=_FLOOR).log10()
        for wave in (heard, wanted)
    ]
    return rearrange((levels[0] - levels[1]).abs(), "(b e) t m -> b (e t m)", e=2).mean(1)


def si_sdr_db(heard: Waveform, wanted: Waveform) -> PerSample:
    """Scale-invariant signal-to-distortion ratio over both channels, in decibels."""
    a, b = heard.flatten(1), wanted.flatten(1)
    scale = (a * b).sum(1) / b.square().sum(1).clamp(min=1e-12)
    target = scale[:, None] * b
    noise = (a - target).square().sum(1).clamp(min=1e-12)
    return 10 * (target.square().sum(1).clamp(min=1e-12) / noise).log10()


def onset_s(waveform: Waveform) -> PerSample:
    """Time of the first rise to a fifth of the loudest 2 ms."""
    power = waveform.square().mean(1)
    window = 88
    level = power.cumsum(1)
    level = (level[:, window:] - level[:, :-window]).clamp(min=0).sqrt()
    above = level >= 0.2 * level.amax(1, keepdim=True)
    return (above.float().argmax(1) + window) / SAMPLE_RATE_HZ
