"""The frozen autoencoders of a run."""

from dataclasses import dataclass

from openreels.models.audio_vae.model import AudioVAE
from openreels.models.video_vae.model import VideoVAE
from openreels.training.config import CodecPaths
from openreels.training.networks import load_frozen


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoders:
    """The two frozen autoencoders."""

    video: VideoVAE
    """Pixels to latents."""
    audio: AudioVAE
    """Sound to latents."""


def load_encoders(codecs: CodecPaths) -> Encoders:
    """Load the autoencoders that a config names."""
    return Encoders(
        video=load_frozen("video_vae", codecs.video_vae, kind=VideoVAE),
        audio=load_frozen("audio_vae", codecs.audio_vae, kind=AudioVAE),
    )
