"""Sizes of the measuring probes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeConfig:
    """Sizes of the three probes."""

    width: int = 24
    """Channels at half resolution; > 0."""
    features: int = 24
    """Channels of the feature that is pooled over an object; > 0."""
    track_width: int = 64
    """Channels of the network over time; > 0."""
    sound_width: int = 48
    """Channels of the sound probe; > 0."""
    sound_bands: int = 48
    """Log-spaced bands of the sound probe; > 0."""
    sound_frames: int = 32
    """Short windows after the onset that the sound probe reads; > 0."""
    num_colours: int = 8
    """Named colours; the pixel probe adds the background."""
    num_shapes: int = 5
    """Named shapes."""
    num_sizes: int = 3
    """Named sizes."""
    num_actions: int = 6
    """Named actions."""
    num_materials: int = 4
    """Named materials."""
