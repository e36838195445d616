"""Sizes that are in use."""

from openreels.models.audio_vae.config import AudioVAEConfig


def stage() -> AudioVAEConfig:
    """The shipped size: 2 M parameters, 32 channels a token."""
    return AudioVAEConfig(channels=32, width=256, blocks=5)


def tiny() -> AudioVAEConfig:
    """A few thousand parameters, for tests."""
    return AudioVAEConfig(
        channels=4,
        width=8,
        blocks=1,
        pitch_bands=12,
        pan_bands=2,
        rhythm_bands=3,
        rhythm_steps=4,
        envelope_bands=3,
        envelope_steps=4,
    )
