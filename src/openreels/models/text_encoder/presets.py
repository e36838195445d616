"""Ready sizes of the prompt encoder; all ours."""

from dataclasses import replace

from openreels.models.text_encoder.config import PromptEncoderConfig


def stage() -> PromptEncoderConfig:
    """The shipped encoder without what reads references: 192 wide, 3 layers, 64 words."""
    return PromptEncoderConfig()


def stage_media() -> PromptEncoderConfig:
    """The shipped encoder: that of words with what reads pictures, clips and sounds.

    It keeps 128 words, although its captions had 64: prompts that say who speaks, when and what
    are longer, and the first 64 words are encoded almost alike with and without the rest.
    """
    return replace(stage(), image_channels=16, clip_tokens=3, audio_channels=32, max_tokens=128)


def tiny() -> PromptEncoderConfig:
    """For tests: 32 wide, 1 layer, 24 words."""
    return replace(
        stage(), width=32, depth=1, num_heads=2, mlp_ratio=2, num_buckets=512, max_tokens=24
    )
