"""The Python door: ``openreels.load("stage").generate("a red ball bounces")``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from openreels.core.protocols import Enhancer
from openreels.core.request import GenerationRequest
from openreels.media.clip import Clip
from openreels.pipelines.components import SHIPPED, Components
from openreels.pipelines.generate import ProgressCallback, Result, generate


class Model:
    """A loaded model that makes clips.

    Args:
        components: Its networks.
    """

    def __init__(self, components: Components) -> None:
        self.components = components

    def generate(
        self,
        request: GenerationRequest | str,
        *,
        progress: ProgressCallback | None = None,
        **fields: Any,  # noqa: ANN401 - the fields of GenerationRequest
    ) -> Clip:
        """Make a clip, a sound or a picture.

        Args:
            request: A prompt, or a whole request.
            progress: Told the stage, units done and units in all.
            **fields: Fields of ``GenerationRequest`` that are set or replaced.

        Returns:
            The clip; it plays in a notebook and has ``save``.

        Raises:
            ValueError: If a rule of the request is broken, or the model was not trained for it.
        """
        return self.run(request, progress=progress, **fields).clip

    def run(
        self,
        request: GenerationRequest | str,
        *,
        progress: ProgressCallback | None = None,
        **fields: Any,  # noqa: ANN401 - the fields of GenerationRequest
    ) -> Result:
        """Do as ``generate`` does, and return the metadata beside the clip.

        Args:
            request: A prompt, or a whole request.
            progress: Told the stage, units done and units in all.
            **fields: Fields of ``GenerationRequest`` that are set or replaced.

        Returns:
            The clip and its metadata.

        Raises:
            ValueError: If a rule of the request is broken, or the model was not trained for it.
        """
        known = GenerationRequest.__dataclass_fields__
        for name in fields:
            if name not in known:
                raise ValueError(
                    f"a request has the fields {', '.join(known)}; got {name!r}; check its name"
                )
        if isinstance(request, str):
            request = GenerationRequest(prompt=request)
        return generate(self.components, replace(request, **fields), progress=progress)


def load(
    model: str | Path = SHIPPED,
    device: str | torch.device | None = None,
    *,
    enhancer: Enhancer | None = None,
) -> Model:
    """Load a model.

    Args:
        model: ``stage``, which ships with the package, or a folder of weights.
        device: Where it runs; None takes a GPU if there is one, else the CPU.
        enhancer: What rewrites prompts; None takes the model's own.

    Returns:
        The model, ready to generate.

    Raises:
        CheckpointError: If a file is missing or does not fit.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    components = Components.load(model, device)
    return Model(components if enhancer is None else replace(components, enhancer=enhancer))
