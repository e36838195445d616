"""Which frozen networks stand around what is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CodecPaths:
    """The frozen networks around the transformer.

    Each is a weights file, ``shipped`` for the weights inside the package, or ``random:PRESET`` for
    untrained ones of a preset, for tests and timings.
    """

    video_vae: str = "shipped"
    """The video autoencoder."""
    audio_vae: str = "shipped"
    """The audio autoencoder."""
    text_encoder: str = "shipped"
    """The prompt encoder."""
    spoken_words: str | None = None
    """Low-rank changes of the prompt encoder for prompts with voices or music
    (``pipelines.voiced.WORDS_FILE``): a file, where a relative path is taken from the run's folder,
    or ``shipped``; None goes without."""
    shot_words: str | None = None
    """The same for prompts with several shots (``pipelines.shots.SHOT_WORDS_FILE``)."""
