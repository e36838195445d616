"""What the samples of a batch are asked for: captions of three tiers, or nothing."""

from collections.abc import Sequence

import torch

from openreels.core.prompt import encoder_text
from openreels.stage.captions import Tier, caption
from openreels.stage.looks import has_looks
from openreels.stage.scene import Scene
from openreels.training.config import TaskConfig


def draw_prompts(
    scenes: Sequence[Scene], config: TaskConfig, source: torch.Generator
) -> tuple[str, ...]:
    """Draw a paraphrase a sample, or the empty prompt.

    A scene with looks has no short caption, which would not name them: what nobody asks for must
    not be shown.

    Args:
        scenes: What the samples show.
        config: Shares of dropped prompts and of the tiers.
        source: Source of the draws.

    Returns:
        A prompt a sample, as the prompt encoder gets it from a request.
    """
    variants = torch.randint(config.num_variants, (len(scenes),), generator=source).tolist()
    dropped, tiers = torch.rand(2, len(scenes), generator=source).tolist()
    return tuple(
        ""
        if drop < config.text_dropout
        else encoder_text(caption(scene, variant, tier=_tier(scene, config, drawn)))
        for scene, variant, drop, drawn in zip(scenes, variants, dropped, tiers, strict=True)
    )


def _tier(scene: Scene, config: TaskConfig, drawn: float) -> Tier:
    """Short below its share, structured above the rest of its own, else long."""
    if drawn < config.short_share and not has_looks(scene):
        return "short"
    return "structured" if drawn >= 1 - config.structured_share else "long"
