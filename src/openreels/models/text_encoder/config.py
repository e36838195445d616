"""Size of the prompt encoder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptEncoderConfig:
    """A small transformer over hashed words.

    Not given by the paper: it takes a frozen multimodal language model; this one is ours, small
    enough to ship, and trained on the captions of the Stage world.
    """

    width: int = 192
    """Width of the tokens that come out; a multiple of ``num_heads``."""
    depth: int = 3
    """Transformer layers, >= 1."""
    num_heads: int = 6
    """Attention heads; ``width / num_heads`` is even."""
    mlp_ratio: int = 2
    """Hidden width of the feed-forward part over ``width``."""
    num_buckets: int = 8192
    """Rows of the table into which words and pieces of words are hashed."""
    min_piece: int = 3
    """Shortest piece of a word that is hashed, in characters with the word's two borders."""
    max_piece: int = 5
    """Longest such piece."""
    max_tokens: int = 64
    """Words kept of a prompt; the rest is cut with a warning."""
    image_channels: int = 0
    """Channels of the video latents of pictures and clips; 0 passes over both."""
    image_width: int = 64
    """Width of the part that reads pictures."""
    image_depth: int = 3
    """Pairs of convolutions over a picture."""
    image_tokens: int = 3
    """Tokens of a picture, and of several of the same thing."""
    clip_width: int = 48
    """Width of the part that reads clips."""
    clip_tokens: int = 0
    """Tokens of a clip; 0 passes over clips."""
    audio_channels: int = 0
    """Channels of the audio latents; 0 passes over sounds."""
    sound_width: int = 64
    """Width of the part that reads sounds."""
    sound_tokens: int = 3
    """Tokens of a sound."""
    max_media_tokens: int = 128
    """Tokens kept of the pictures, clips and sounds of a message; the rest is cut with a
    warning."""

    def __post_init__(self) -> None:
        if self.width % (2 * self.num_heads):
            raise ValueError(
                f"width must be a multiple of 2 num_heads = {2 * self.num_heads}, got {self.width};"
                " change one of them"
            )
        smallest = min(self.depth, self.num_heads, self.mlp_ratio, self.num_buckets)
        if smallest < 1 or self.max_tokens < 1:
            raise ValueError(f"all sizes must be at least 1, got {self}; raise the smallest")
        media = (self.image_width, self.image_depth, self.image_tokens, self.sound_tokens)
        widths = (self.clip_width, self.sound_width)
        least = (self.image_channels, self.audio_channels, self.clip_tokens)
        if min(*media, *widths, self.max_media_tokens) < 1 or min(least) < 0:
            raise ValueError(
                f"sizes must be at least 1, channels and clip_tokens at least 0, got {self}; "
                "raise the smallest"
            )
        if not 1 <= self.min_piece <= self.max_piece:
            raise ValueError(
                "pieces must have 1 <= min_piece <= max_piece, "
                f"got {self.min_piece} and {self.max_piece}; swap them"
            )

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.num_heads
