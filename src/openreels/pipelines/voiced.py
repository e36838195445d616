"""The networks for prompts in which somebody speaks or sings, or music plays. Ours.

A model may hold ``mmdit-voices-lora.safetensors`` beside ``mmdit.safetensors``: changes of the
audio branch, what it needs for voices and music; and ``text_encoder-voices-lora.safetensors``:
changes of the prompt encoder, by which a syllable says which of its line it is, and when its line
begins. Requests whose prompt asks for them run with these changes on top of those that they run
with anyway; all others do without, so that impacts need not give way to voices.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openreels.core.prompt import SPOKEN, Prose, Tag, parse
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.weights.lora import read_lora, with_changes

VOICES_FILE = "mmdit-voices-lora.safetensors"
"""Changes of the base for prompts with speech, song or music; a model need not have them."""
WORDS_FILE = "text_encoder-voices-lora.safetensors"
"""Changes of the prompt encoder for the same prompts; a model need not have them."""
VOICED: frozenset[Tag] = SPOKEN.union(("bgm",))
"""Spans of the prompt language that ask for them."""
_IN_WORDS = re.compile(
    r'(?<!\bit )(?<!\bsubtitle )(?<!\bcaption )(?<!\bsign )\bsays(?: the words)? "'
    r"|\b(?:speak(?:s|ing)?|calls? out|utters?|sings?|singing|croons?)\b"
    r"|\bmusic\b(?![^.@]{0,20}@)",
    re.IGNORECASE,
)
"""The same in prose, as captions and the enhancer write it. What a picture says is no speech, and
music like a sample is what references are for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Voiced:
    """The networks of a model with the changes for voices and music."""

    mmdit: MMDiT
    """The transformer."""
    referenced: MMDiT | None = None
    """The one with the changes for references; None where the model has none."""
    fast: MMDiT | None = None
    """The one distilled to few steps; None where the model has none."""
    text_encoder: PromptEncoder | None = None
    """The prompt encoder; None where it has no changes for voices."""


def is_voiced(prompt: str) -> bool:
    """Say whether a prompt asks for speech, song or music.

    Args:
        prompt: In the prompt language, as it is after enhancing.

    Returns:
        Whether it has one of the spans of ``VOICED``, or its prose says so: ``says "ba-mo"``,
        ``sings``, ``sad music plays``.

    Raises:
        ValueError: If the prompt breaks a rule of its language.
    """
    return any(
        bool(_IN_WORDS.search(part.text)) if isinstance(part, Prose) else part.tag in VOICED
        for part in parse(prompt).parts
    )


def find_voiced(
    folder: Path,
    base: MMDiT,
    referenced: MMDiT | None,
    fast: MMDiT | None,
    prompts: PromptEncoder,
) -> Voiced | None:
    """Load what speaks, sings and plays, of a model's folder.

    Args:
        folder: With or without ``VOICES_FILE``, and where it has one with or without
            ``WORDS_FILE``.
        base: The base with its world, in fp32.
        referenced: The one with the changes for references, or None.
        fast: The distilled one, or None.
        prompts: The prompt encoder.

    Returns:
        A copy of each with the changes, frozen, that shares with it what they leave alone; None
        where the folder has no such file.

    Raises:
        CheckpointError: If a file does not fit.
    """
    path = folder / VOICES_FILE
    if not path.exists():
        return None
    tensors, header = read_lora(path)
    changed = partial(with_changes, tensors=tensors, header=header, source=path)
    words = folder / WORDS_FILE
    return Voiced(
        mmdit=changed(base),
        referenced=None if referenced is None else changed(referenced),
        fast=None if fast is None else changed(fast),
        text_encoder=with_words(prompts, words) if words.exists() else None,
    )


def with_words(prompts: PromptEncoder, path: Path) -> PromptEncoder:
    """A frozen copy of a prompt encoder with the changes of a file.

    Args:
        prompts: The encoder, in fp32.
        path: Such changes, e.g. ``WORDS_FILE`` of a model.

    Raises:
        CheckpointError: If the file does not fit.
    """
    tensors, header = read_lora(path)
    return with_changes(prompts, tensors, header, path).eval()
