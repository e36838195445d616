"""Sizes of the video autoencoder."""

from dataclasses import dataclass

from openreels.core.shapes import SPATIAL_STRIDE, TEMPORAL_STRIDE

COLOURS = 3
"""Red, green, blue."""
FIRST_VALUES = COLOURS * SPATIAL_STRIDE**2
"""Pixel values that a latent of the first frame stands for."""
GROUP_VALUES = TEMPORAL_STRIDE * FIRST_VALUES
"""Pixel values that every other latent stands for: four frames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoVAEConfig:
    """Sizes of ``VideoVAE``; the strides, 8 in space and 4 in time, are the clock's and fixed."""

    latent_channels: int = 16
    """Channels of a latent."""
    front_width: int = 64
    """Channels of the encoder's first blocks: a position for every 4x4 pixels of a frame."""
    front_depth: int = 2
    """Blocks of the encoder on that grid."""
    encoder_width: int = 192
    """Channels of the encoder's blocks on the latent grid."""
    encoder_depth: int = 3
    """Blocks of the encoder on the latent grid."""
    decoder_width: int = 192
    """Channels of the decoder's blocks on the latent grid."""
    decoder_depth: int = 5
    """Blocks of the decoder on the latent grid."""
    upper_width: int = 64
    """Channels of the decoder's last blocks: a position for every 4x4 pixels of a frame."""
    upper_depth: int = 4
    """Blocks of the decoder on that grid."""

    def __post_init__(self) -> None:
        widths = ("front_width", "encoder_width", "decoder_width", "upper_width")
        for name in ("latent_channels", *widths):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("front_depth", "encoder_depth", "decoder_depth", "upper_depth"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")

    @property
    def encoder_reach(self) -> int:
        """Latents beyond its own patch, on each side, that the pixels of one latent come from."""
        return self.encoder_depth + -(-self.front_depth // 2)

    @property
    def decoder_reach(self) -> int:
        """Latents on each side that a decoded pixel depends on."""
        return self.decoder_depth + -(-self.upper_depth // 2)
