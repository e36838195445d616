"""How a run reads its prompts: each by the encoder that a request with it is read by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from openreels.core.arrays import Context, ContextMask
from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.shots import SHOT_WORDS_FILE, has_shots
from openreels.pipelines.voiced import WORDS_FILE, is_voiced
from openreels.training.codecs import CodecPaths
from openreels.training.networks import changed_prompts, load_frozen


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptReader:
    """The prompt encoder of a run, and those for prompts with voices and with several shots."""

    plain: PromptEncoder
    """Reads messages, and all prompts that none of the others reads."""
    spoken: PromptEncoder | None = None
    """Reads prompts that ask for speech, song or music."""
    shots: PromptEncoder | None = None
    """Reads prompts that number their shots, whether somebody speaks in them or not."""

    def encode_text(self, texts: Sequence[str]) -> tuple[Context, ContextMask]:
        """Encode plain prompts.

        Args:
            texts: One prompt a sample.

        Returns:
            As ``PromptEncoder.encode_text``, padded to the longest of all.

        Raises:
            ValueError: If there are changes for voices and a prompt breaks a rule of its language.
        """
        rows: dict[PromptEncoder, list[int]] = {}
        for row, text in enumerate(texts):
            rows.setdefault(self._encoder_of(text), []).append(row)
        found = {
            encoder: encoder.encode_text([texts[row] for row in chosen])
            for encoder, chosen in rows.items()
        }
        if len(found) == 1:
            return next(iter(found.values()))
        width = max(context.shape[1] for context, _ in found.values())
        first, _ = next(iter(found.values()))
        context = first.new_zeros(len(texts), width, first.shape[2])
        mask = torch.zeros(len(texts), width, dtype=torch.bool, device=first.device)
        for encoder, (tokens, attendable) in found.items():
            at = torch.tensor(rows[encoder], device=first.device)
            context[at, : tokens.shape[1]] = tokens
            mask[at, : tokens.shape[1]] = attendable
        return context, mask

    def _encoder_of(self, text: str) -> PromptEncoder:
        """What reads a prompt."""
        if self.shots is not None and has_shots(text):
            return self.shots
        return self.spoken if self.spoken is not None and is_voiced(text) else self.plain


def load_reader(codecs: CodecPaths, out: Path) -> PromptReader:
    """Load what a run reads its prompts with.

    Args:
        codecs: Which encoder, with or without changes for voices and shots.
        out: Folder from which relative paths of the changes are taken.

    Raises:
        CheckpointError: If a file does not hold what it should.
    """
    plain = load_frozen("text_encoder", codecs.text_encoder, kind=PromptEncoder)
    spoken, shots = (
        None if source is None else changed_prompts(plain, file, source, out)
        for file, source in (
            (WORDS_FILE, codecs.spoken_words),
            (SHOT_WORDS_FILE, codecs.shot_words),
        )
    )
    return PromptReader(plain=plain, spoken=spoken, shots=shots)
