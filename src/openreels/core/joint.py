"""Joint[T]: one value for the video branch and one for the audio branch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Joint(Generic[T]):
    """A value for video and a value for audio, so that twin code is written once."""

    video: T
    """The value that belongs to the video branch."""
    audio: T
    """The value that belongs to the audio branch."""

    def map(self, fn: Callable[[T], S]) -> "Joint[S]":
        """Apply ``fn`` to both values."""
        return Joint(fn(self.video), fn(self.audio))

    def zip(self, other: "Joint[S]", fn: Callable[[T, S], U]) -> "Joint[U]":
        """Combine with another pair, video with video and audio with audio."""
        return Joint(fn(self.video, other.video), fn(self.audio, other.audio))
