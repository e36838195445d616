"""Ready sizes of the prompt encoder; all ours."""

from dataclasses import replace

from openreels.models.text_encoder.config import PromptEncoderConfig


def stage() -> PromptEncoderConfig:
    """The shipped encoder without what reads pictures: 192 wide, 3 layers, 64 words."""
    return PromptEncoderConfig()


def stage_media() -> PromptEncoderConfig:
    """The shipped encoder: that of words with the part that reads pictures."""
    return replace(stage(), image_channels=16)


def tiny() -> PromptEncoderConfig:
    """For tests: 32 wide, 1 layer, 24 words."""
    return replace(
        stage(), width=32, depth=1, num_heads=2, mlp_ratio=2, num_buckets=512, max_tokens=24
    )
