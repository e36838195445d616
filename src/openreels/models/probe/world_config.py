"""Sizes of the probe of looks and voices."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldProbeConfig:
    """Sizes of its three networks and numbers of the words that they tell apart."""

    width: int = 24
    """Channels at half resolution; > 0."""
    crop: int = 32
    """Side of the picture of one actor, in pixels; a multiple of 8."""
    sound_width: int = 48
    """Channels of the network that hears a syllable; > 0."""
    sound_bands: int = 48
    """Log-spaced bands that it reads; > 0."""
    sound_frames: int = 32
    """Windows of 11.6 ms that it reads; a multiple of 4."""
    num_styles: int = 4
    """Named styles."""
    num_weathers: int = 3
    """Named weathers."""
    num_places: int = 6
    """Named places."""
    num_lights: int = 3
    """Named times of day."""
    num_materials: int = 4
    """Named materials."""
    num_faces: int = 5
    """No face, then the named expressions."""
    num_effects: int = 6
    """No effect, then the named effects."""
    num_voices: int = 3
    """Named voices."""
    num_vowels: int = 5
    """Vowels of the syllables."""
