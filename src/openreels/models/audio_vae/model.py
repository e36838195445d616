"""The audio autoencoder: stereo sound to 43.066 latent tokens a second and back.

Not given by the paper: its audio autoencoder is only said to work at 44.1 kHz. This one is ours. It
transforms short windows, works on vectors a frame and a token instead of on samples, and returns
through an inverse transform, which on a CPU is far cheaper than convolutions at sample rate.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import AudioLatents, Waveform
from openreels.core.shapes import SAMPLES_PER_TOKEN
from openreels.models.audio_vae.config import AudioVAEConfig
from openreels.models.audio_vae.layers import Framing, SpectralHead, blocks, compress


class Encoder(nn.Module):
    """Waveform to raw latents."""

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        kernel, expansion = config.encoder_kernel, config.expansion
        self.patch = config.frames_per_token
        self.framing = Framing(config.hop)
        self.embed = nn.Linear(4 * config.bins, config.frame_width)
        self.frames = blocks(config.encoder_frame_blocks, config.frame_width, kernel, expansion)
        self.gather = nn.Linear(self.patch * config.frame_width, config.token_width)
        self.tokens = blocks(config.encoder_token_blocks, config.token_width, kernel, expansion)
        self.norm = nn.LayerNorm(config.token_width)
        self.out = nn.Linear(config.token_width, config.channels)

    def forward(self, waveform: Waveform) -> AudioLatents:
        """Raw latents, not normalised."""
        x = self.frames(self.embed(compress(self.framing.analyse(waveform))))
        x = self.tokens(self.gather(rearrange(x, "b (l r) d -> b l (r d)", r=self.patch)))
        return self.out(self.norm(x)).transpose(1, 2)


class Decoder(nn.Module):
    """Raw latents to waveform."""

    def __init__(self, config: AudioVAEConfig) -> None:
        super().__init__()
        kernel, expansion = config.decoder_kernel, config.expansion
        self.patch = config.frames_per_token
        self.embed = nn.Linear(config.channels, config.token_width)
        self.tokens = blocks(config.decoder_token_blocks, config.token_width, kernel, expansion)
        self.spread = nn.Linear(config.token_width, self.patch * config.frame_width)
        self.frames = blocks(config.decoder_frame_blocks, config.frame_width, kernel, expansion)
        self.head = SpectralHead(config.frame_width, config.bins, config.bands)
        self.framing = Framing(config.hop)

    def forward(self, latents: AudioLatents) -> Waveform:
        """Sound, not clipped."""
        x = self.spread(self.tokens(self.embed(latents.transpose(1, 2))))
        x = self.frames(rearrange(x, "b l (r d) -> b (l r) d", r=self.patch))
        return self.framing.synthesise(self.head(x))


class AudioVAE(nn.Module):
    """Stereo sound at 44.1 kHz to normalised latents and back, 1024 samples a token.

    Encoding is deterministic. In training the latents get noise of a fixed share of their spread,
    which keeps them smooth; afterwards ``mean`` and ``std`` normalise them for the transformer.
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
