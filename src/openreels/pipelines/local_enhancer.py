"""A prompt enhancer that runs a causal language model from a folder, with transformers."""

import importlib
from pathlib import Path
from typing import Any

import torch

from openreels.core.errors import CheckpointError, MissingExtraError
from openreels.core.protocols import Enhanced
from openreels.pipelines.rewriting import INSTRUCTION, accept, unchanged

MAX_NEW_TOKENS = 512
"""Longest answer in tokens of the language model."""


class LocalEnhancer:
    """Asks a language model on this machine; implements ``core.protocols.Enhancer``.

    Greedy decoding, so that a prompt always gives the same answer. Only files of the folder are
    read, only safetensors, and no code of it is run.

    Args:
        folder: A model as transformers saves it: config, tokenizer, safetensors.
        instruction: What the model is told to do.
        device: Where it runs.
        max_new_tokens: Longest answer in tokens.

    Raises:
        MissingExtraError: If transformers is not installed.
        CheckpointError: If the folder holds no causal language model.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        instruction: str = INSTRUCTION,
        device: str | torch.device = "cpu",
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        if not Path(folder).is_dir():
            raise CheckpointError(
                f"a language model is a folder, got {str(folder)!r}; check the name"
            )
        library, local = _transformers(), {"local_files_only": True, "trust_remote_code": False}
        try:
            self.tokenizer = library.AutoTokenizer.from_pretrained(str(folder), **local)
            model = library.AutoModelForCausalLM.from_pretrained(
                str(folder), use_safetensors=True, **local
            )
        except (OSError, ValueError, KeyError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"{str(folder)!r} must hold a causal language model as transformers saves it "
                f"({first}); give another folder"
            ) from error
        self.model = model.to(device).eval()
        self.instruction, self.max_new_tokens = instruction, max_new_tokens

    def enhance(self, prompt: str) -> Enhanced:
        """Ask for a rewritten prompt.

        Args:
            prompt: A valid prompt.

        Returns:
            The answer if it can be used, else the prompt with a note.
        """
        tokens = self._tokens(f"{self.instruction}\n\nThe prompt: {prompt}")
        asked = tokens["input_ids"].shape[1]
        with torch.inference_mode():
            written = self.model.generate(
                **tokens,
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id,
            )[0, asked:]
        if len(written) >= self.max_new_tokens:
            return unchanged(prompt, f"the answer was not at its end after {len(written)} tokens")
        return accept(prompt, self.tokenizer.decode(written, skip_special_tokens=True))

    def _tokens(self, task: str) -> dict[str, torch.Tensor]:
        """The task as one turn of a chat, where the model knows chats, else as text."""
        if not self.tokenizer.chat_template:
            task = f"{task}\n\nThe new prompt:"
            tokens = self.tokenizer(task, return_tensors="pt")
        else:
            tokens = self.tokenizer.apply_chat_template(
                [{"role": "user", "content": task}],
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
        names = ("input_ids", "attention_mask")
        return {name: tokens[name].to(self.model.device) for name in names}


def _transformers() -> Any:  # noqa: ANN401 - a module of an optional package
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(
            "a local language model needs transformers, which is not installed; run "
            "pip install 'openreels[full]', or name another enhancer"
        ) from error
