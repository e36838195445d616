"""Named sizes of the video autoencoder."""

from openreels.models.video_vae.config import VideoVAEConfig


def stage() -> VideoVAEConfig:
    """Size the shipped autoencoder: ours.

    Two CPU cores decode 64 px many times faster than it plays, and 5 s of 256 px in a few seconds.
    """
    return VideoVAEConfig()


def tiny() -> VideoVAEConfig:
    """For tests: ours, every part present and as small as it can be."""
    return VideoVAEConfig(
        latent_channels=16,
        front_width=8,
        front_depth=1,
        encoder_width=16,
        encoder_depth=1,
        decoder_width=16,
        decoder_depth=1,
        upper_width=8,
        upper_depth=1,
    )
