"""Trained detectors that read a Stage clip: what is where (pixels), what it does, what sounds.

They are measuring instruments, not part of the model: trained on true clips only, and every figure
of StageBench stands beside their accuracy on true clips. Ours.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.arrays import Pixels
from openreels.models.probe.config import ProbeConfig


@dataclass(frozen=True, slots=True)
class PixelReading:
    """What the pixel probe says of each cell of the half-resolution grid."""

    colour: Float[Tensor, "n colours h w"]
    """Logits; class 0 is background, then the colours of the Stage vocabulary."""
    shape: Float[Tensor, "n shapes h w"]
    """Logits of the shape of the object that covers the cell."""
    size: Float[Tensor, "n sizes h w"]
    """Logits of its size."""
    features: Float[Tensor, "n d h w"]
    """Local appearance, for the network over time."""


class _Residual(nn.Module):
    """Two 3x3 convolutions with a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(4, width)

    def forward(self, x: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        """Residual update at one resolution."""
        return x + self.second(nn.functional.silu(self.first(nn.functional.silu(self.norm(x)))))


class PixelProbe(nn.Module):
    """A small U-Net: frame -> colour, shape and size of the object under every second pixel.

    ``n 3 H W`` -> stem at H/2 -> H/4 -> H/8 (what is it) -> H/4 -> H/2 (where) -> heads.
    """

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        d = config.width
        self.stem = nn.Conv2d(3, d, 5, stride=2, padding=2)
        self.fine = _Residual(d)
        self.down1 = nn.Conv2d(d, 2 * d, 3, stride=2, padding=1)
        self.quarter = _Residual(2 * d)
        self.down2 = nn.Conv2d(2 * d, 2 * d, 3, stride=2, padding=1)
        self.eighth = nn.Sequential(_Residual(2 * d), _Residual(2 * d))
        self.merge1 = nn.Conv2d(4 * d, 2 * d, 3, padding=1)
        self.merge2 = nn.Conv2d(3 * d, d, 3, padding=1)
        self.top = _Residual(d)
        self.colour = nn.Conv2d(d, 1 + config.num_colours, 1)
        self.shape = nn.Conv2d(d, config.num_shapes, 1)
        self.size = nn.Conv2d(d, config.num_sizes, 1)
        self.features = nn.Conv2d(d, config.features, 1)

    def forward(self, frames: Float[Tensor, "n 3 H W"]) -> PixelReading:
        """Read frames in [-1, 1]; sides are multiples of 8."""
        half = self.fine(self.stem(frames))
        quarter = self.quarter(self.down1(half))
        deep = self.eighth(self.down2(quarter))
        deep = self.merge1(torch.cat([nn.functional.interpolate(deep, scale_factor=2), quarter], 1))
        top = self.merge2(torch.cat([nn.functional.interpolate(deep, scale_factor=2), half], 1))
        top = nn.functional.silu(self.top(top))
        return PixelReading(self.colour(top), self.shape(top), self.size(top), self.features(top))

    def read_clip(self, pixels: Pixels, chunk: int = 64) -> PixelReading:
        """Read every frame of a batch of clips; the first axis becomes ``(b F)``."""
        frames = rearrange(pixels, "b c f h w -> (b f) c h w")
        parts = [self(frames[i : i + chunk]) for i in range(0, frames.shape[0], chunk)]
        return PixelReading(
            *(
                torch.cat([getattr(part, name) for part in parts])
                for name in ("colour", "shape", "size", "features")
            )
        )


class TrackProbe(nn.Module):
    """A network over time: the track of one object -> its action and its contacts.

    ``n channels F`` -> dilated 1-D convolutions -> action logits and a contact level a frame, which
    is a triangle of one frame half-width around each contact.
    """

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        d = config.track_width
        self.stem = nn.Conv1d(TRACK_CHANNELS + config.features, d, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Conv1d(d, d, 5, padding=2 * s, dilation=s) for s in (1, 2, 4)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(4, d) for _ in self.blocks)
        self.action = nn.Linear(2 * d, config.num_actions)
        self.contact = nn.Conv1d(d, 1, 3, padding=1)

    def forward(
        self, track: Float[Tensor, "n channels F"]
    ) -> tuple[Float[Tensor, "n actions"], Float[Tensor, "n F"]]:
        """Logits of the action, and the contact logit of every frame."""
        x = self.stem(track)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            x = x + block(nn.functional.silu(norm(x)))
        pooled = torch.cat([x.mean(-1), x.amax(-1)], 1)
        return self.action(pooled), self.contact(nn.functional.silu(x))[:, 0]


TRACK_CHANNELS = 7
"""Presence, row, column, their differences, log area, aspect of the object's mask."""


class SoundProbe(nn.Module):
    """The first half second of one sound -> material and size of what sounded.

    ``n bands frames`` of log levels -> 1-D convolutions over time -> two sets of logits.
    """

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        d = config.sound_width
        self.net = nn.Sequential(
            nn.Conv1d(config.sound_bands, d, 3, padding=1),
            nn.SiLU(),
            nn.Conv1d(d, d, 3, padding=1, stride=2),
            nn.SiLU(),
            nn.Conv1d(d, d, 3, padding=1, stride=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(d * (config.sound_frames // 4), 2 * d),
            nn.SiLU(),
        )
        self.material = nn.Linear(2 * d, config.num_materials)
        self.size = nn.Linear(2 * d, config.num_sizes)

    def forward(
        self, levels: Float[Tensor, "n bands frames"]
    ) -> tuple[Float[Tensor, "n materials"], Float[Tensor, "n sizes"]]:
        """Logits of the material and of the size."""
        hidden = self.net(levels)
        return self.material(hidden), self.size(hidden)


class StageProbe(nn.Module):
    """The three probes in one file."""

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels = PixelProbe(config)
        self.track = TrackProbe(config)
        self.sound = SoundProbe(config)
