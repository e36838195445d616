"""What sampling needs beside noise: the records that ``build`` makes of a request."""

from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from openreels.conditioning.keyframes import WantedKeyframes, part_cells
from openreels.conditioning.references import References
from openreels.conditioning.tasks import Task
from openreels.core.arrays import Context, ContextMask, LatentMask, VideoLatents
from openreels.core.joint import Joint
from openreels.core.shapes import ClipShape


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSound:
    """Sound that is returned as it came."""

    waveform: Float[Tensor, "2 s"]
    """Samples at 44.1 kHz."""
    first_frame: int
    """Frame of the result at which it starts."""
    num_frames: int
    """Frames of the result that it fills; it is cut or padded with silence to them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What is put around the generated window and over its given pixels, untouched."""

    before: UInt8[Tensor, "t H W 3"] | None = None
    """Frames of the source before the window."""
    after: UInt8[Tensor, "u H W 3"] | None = None
    """Frames of the source after the window."""
    source: UInt8[Tensor, "F H W 3"] | None = None
    """The source inside the window."""
    pixel_known: Bool[Tensor, "F H W"] | None = None
    """True where ``source`` is returned."""
    sound: KeptSound | None = None
    """Sound of the source that is returned."""

    @property
    def num_before(self) -> int:
        """Frames before the window."""
        return 0 if self.before is None else self.before.shape[0]

    @property
    def num_after(self) -> int:
        """Frames after the window."""
        return 0 if self.after is None else self.after.shape[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The channels I and M of eq. 7, for one clip."""

    latents: VideoLatents
    """I: the latents of what is given, those of black elsewhere; of the whole source where it is
    changed by instruction."""
    known: LatentMask
    """M: True = given."""
    imposed: LatentMask
    """True where the given latents are the clip's own, so that the loop puts them back; a still
    inside the clip is a likeness of four moving frames, not their latent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """Everything that sampling needs beside noise; nothing in it depends on the noise level."""

    task: Task
    """Row of the table."""
    shape: ClipShape
    """Size of the generated window; for sound alone only its length counts."""
    sound: bool
    """Whether the audio branch runs."""
    context: Context
    """Two rows: the prompt, then the negative prompt (empty: unconditional)."""
    context_mask: ContextMask
    """True where a prompt token may be attended."""
    context_tags: Int[Tensor, "b n"]
    """Number of the reference that each prompt token belongs to; 0 is none."""
    given: Given | None
    """None when the video branch does not run."""
    around: Surroundings
    """What of the source is returned."""
    references: Joint[References | None] = field(default_factory=lambda: Joint(None, None))
    """What stands before the clip in each branch, for the prompt alone; None for nothing."""
    keyframes: WantedKeyframes | None = None
    """What is made beside the clip at a higher resolution; None is nothing."""
    notes: tuple[str, ...] = ()
    """What was done to the inputs and should be told."""

    @property
    def in_context(self) -> bool:
        """Whether anything stands before the clip: references, or the source of an edit."""
        return self.references != Joint(None, None)


def clip_and_keyframes(
    video: Tensor, conditions: Conditions
) -> tuple[VideoLatents, Float[Tensor, "b c k y x"] | None]:
    """Take the video part of a sample apart.

    Args:
        video: Latents of the clip, or with keyframes a row of the cells of both.
        conditions: Whether there are keyframes, and the sizes.

    Returns:
        Latents of the clip, and of its keyframes; None if there are none.
    """
    if conditions.keyframes is None:
        return video, None
    shape = conditions.shape
    grid = (shape.num_latent_frames, shape.latent_height, shape.latent_width)
    return part_cells(video, clip=grid, keyframes=conditions.keyframes.grid)
