"""Configuration of the audio autoencoder."""

from dataclasses import dataclass, fields

from openreels.core.shapes import SAMPLES_PER_TOKEN


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioVAEConfig:
    """Sizes of the audio autoencoder. Not given by the paper beyond 44.1 kHz and its token rate.

    Raises:
        ValueError: If a size is not positive, the kernel is even, or a step does not divide a
            token.
    """

    channels: int
    """Latent channels of a token."""
    width: int
    """Width of the decoder."""
    blocks: int
    """Residual blocks of the decoder."""
    kernel: int = 5
    """Tokens that a block sees."""
    expansion: int = 2
    """Hidden width of a block over its width."""
    pitch_bands: int = 56
    """Bands of a token's long spectrum that the encoder hears."""
    pan_bands: int = 8
    """Bands whose left to right ratio the encoder hears."""
    rhythm_bands: int = 10
    """Bands of a token's short spectra that the encoder hears."""
    rhythm_steps: int = 8
    """Short spectra a token."""
    envelope_bands: int = 6
    """Bands whose envelope an ear the decoder draws."""
    envelope_steps: int = 16
    """Points of an envelope a token."""

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(
                    f"{field.name} must be at least 1, got {getattr(self, field.name)}"
                )
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")
        for name in ("rhythm_steps", "envelope_steps"):
            if SAMPLES_PER_TOKEN % (2 * getattr(self, name)):
                raise ValueError(
                    f"{name} must divide {SAMPLES_PER_TOKEN // 2}, got {getattr(self, name)}"
                )

    @property
    def features(self) -> int:
        """Numbers that the encoder hears of a token."""
        return self.pitch_bands + self.pan_bands + self.rhythm_bands * self.rhythm_steps
