"""Parts of the audio autoencoder: framing, residual blocks, the spectral head."""

import math

import torch
from einops import rearrange
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.arrays import Waveform

_FLOOR = 1e-8
_GAIN_RANGE = (-14.0, 5.0)


class Framing(nn.Module):
    """A short-time Fourier transform with exactly one frame a hop, and its inverse.

    Frame ``i`` is centred on the middle of hop ``i``; windows are two hops long, so a frame reaches
    half a hop into its neighbours and the transform of ``k`` hops has ``k`` frames.
    """

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        time = (torch.arange(2 * hop) + 0.5) * (math.pi / (2 * hop))
        self.register_buffer("window", torch.sin(time), persistent=False)

    def analyse(self, waveform: Waveform) -> Complex[Tensor, "b 2 t k"]:
        """Spectra of all hops; the length must be a multiple of the hop."""
        padded = functional.pad(waveform, (self.hop // 2, self.hop // 2))
        frames = padded.unfold(-1, 2 * self.hop, self.hop) * self.window
        return torch.fft.rfft(frames, norm="ortho")

    def synthesise(self, spectra: Complex[Tensor, "b 2 t k"]) -> Waveform:
        """Overlap-add; undoes ``analyse`` exactly."""
        frames = torch.fft.irfft(spectra, n=2 * self.hop, norm="ortho") * self.window
        total = self._overlap(frames)
        power = self._overlap(self.window.square().expand(1, 1, frames.shape[2], -1))
        half = self.hop // 2
        return (total / power.clamp(min=1e-6))[..., half:-half]

    def _overlap(self, frames: Float[Tensor, "b e t w"]) -> Float[Tensor, "b e s"]:
        first, second = frames.chunk(2, dim=-1)
        blocks = functional.pad(first, (0, 0, 0, 1)) + functional.pad(second, (0, 0, 1, 0))
        return rearrange(blocks, "b e t w -> b e (t w)")


class Block(nn.Module):
    """Residual block: depthwise convolution over time, then a gated pair of linear maps."""

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


def blocks(count: int, width: int, kernel: int, expansion: int) -> nn.Sequential:
    """A stack of residual blocks."""
    return nn.Sequential(*[Block(width, kernel, expansion) for _ in range(count)])


def compress(spectra: Complex[Tensor, "b 2 t k"]) -> Float[Tensor, "b t p"]:
    """Real features of a frame: spectra with magnitudes to the power 0.3, phases kept."""
    parts = torch.view_as_real(spectra)
    power = parts.square().sum(-1, keepdim=True)
    return rearrange(parts * (power + _FLOOR) ** -0.35, "b e t k i -> b t (e k i)")


def band_matrix(bands: int, bins: int) -> Float[Tensor, "n k"]:
    """Triangles that spread ``bands`` values over ``bins``: dense below, wide above."""
    corner = 12.0
    place = torch.log1p(torch.arange(bins) / corner) / math.log1p((bins - 1) / corner)
    place = place * (bands - 1)
    return (1 - (place[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0)


class SpectralHead(nn.Module):
    """Predicts a complex spectrum as a shape times a logarithmic gain a band.

    The gain gives the decoder decibels to work in, down to silence; the shape is linear, so that
    phases never wrap.
    """

    def __init__(self, width: int, bins: int, bands: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.shape = nn.Linear(width, 4 * bins)
        self.gain = nn.Linear(width, 2 * bands)
        nn.init.constant_(self.gain.bias, -2.0)
        self.register_buffer("spread", band_matrix(bands, bins), persistent=False)

    def forward(self, x: Float[Tensor, "b t d"]) -> Complex[Tensor, "b 2 t k"]:
        """Left and right spectra of every frame."""
        x = self.norm(x)
        gain = rearrange(self.gain(x), "b t (e n) -> b e t n", e=2)
        gain = (gain.clamp(*_GAIN_RANGE) @ self.spread).exp()
        shape = rearrange(self.shape(x), "b t (e k i) -> b e t k i", e=2, i=2)
        return torch.view_as_complex((shape * gain[..., None]).contiguous())
