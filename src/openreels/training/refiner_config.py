"""What the training of a refiner is: pairs of clips on disk, crops of them, what is given.

Not given by the paper: data, crops, degradations. The paper's refiner starts from the video model
and trains all weights with flow matching.
"""

from dataclasses import dataclass, field

from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR
from openreels.core.products import Products
from openreels.core.shapes import BASE_FPS, REFINED_FPS, ClipShape, check_num_frames, size_for
from openreels.training.codecs import CodecPaths


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinerPairsConfig:
    """Scenes of the Stage world, each at both sizes and rates, as latents on disk."""

    folder: str
    """Where the shards go; a relative path is taken from the run's folder."""
    num_frames: int = 33
    """Frames of the refined clip that are kept of a scene, ``8k + 1``."""
    scene_s: float = 3.0
    """Length of a scene in seconds; the frames are a random part of it."""
    aspect_ratio: str = "1:1"
    """Width to height."""
    short_side: int = 64
    """Shorter side of the low-resolution clip in pixels; a multiple of 16."""
    seed: int = 1
    """World of the scenes."""
    start: int = 0
    """Index of the first scene."""
    count: int = 2048
    """Number of scenes."""
    shard_size: int = 64
    """Scenes a file."""
    codecs: CodecPaths = field(default_factory=CodecPaths)
    """Autoencoders; only that of video is used."""
    products: Products = "auto"
    """Precision of the encoder's products, as in ``PrecomputeConfig``."""

    def __post_init__(self) -> None:
        check_num_frames(self.num_frames)
        if (self.num_frames - 1) % (TIME_FACTOR * 4):
            raise ValueError(f"num_frames must be 8k + 1, got {self.num_frames}")
        if self.num_frames > self.scene_s * REFINED_FPS + 1:
            raise ValueError(
                f"a scene of {self.scene_s:g} s has {int(self.scene_s * REFINED_FPS) + 1} frames, "
                f"got num_frames {self.num_frames}; lengthen the scene"
            )
        for name in ("count", "shard_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def low(self) -> ClipShape:
        """The low-resolution clip."""
        height, width = size_for(self.aspect_ratio, self.short_side)
        frames = (self.num_frames - 1) // TIME_FACTOR + 1
        return ClipShape(num_frames=frames, height=height, width=width, fps=BASE_FPS)

    @property
    def high(self) -> ClipShape:
        """The refined clip."""
        low = self.low
        return ClipShape(
            num_frames=self.num_frames,
            height=SPACE_FACTOR * low.height,
            width=SPACE_FACTOR * low.width,
            fps=REFINED_FPS,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinerConfig:
    """How pairs become batches of a refiner."""

    crop: tuple[int, int, int] = (5, 16, 16)
    """Latent frames, rows and columns of a sample: 17 frames of 128x128 pixels."""
    overlap: tuple[int, int, int] = (2, 8, 8)
    """Most latents at the start of an axis that are given, as those of an earlier window are."""
    window_share: float = 0.3
    """Samples that go on from earlier windows."""
    region_share: float = 0.1
    """Samples of which all but a region is given, as in editing."""
    still_share: float = 0.05
    """Samples that are given one frame as a picture, as keyframes are."""
    ramp: float = 0.3
    """Share of the run after which the sparsity of the model is reached, in (0, 1]."""

    def __post_init__(self) -> None:
        shares = (self.window_share, self.region_share, self.still_share)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(f"shares must not be negative and sum to at most 1, got {shares}")
        if min(self.crop) < 1 or not 0 < self.ramp <= 1:
            raise ValueError(
                f"crop must be at least 1 along each axis and ramp in (0, 1], got {self.crop} and "
                f"{self.ramp:g}"
            )
