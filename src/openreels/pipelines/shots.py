"""The prompt encoder for prompts with hard cuts. Ours.

A model may hold ``text_encoder-shots-lora.safetensors`` beside ``text_encoder.safetensors``:
changes by which the words of a shot tell which one it is, when it begins and when it ends. Prompts
that number their shots are read with them, on top of those for voices where somebody speaks.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.voiced import with_words

SHOTS_FILE = "text_encoder-shots-lora.safetensors"
"""Changes of the prompt encoder for prompts with several shots; a model need not have them."""
_SECOND = re.compile(r"\bshot\s+2\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShotEncoders:
    """The prompt encoders of a model with the changes for shots."""

    plain: PromptEncoder
    """The one that it has anyway."""
    voiced: PromptEncoder | None = None
    """The one with the changes for voices; None where the model has none."""


def has_shots(prompt: str) -> bool:
    """Say whether a prompt numbers its shots, as structured captions and the enhancer do.

    Args:
        prompt: After enhancing.

    Returns:
        Whether it has a ``shot 2``.
    """
    return bool(_SECOND.search(prompt))


def find_shots(
    folder: Path, prompts: PromptEncoder, voiced: PromptEncoder | None
) -> ShotEncoders | None:
    """Load what reads shots, of a model's folder.

    Args:
        folder: With or without ``SHOTS_FILE``.
        prompts: The prompt encoder, in fp32.
        voiced: The one with the changes for voices, or None.

    Returns:
        A frozen copy of each with the changes; None where the folder has no such file.

    Raises:
        CheckpointError: If the file does not fit.
    """
    path = folder / SHOTS_FILE
    if not path.exists():
        return None
    return ShotEncoders(
        plain=with_words(prompts, path),
        voiced=None if voiced is None else with_words(voiced, path),
    )
