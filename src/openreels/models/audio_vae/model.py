"""The audio autoencoder: stereo sound to 43.066 latent tokens a second and back.

Not given by the paper, which says only that its audio autoencoder works at 44.1 kHz. This one is
ours: the encoder is a linear map of loudness in bands, the decoder a small network at token rate
that draws spectra and envelopes. Nothing learnt works at sample rate: far cheaper on a CPU.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import AudioLatents, Waveform
from openreels.core.shapes import SAMPLES_PER_TOKEN
from openreels.models.audio_vae.config import AudioVAEConfig
from openreels.models.audio_vae.layers import Block, Hearing, SpectralHead


class Encoder(nn.Module):
    """Waveform to raw latents."""

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        self.hearing = Hearing(config)
        self.project = nn.Linear(config.features, config.channels)

    def forward(self, waveform: Waveform) -> AudioLatents:
        """Raw latents, not normalised."""
        return self.project(self.hearing(waveform)).transpose(1, 2)


class Decoder(nn.Module):
    """Raw latents to waveform."""

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(config.channels, config.width)
        self.blocks = nn.Sequential(*[
            Block(config.width, config.kernel, config.expansion) for _ in range(config.blocks)
        ])
        self.head = SpectralHead(config)

    def forward(self, latents: AudioLatents) -> Waveform:
        """Sound, not clipped."""
        return self.head(self.blocks(self.embed(latents.transpose(1, 2))))


class AudioVAE(nn.Module):
    """Stereo sound at 44.1 kHz to normalised latents and back, 1024 samples a token.

    Encoding is deterministic. In training the latents get noise of a fixed share of their spread,
    which keeps the decoder smooth; ``mean`` and ``std`` normalise them for the transformer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("std", torch.ones(config.channels))

    def encode(self, waveform: Waveform) -> AudioLatents:
        """Encode a whole number of tokens.

        Args:
            waveform: Sound in [-1, 1].

        Returns:
            Latents of about zero mean and unit variance.

        Raises:
            ValueError: If the length is not a positive multiple of 1024 samples.
        """
        samples = waveform.shape[-1]
        if samples < SAMPLES_PER_TOKEN or samples % SAMPLES_PER_TOKEN:
            raise ValueError(
                f"a waveform must be a positive multiple of {SAMPLES_PER_TOKEN} samples long, "
                f"got {samples}; pad it with silence"
            )
        return (self.encoder(waveform) - self.mean[:, None]) / self.std[:, None]

    def decode(self, latents: AudioLatents) -> Waveform:
        """Decode to exactly 1024 samples a token.

        Args:
            latents: Normalised latents.

        Returns:
            Sound in [-1, 1].

        Raises:
            ValueError: If there is no token.
        """
        if latents.shape[-1] < 1:
            raise ValueError("latents must hold at least one token, got none")
        return self.decoder(latents * self.std[:, None] + self.mean[:, None]).clamp(-1, 1)

    @torch.no_grad()
    def calibrate(self, mean: Float[Tensor, " c"], std: Float[Tensor, " c"]) -> None:
        """Store the statistics of raw latents; decoding is unchanged by them.

        Args:
            mean: Mean a channel.
            std: Standard deviation a channel.

        Raises:
            ValueError: If a deviation is not positive.
        """
        if not bool((std > 0).all()):
            raise ValueError("every standard deviation must be positive")
        self.mean.copy_(mean)
        self.std.copy_(std)
