"""The numbers that make an MMDiT."""

from dataclasses import dataclass
from math import isqrt
from typing import Literal

from openreels.core.joint import Joint
from openreels.nn.modulation import ModulationKind


@dataclass(frozen=True, kw_only=True, slots=True)
class MMDiTConfig:
    """Twin branches of the same width, depth and heads (sec. 3.1); sizes are not disclosed.

    Raises:
        ValueError: If sizes do not divide or do not add up.
    """

    width: int
    """Channels of a token, in both branches and of text; a multiple of ``num_heads``."""
    num_heads: int
    """Attention heads."""
    num_dual: int
    """Blocks whose text has parameters of its own (M of the paper); they come first."""
    num_single: int
    """Blocks whose text shares the parameters of its branch (N of the paper); 0 leaves the
    last text of a dual block unread."""
    mlp_width: int
    """Hidden channels of the feed-forward part."""
    video_in: int
    """Channels of a video token, ``patch * patch * (2c + 1)`` for ``Concat(V, I, M)`` (eq. 7)."""
    video_out: int
    """Channels of a video velocity token, ``patch * patch * c``."""
    audio_channels: int
    """Channels of an audio token, in and out; 0 for a network without an audio branch."""
    context_width: int
    """Channels of a prompt token."""
    rope_widths: tuple[int, int, int]
    """Channels of a head turned by time, row and column; even, sum to the head width. Audio, and
    the attention between branches, turn the whole head by time."""
    time_scale: float
    """Rotary units a second, > 0: the fastest pair turns one radian a unit."""
    time_theta: float
    """Base of the time frequencies, >= 1; the slowest pair turns once in about 2 pi theta units."""
    space_theta: float
    """Base of the row and column frequencies, >= 1; a unit is a latent cell."""
    modulation: ModulationKind
    """Noise level into blocks: ``table`` (one layer and a table a block) or ``linear`` (a layer a
    block)."""
    skip: bool = False
    """Whether the best linear guess of the velocity from the noisy token is added to the output,
    for data of unit variance; see ``MMDiT``. Ours."""
    near_width: int = 0
    """Channels of the convolutions by which a video token sees what is near it on the grid of the
    clip before the first block (``nn.grid_conv``); 0 is none. Ours."""
    near_depth: int = 3
    """How many of them there are, >= 1."""
    truth_block: int = 0
    """Blocks after which the tokens tell what is true of them, for training alone; with widths of 0
    they tell nothing. Ours."""
    audio_truth_block: int | None = None
    """The same for audio tokens, which can only tell what they had time to read; None is
    ``truth_block``."""
    video_truths: int = 0
    """Numbers that a video token tells."""
    audio_truths: int = 0
    """Numbers that an audio token tells."""
    num_tags: int = 0
    """References that are told apart: rows of a table that is added to the tokens of a reference
    and to the prompt's at its handle. With 0 references are seen in context, but not by name."""
    keyframes: bool = False
    """Whether it was trained to make high-resolution keyframes beside a clip (sec. 4.5); it adds no
    parameters, a cascade asks for them only where it is set."""
    text_cross_attention: bool = True
    """Whether blocks read the prompt again after self-attention (eq. 4). Only ablations leave it
    out."""
    video_reads: Literal["updated", "old"] = "updated"
    """Whether the video reads the audio that has just read the video (eq. 5) or the audio before
    that, as in Ovi. Only ablations read the old."""
    audio_time_factor: float = 1.0
    """What the seconds of audio are multiplied by before they turn, > 0. 1 is the one clock; the
    ratio of the two latent rates counts audio tokens where video latents are counted: no common
    clock, for ablations."""
    channel_concat: bool = True
    """Whether the network sees the channels I and M of eq. 7; ablations put zeros there."""
    sparsity: float = 0.0
    """Share of the cubes of 4x4x4 video tokens that the attention from video to video leaves out,
    in [0, 1); 0 is dense. Text and audio stay dense. A forward may ask for another share."""
    coarse_gate: bool = False
    """Whether video blocks add the attention between the means of cubes through a gate, as VSA
    does; the gate starts at zero."""
    residual: float = 0.0
    """Standard deviation by which what is missing from the latents I is divided, where that, and
    not the clip itself, is what noise becomes: a refiner's clip, or keyframes that are made beside
    a clip (``conditioning.stretched``). 0 is the clip itself, or the keyframes. Ours."""

    def __post_init__(self) -> None:
        if self.width % self.num_heads:
            raise ValueError(
                f"width must be a multiple of num_heads, got {self.width} and {self.num_heads}"
            )
        if sum(self.rope_widths) != self.head_width or any(w % 2 for w in self.rope_widths):
            raise ValueError(
                f"rope_widths must be even and sum to the head width {self.head_width}, "
                f"got {self.rope_widths}"
            )
        if min(self.num_dual, self.num_single) < 0 or self.depth < 1:
            raise ValueError(
                f"num_dual and num_single must be at least 0 and make a block together, got "
                f"{self.num_dual} and {self.num_single}; raise one of them"
            )
        if self.num_tags < 0:
            raise ValueError(f"num_tags must be at least 0, got {self.num_tags}; 0 is no names")
        if not self.audio_time_factor > 0:
            raise ValueError(
                f"audio_time_factor must be positive, got {self.audio_time_factor}; 1 is one clock"
            )
        self._check_truths()
        if self.audio_channels < 0 or (self.audio_channels == 0 and self.audio_truths):
            raise ValueError(
                "audio_channels must not be negative, and without any there are no audio_truths, "
                f"got {self.audio_channels} and {self.audio_truths}"
            )
        if not 0 <= self.sparsity < 1 or self.residual < 0:
            raise ValueError(
                "sparsity must lie in [0, 1) and residual must not be negative, "
                f"got {self.sparsity} and {self.residual}"
            )
        if self.time_scale <= 0 or min(self.time_theta, self.space_theta) < 1:
            raise ValueError(
                f"time_scale must be positive and thetas at least 1, got {self.time_scale}, "
                f"{self.time_theta} and {self.space_theta}"
            )

    def _check_truths(self) -> None:
        for name in ("truth_block", "audio_truth_block"):
            block = getattr(self, name)
            if block is not None and not 0 <= block <= self.depth:
                raise ValueError(f"{name} must lie in [0, {self.depth}], the blocks, got {block}")
        if self.near_width < 0 or self.near_depth < 1:
            raise ValueError(
                "near_width must be at least 0 and near_depth at least 1, got "
                f"{self.near_width} and {self.near_depth}"
            )

    @property
    def head_width(self) -> int:
        """Channels of a head."""
        return self.width // self.num_heads

    @property
    def truth_blocks(self) -> Joint[int]:
        """Blocks after which each branch tells what is true of its tokens."""
        heard = self.audio_truth_block
        return Joint(self.truth_block, self.truth_block if heard is None else heard)

    @property
    def patch(self) -> int:
        """Latent cells a side of one video token: ``patch^2 (2c + 1)`` in, ``patch^2 c`` out."""
        return isqrt(self.video_in - 2 * self.video_out)

    @property
    def has_audio(self) -> bool:
        """Whether there is an audio branch."""
        return self.audio_channels > 0

    @property
    def depth(self) -> int:
        """Blocks of a branch: M + N."""
        return self.num_dual + self.num_single
