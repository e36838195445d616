"""Sizes that are in use."""

from openreels.models.audio_vae.config import AudioVAEConfig


def stage() -> AudioVAEConfig:
    """The shipped size: 3 M parameters, 32 channels a token."""
    return AudioVAEConfig(
        channels=32,
        token_width=256,
        frame_width=160,
        encoder_token_blocks=3,
        encoder_frame_blocks=2,
        decoder_token_blocks=4,
        decoder_frame_blocks=3,
    )


def tiny() -> AudioVAEConfig:
    """A few thousand parameters, for tests."""
    return AudioVAEConfig(
        channels=4,
        token_width=12,
        frame_width=8,
        encoder_token_blocks=1,
        encoder_frame_blocks=1,
        decoder_token_blocks=1,
        decoder_frame_blocks=1,
        bands=8,
    )
