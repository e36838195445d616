"""How a run reads its prompts: each by the encoder that a request with it is read by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from openreels.core.arrays import Context, ContextMask
from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.shots import SHOT_WORDS_FILE, has_shots
from openreels.training.codecs import CodecPaths
from openreels.training.networks import changed_prompts, load_prompts


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptReader:
    """The prompt encoder of a run, and the one for prompts with several shots."""

    plain: PromptEncoder
    """Reads messages, and prompts without cuts."""
    shots: PromptEncoder | None = None
    """Reads prompts that number their shots; None reads them as all others."""

    def encode_text(self, texts: Sequence[str]) -> tuple[Context, ContextMask]:
        """Encode plain prompts.

        Args:
            texts: One prompt a sample.

        Returns:
            As ``PromptEncoder.encode_text``, padded to the longest of all.
        """
        rows = [row for row, text in enumerate(texts) if has_shots(text)]
        context, mask = self.plain.encode_text(texts)
        if self.shots is None or not rows:
            return context, mask
        found, _ = self.shots.encode_text([texts[row] for row in rows])
        context = context.clone()
        context[torch.tensor(rows), : found.shape[1]] = found
        return context, mask


def load_reader(codecs: CodecPaths, out: Path) -> PromptReader:
    """Load what a run reads its prompts with.

    Args:
        codecs: Which encoder, with or without changes for voices and shots.
        out: Folder from which relative paths of the changes are taken.

    Raises:
        CheckpointError: If a file does not hold what it should.
    """
    plain = load_prompts(codecs, out)
    if codecs.shot_words is None:
        return PromptReader(plain=plain)
    shots = changed_prompts(plain, SHOT_WORDS_FILE, codecs.shot_words, out)
    return PromptReader(plain=plain, shots=shots)
