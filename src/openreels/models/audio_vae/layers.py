"""Parts of the audio autoencoder: framing, hearing, residual blocks, the spectral head."""

import math

import torch
from einops import rearrange, reduce
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.arrays import Waveform
from openreels.core.shapes import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN
from openreels.models.audio_vae.config import AudioVAEConfig

_FLOOR = 1e-4
_PAN_SCALE = 1.5
_RHYTHM_SCALE = 0.7
_QUIETEST, _LOUDEST = -9.0, 6.0


class Framing(nn.Module):
    """A short-time Fourier transform with exactly one frame a hop, and its inverse.

    Frame ``i`` is centred on the middle of hop ``i``; windows are two hops long, so a frame reaches
    half a hop into its neighbours and the transform of ``k`` hops has ``k`` frames.
    """

    window: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        time = (torch.arange(2 * hop) + 0.5) * (math.pi / (2 * hop))
        self.register_buffer("window", torch.sin(time), persistent=False)

    def analyse(self, waveform: Float[Tensor, "b e s"]) -> Complex[Tensor, "b e t k"]:
        """Spectra of all hops; the length must be a multiple of the hop."""
        padded = functional.pad(waveform, (self.hop // 2, self.hop // 2))
        frames = padded.unfold(-1, 2 * self.hop, self.hop) * self.window
        return torch.fft.rfft(frames, norm="ortho")

    def synthesise(self, spectra: Complex[Tensor, "b e t k"]) -> Float[Tensor, "b e s"]:
        """Overlap-add; undoes ``analyse`` exactly."""
        return self._join(spectra, self.window)

    def carry(self, spectra: Complex[Tensor, "b e t k"]) -> Float[Tensor, "b e s"]:
        """Overlap-add with windows that sum to one: an unchanging bin is a steady tone."""
        return self._join(spectra, self.window.square())

    def _join(
        self, spectra: Complex[Tensor, "b e t k"], window: Float[Tensor, " w"]
    ) -> Float[Tensor, "b e s"]:
        frames = torch.fft.irfft(spectra, n=2 * self.hop, norm="ortho") * window
        total = self._overlap(frames)
        power = self._overlap(self.window.square().expand(1, 1, frames.shape[2], -1))
        half = self.hop // 2
        return (total / power.clamp(min=1e-6))[..., half:-half]

    def _overlap(self, frames: Float[Tensor, "b e t w"]) -> Float[Tensor, "b e s"]:
        first, second = frames.chunk(2, dim=-1)
        blocks = functional.pad(first, (0, 0, 0, 1)) + functional.pad(second, (0, 0, 1, 0))
        return rearrange(blocks, "b e t w -> b e (t w)")


def mel_matrix(bands: int, window: int) -> Float[Tensor, "k m"]:
    """Triangular mel bands over the bins of a window, each summing to one.

    Args:
        bands: Number of bands, from 0 Hz to half the sample rate.
        window: Samples of the window.
    """
    top = 2595 * math.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, bands + 2, dtype=torch.float64) / 2595) - 1)
    hz = torch.arange(window // 2 + 1) * SAMPLE_RATE_HZ / window
    half_bin = SAMPLE_RATE_HZ / window / 2
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rise = (hz[:, None] - low) / (centre - low).clamp(min=half_bin)
    fall = (high - hz[:, None]) / (high - centre).clamp(min=half_bin)
    weights = torch.minimum(rise, fall).clamp(min=0)
    nearest = (hz[:, None] - centre).abs().argmin(0)
    weights[nearest, torch.arange(bands)] += 1e-6
    return (weights / weights.sum(0)).float()


class Hearing(nn.Module):
    """Fixed features of a token: loudness of bands on a logarithmic scale, zero in silence.

    One long spectrum tells pitch and timbre, its left to right ratio the place, and short spectra
    the rhythm inside the token. Phases are not heard; the decoder makes its own.
    """

    pitch: Tensor
    pan: Tensor
    rhythm: Tensor

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        self.long = Framing(SAMPLES_PER_TOKEN)
        self.short = Framing(SAMPLES_PER_TOKEN // config.rhythm_steps)
        self.steps = config.rhythm_steps
        long, short = 2 * self.long.hop, 2 * self.short.hop
        self.register_buffer("pitch", mel_matrix(config.pitch_bands, long), persistent=False)
        self.register_buffer("pan", mel_matrix(config.pan_bands, long), persistent=False)
        self.register_buffer("rhythm", mel_matrix(config.rhythm_bands, short), persistent=False)

    def forward(self, waveform: Waveform) -> Float[Tensor, "b l p"]:
        """Features of every token; a token hears half a token around it."""
        power = _power(self.long, waveform)
        pitch = _level(reduce(power, "b e l k -> b l k", "sum"), self.pitch)
        left, right = _level(power, self.pan).unbind(1)
        short = reduce(_power(self.short, waveform), "b e t k -> b t k", "sum")
        rhythm = rearrange(_level(short, self.rhythm), "b (l r) m -> b l (r m)", r=self.steps)
        return torch.cat((pitch, _PAN_SCALE * (left - right), _RHYTHM_SCALE * rhythm), dim=-1)


def _power(framing: Framing, waveform: Waveform) -> Float[Tensor, "b e t k"]:
    parts = torch.view_as_real(framing.analyse(waveform))
    return parts.square().sum(-1) * (2 / framing.hop)


def _level(power: Float[Tensor, "*b k"], bands: Float[Tensor, "k m"]) -> Float[Tensor, "*b m"]:
    return torch.log1p((power @ bands + 1e-14).sqrt() / _FLOOR - 1e-3).clamp(min=0)


class Block(nn.Module):
    """Residual block: depthwise convolution over time, then two linear maps."""

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.2))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Add the block's output; a token sees ``kernel // 2`` neighbours on each side."""
        mixed = self.mix(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.down(functional.gelu(self.up(self.norm(mixed))))


def split_matrix(bands: int, bins: int) -> Float[Tensor, "n k"]:
    """Triangles that share out every bin among ``bands``: narrow below, wide above."""
    corner = 12.0
    place = torch.log1p(torch.arange(bins) / corner) / math.log1p((bins - 1) / corner)
    place = place * (bands - 1)
    return (1 - (place[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0)


def bounded_gain(x: Tensor) -> Tensor:
    """A gain from its logarithm; beyond the useful range it gets stiff but keeps a gradient."""
    x = functional.leaky_relu(x - _QUIETEST, 0.05) + _QUIETEST
    return (_LOUDEST - functional.leaky_relu(_LOUDEST - x, 0.05)).exp()


class SpectralHead(nn.Module):
    """Sound of a token: a bank of steady carriers, one a bin, with envelopes in a few wide bands.

    A frame of the inverse transform that keeps its phases, bins of odd number turning by half a
    cycle a hop, sounds as a steady tone a bin. So tones run on through tokens although latents hold
    no phase. What is faster than a token is drawn by the envelopes, which also place the sound
    between left and right.
    """

    split: Tensor

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        bins = SAMPLES_PER_TOKEN + 1
        self.bands, self.steps = config.envelope_bands, config.envelope_steps
        self.framing = Framing(SAMPLES_PER_TOKEN)
        self.norm = nn.LayerNorm(config.width)
        self.level = nn.Linear(config.width, bins)
        self.turn = nn.Linear(config.width, bins)
        self.envelope = nn.Linear(config.width, 2 * self.bands * self.steps)
        self.register_buffer("split", split_matrix(self.bands, bins), persistent=False)
        nn.init.constant_(self.level.bias, -6.0)
        nn.init.zeros_(self.turn.weight)
        nn.init.uniform_(self.turn.bias, -math.pi, math.pi)
        nn.init.zeros_(self.envelope.bias)

    def forward(self, x: Float[Tensor, "b l d"]) -> Waveform:
        """Draw all tokens."""
        x = self.norm(x)
        odd = torch.arange(x.shape[1], device=x.device)[:, None] * torch.arange(
            SAMPLES_PER_TOKEN + 1, device=x.device
        )
        spectra = torch.polar(bounded_gain(self.level(x)), self.turn(x) + math.pi * (odd % 2))
        parts = rearrange(spectra, "b l k -> b 1 l k") * rearrange(self.split, "n k -> n 1 k")
        waves = self.framing.carry(parts)
        points = rearrange(self.envelope(x), "b l (i r) -> b i (l r)", r=self.steps)
        gains = functional.interpolate(
            bounded_gain(points), waves.shape[-1], mode="linear", align_corners=False
        )
        return (rearrange(gains, "b (e n) s -> b e n s", e=2) * waves[:, None]).sum(2)
