"""What rooms promise one another: encoders, autoencoders, denoisers, prompt enhancers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from openreels.core.arrays import (
    AudioLatents,
    Context,
    ContextMask,
    PerSample,
    Pixels,
    VideoLatents,
    Waveform,
)
from openreels.core.joint import Joint


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message."""

    text: str
    """UTF-8 text, any length; the encoder keeps what fits its budget."""
    tag: int = 0
    """Number of the reference that the words name or that speaks them; 0 is none."""


@dataclass(frozen=True, slots=True, eq=False)
class ImagePart:
    """A picture in a message."""

    latents: Float[Tensor, "_ _ _"]
    """``c h w``, the video autoencoder's, of the picture as a clip of one frame."""
    tag: int = 0
    """Number of the reference that it shows; 0 is none."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipPart:
    """A clip without its sound in a message."""

    latents: Float[Tensor, "_ _ _ _"]
    """``c f h w``, the video autoencoder's."""
    tag: int = 0
    """Number of the reference that it shows; 0 is none."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioPart:
    """A sound in a message."""

    latents: Float[Tensor, "_ _"]
    """``c l``, the audio autoencoder's."""
    tag: int = 0
    """Number of the reference that is heard; 0 is none."""


Part: TypeAlias = TextPart | ImagePart | ClipPart | AudioPart
"""One part of a message to the prompt encoder."""
Message: TypeAlias = Sequence[Part]
"""The parts of one prompt, in order."""


@runtime_checkable
class Conditioner(Protocol):
    """Turns messages into context tokens; frozen while the transformer trains (sec. 3.1)."""

    def encode(self, messages: Sequence[Message]) -> tuple[Context, ContextMask]:
        """Encode one message a sample, padded to the longest; True marks real tokens."""
        ...

    def tags(self, messages: Sequence[Message]) -> Int[Tensor, "b n"]:
        """Number of the reference that each token of ``encode`` belongs to; 0 is none."""
        ...


@runtime_checkable
class VideoCodec(Protocol):
    """Pixels to normalised latents and back."""

    def encode(self, pixels: Pixels) -> VideoLatents:
        """Encode ``4k + 1`` frames in [-1, 1]."""
        ...

    def decode(self, latents: VideoLatents) -> Pixels:
        """Decode to ``4 (f - 1) + 1`` frames in [-1, 1]."""
        ...


@runtime_checkable
class AudioCodec(Protocol):
    """Stereo waveform to normalised latents and back."""

    def encode(self, waveform: Waveform) -> AudioLatents:
        """Encode a multiple of 1024 samples."""
        ...

    def decode(self, latents: AudioLatents) -> Waveform:
        """Decode to 1024 samples a token."""
        ...


@runtime_checkable
class Denoiser(Protocol):
    """Predicts the velocity of both modalities; an absent modality is None in and None out."""

    def __call__(self, noisy: Joint[Tensor | None], sigma: PerSample) -> Joint[Tensor | None]:
        """Velocity (noise - clean) at noise level ``sigma`` in (0, 1], a value a sample."""
        ...


@dataclass(frozen=True, slots=True)
class Enhanced:
    """A prompt as an enhancer leaves it."""

    prompt: str
    """The new prompt, or the old one."""
    notes: tuple[str, ...] = ()
    """What was done and should be told; one sentence each."""


@runtime_checkable
class Enhancer(Protocol):
    """Rewrites free text into the structured form that a model was trained on.

    SkyReels-V4 (arXiv 2602.21818) trains its last stages on structured captions only, and its
    public interface rewrites prompts unless told not to.
    """

    def enhance(self, prompt: str) -> Enhanced:
        """Rewrite a valid prompt, or return it with a note; failures are notes, not errors."""
        ...
