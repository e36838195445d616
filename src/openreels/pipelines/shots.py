"""The networks for prompts with hard cuts. Ours.

A model may hold ``mmdit-shots-lora.safetensors`` beside ``mmdit.safetensors``: changes of the base
that stand in the place of those for the world, and ``text_encoder-shots-lora.safetensors``: changes
of the prompt encoder, by which the words of a shot tell which one it is, when it begins and when it
ends. Requests whose prompt numbers its shots run with them, and with the changes for voices on top
where somebody speaks; all others run without, and so do those with references or a source.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.fast import FastBase, find_fast
from openreels.pipelines.voiced import Voiced, find_voiced, with_words
from openreels.weights.lora import read_lora, with_changes

SHOTS_FILE = "mmdit-shots-lora.safetensors"
"""Changes of the base for prompts with several shots; a model need not have them."""
SHOT_WORDS_FILE = "text_encoder-shots-lora.safetensors"
"""Changes of the prompt encoder for the same prompts; a model need not have them."""
_SECOND = re.compile(r"\bshot\s+2\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cutting:
    """The networks of a model with the changes for several shots."""

    mmdit: MMDiT
    """The transformer."""
    text_encoder: PromptEncoder
    """The prompt encoder; the model's own where it has no changes for shots."""
    fast: FastBase | None = None
    """The transformer distilled to few steps; None where the model has none."""
    voiced: Voiced | None = None
    """All of them with the changes for voices; None where the model has none."""


def has_shots(prompt: str) -> bool:
    """Say whether a prompt numbers its shots, as structured captions and the enhancer do.

    Args:
        prompt: After enhancing.

    Returns:
        Whether it has a ``shot 2``.
    """
    return bool(_SECOND.search(prompt))


def is_cut(request: GenerationRequest) -> bool:
    """Say whether a request asks for several shots and nothing but words tells what they show.

    Args:
        request: With its prompt as it is after enhancing.

    Returns:
        Whether its prompt has a ``shot 2``, and it has neither references nor a clip to edit.
    """
    untimed = any(keyframe.time_s is None for keyframe in request.keyframes)
    return has_shots(request.prompt) and not (
        request.tags or request.voices or request.edit or untimed
    )


def find_shots(folder: Path, base: MMDiT, prompts: PromptEncoder) -> Cutting | None:
    """Load what cuts, of a model's folder.

    Args:
        folder: With or without ``SHOTS_FILE``, and where it has one with or without
            ``SHOT_WORDS_FILE``.
        base: The base without its world, in fp32.
        prompts: The prompt encoder.

    Returns:
        Copies with the changes, frozen, that share what these leave alone; None where the folder
        has no such file.

    Raises:
        CheckpointError: If a file does not fit.
    """
    path, words = folder / SHOTS_FILE, folder / SHOT_WORDS_FILE
    if not path.exists():
        return None
    mmdit = with_changes(base, *read_lora(path), path)
    text_encoder = with_words(prompts, words) if words.exists() else prompts
    fast = find_fast(folder, mmdit)
    network = None if fast is None else fast.network
    return Cutting(
        mmdit=mmdit,
        text_encoder=text_encoder,
        fast=fast,
        voiced=find_voiced(folder, mmdit, None, network, text_encoder),
    )
