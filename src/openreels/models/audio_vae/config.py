"""Configuration of the audio autoencoder."""

from dataclasses import dataclass

from openreels.core.shapes import SAMPLES_PER_TOKEN


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioVAEConfig:
    """Sizes of the audio autoencoder. Not given by the paper beyond 44.1 kHz and its token rate.

    Raises:
        ValueError: If the hop does not divide a token, or a size is not positive.
    """

    channels: int
    """Latent channels of a token."""
    token_width: int
    """Width of the blocks that see one vector a token."""
    frame_width: int
    """Width of the blocks that see one vector a spectral frame."""
    encoder_token_blocks: int
    """Encoder blocks at token rate."""
    encoder_frame_blocks: int
    """Encoder blocks at frame rate."""
    decoder_token_blocks: int
    """Decoder blocks at token rate."""
    decoder_frame_blocks: int
    """Decoder blocks at frame rate."""
    encoder_kernel: int = 3
    """Kernel of the encoder's blocks; small, so that a latent knows little of other times."""
    decoder_kernel: int = 7
    """Kernel of the decoder's blocks; large, so that phases run on smoothly between tokens."""
    expansion: int = 2
    """Hidden width of a block over its width."""
    hop: int = 256
    """Samples between spectral frames; windows are twice as long."""
    bands: int = 32
    """Bands whose gain the decoder predicts on a logarithmic scale."""

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        if self.hop < 2 or SAMPLES_PER_TOKEN % self.hop:
            raise ValueError(f"hop must divide {SAMPLES_PER_TOKEN}, got {self.hop}")
        for name in ("encoder_kernel", "decoder_kernel"):
            if getattr(self, name) < 1 or getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, got {getattr(self, name)}")
        for name in ("channels", "token_width", "frame_width", "expansion", "bands"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def frames_per_token(self) -> int:
        """Spectral frames of a token."""
        return SAMPLES_PER_TOKEN // self.hop

    @property
    def bins(self) -> int:
        """Frequencies of a spectral frame."""
        return self.hop + 1
