"""The one clock: seconds, frames, latent frames, audio tokens and samples, exactly.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 3.1. Its example of 81 frames at 16 fps gives 21 video
latents and 218 audio tokens; positions here are seconds, of which 21/218 is the 5 s case.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

SAMPLE_RATE_HZ = 44_100
SAMPLES_PER_TOKEN = 1024
TEMPORAL_STRIDE = 4
SPATIAL_STRIDE = 8
BASE_FPS = 16
REFINED_FPS = 32
MIN_DURATION_S = 1.0
MAX_DURATION_S = 15.0

AUDIO_TOKENS_PER_S = Fraction(SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN)
"""43.066 audio tokens a second."""

ASPECT_RATIOS: dict[str, tuple[int, int]] = {
    "16:9": (16, 9),
    "4:3": (4, 3),
    "1:1": (1, 1),
    "9:16": (9, 16),
    "3:4": (3, 4),
}
"""Width to height."""

MAX_LONG_SIDE_PX = 1920


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipShape:
    """The size of a clip and everything that follows from it.

    Raises:
        ValueError: If the number of frames is not 4k + 1, or a side is not a multiple of 16.
    """

    num_frames: int
    """Frames, 4k + 1: the first frame is a latent of its own."""
    height: int
    """Rows in pixels; a multiple of 16."""
    width: int
    """Columns in pixels; a multiple of 16."""
    fps: int = BASE_FPS
    """Frames a second."""

    def __post_init__(self) -> None:
        check_num_frames(self.num_frames)
        for name, side in (("height", self.height), ("width", self.width)):
            if side < 16 or side % 16:
                raise ValueError(
                    f"{name} must be a positive multiple of 16, got {side}; "
                    f"the nearest is {max(16, round(side / 16) * 16)}"
                )
        if self.fps < 1:
            raise ValueError(f"fps must be at least 1, got {self.fps}")

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds, exact: every frame lasts 1 / fps."""
        return Fraction(self.num_frames, self.fps)

    @property
    def num_latent_frames(self) -> int:
        """Video latent frames: (F - 1) / 4 + 1."""
        return latent_frames(self.num_frames)

    @property
    def latent_height(self) -> int:
        """Rows of the latent grid."""
        return self.height // SPATIAL_STRIDE

    @property
    def latent_width(self) -> int:
        """Columns of the latent grid."""
        return self.width // SPATIAL_STRIDE

    @property
    def num_samples(self) -> int:
        """Audio samples that the clip lasts, at 44.1 kHz, to the nearest sample."""
        return round(self.duration_s * SAMPLE_RATE_HZ)

    @property
    def num_audio_tokens(self) -> int:
        """Audio tokens that the clip lasts, to the nearest token: 218 for 81 frames at 16 fps."""
        return round(self.duration_s * AUDIO_TOKENS_PER_S)

    @property
    def latent_fps(self) -> Fraction:
        """Video latent frames a second."""
        return Fraction(self.fps, TEMPORAL_STRIDE)


def check_num_frames(num_frames: int) -> None:
    """Refuse a number of frames that is not 4k + 1.

    Raises:
        ValueError: Naming the nearest numbers that are possible.
    """
    if num_frames < 1 or (num_frames - 1) % TEMPORAL_STRIDE:
        low = max(1, (num_frames - 1) // TEMPORAL_STRIDE * TEMPORAL_STRIDE + 1)
        raise ValueError(
            f"num_frames must be 4k + 1, got {num_frames}; "
            f"the nearest are {low} and {low + TEMPORAL_STRIDE}"
        )


def latent_frames(num_frames: int) -> int:
    """Frames to latent frames: (F - 1) / 4 + 1.

    Raises:
        ValueError: If ``num_frames`` is not 4k + 1.
    """
    check_num_frames(num_frames)
    return (num_frames - 1) // TEMPORAL_STRIDE + 1


def frames_of_latents(num_latent_frames: int) -> int:
    """Latent frames to frames: 4 (f - 1) + 1.

    Raises:
        ValueError: If there is no latent frame.
    """
    if num_latent_frames < 1:
        raise ValueError(f"num_latent_frames must be at least 1, got {num_latent_frames}")
    return (num_latent_frames - 1) * TEMPORAL_STRIDE + 1


def frames_of_seconds(duration_s: float, fps: int = BASE_FPS) -> int:
    """Seconds to the nearest 4k + 1 frames, half way to the more; 5 s at 16 fps are 81 frames.

    The last frame starts at ``duration_s``, as in the paper's example.

    Raises:
        ValueError: If the duration is not positive.
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive, got {duration_s}")
    steps = Fraction(duration_s).limit_denominator(10_000) * fps / TEMPORAL_STRIDE
    return floor(steps + Fraction(1, 2)) * TEMPORAL_STRIDE + 1


def frames_in_latent(index: int) -> range:
    """The frames that latent frame ``index`` covers: 0 alone, then four each.

    Raises:
        ValueError: If the index is negative.
    """
    if index < 0:
        raise ValueError(f"a latent index must be at least 0, got {index}")
    return range(1) if index == 0 else range(4 * index - 3, 4 * index + 1)


def latent_of_frame(frame: int) -> int:
    """The latent frame that covers a frame; the inverse of ``frames_in_latent``.

    Raises:
        ValueError: If the frame is negative.
    """
    if frame < 0:
        raise ValueError(f"a frame index must be at least 0, got {frame}")
    return -(-frame // TEMPORAL_STRIDE)


def latent_time_s(index: int, fps: int = BASE_FPS) -> Fraction:
    """Time of a video latent on the clock: of the last frame that it covers.

    Negative indices are references before the clip (eq. 9).
    """
    return Fraction(index * TEMPORAL_STRIDE, fps)


def token_time_s(index: int) -> Fraction:
    """Time of an audio token on the clock: of its first sample. May be negative."""
    return index / AUDIO_TOKENS_PER_S


def token_of_sample(sample: int) -> int:
    """The audio token that covers a sample."""
    return sample // SAMPLES_PER_TOKEN


def size_for(aspect_ratio: str, short_side: int) -> tuple[int, int]:
    """Height and width of an aspect ratio, each a multiple of 16.

    Args:
        aspect_ratio: One of ``ASPECT_RATIOS``, width to height.
        short_side: Shorter side in pixels, at least 16. 64 gives 64x64, 80x64 and 112x64; 1080 is
            computed as 1088.

    Returns:
        ``(height, width)`` in pixels; the long side to the nearest multiple of 16.

    Raises:
        ValueError: If the ratio is unknown or the side is below 16.
    """
    if short_side < 16:
        raise ValueError(f"short_side must be at least 16, got {short_side}")
    return coded_size(aspect_ratio, short_side)


def coded_size(aspect_ratio: str, short_side: int) -> tuple[int, int]:
    """Height and width that are computed for a shorter side that need not be a multiple of 16.

    Args:
        aspect_ratio: One of ``ASPECT_RATIOS``, width to height.
        short_side: Shorter side in pixels, >= 1. 1080 gives 1088x1920, to be cut afterwards, as
            video codecs do.

    Returns:
        ``(height, width)`` in pixels, multiples of 16: the short side rounded up, the long side to
        the nearest.

    Raises:
        ValueError: If the ratio is unknown or there is no side.
    """
    if aspect_ratio not in ASPECT_RATIOS:
        known = ", ".join(ASPECT_RATIOS)
        raise ValueError(f"aspect_ratio must be one of {known}, got {aspect_ratio!r}")
    if short_side < 1:
        raise ValueError(f"short_side must be at least 1, got {short_side}")
    wide, high = ASPECT_RATIOS[aspect_ratio]
    coded = -(-short_side // 16) * 16
    long_side = int(Fraction(short_side * max(wide, high), min(wide, high) * 16) + Fraction(1, 2))
    long_side = max(coded, long_side * 16)
    return (coded, long_side) if wide >= high else (long_side, coded)
