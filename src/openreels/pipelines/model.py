"""The Python door: ``openreels.load("stage").generate("a red ball bounces")``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from openreels.core.protocols import Enhancer
from openreels.core.request import GenerationRequest, validate
from openreels.core.shapes import BASE_FPS, MAX_DURATION_S
from openreels.media.clip import Clip, read_clip
from openreels.media.files import ReadLimits
from openreels.pipelines.cascade import refine_clip
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

    def refine(
        self,
        clip: Clip | str | Path,
        prompt: str = "a clip",
        *,
        progress: ProgressCallback | None = None,
        **fields: Any,  # noqa: ANN401 - the fields of GenerationRequest
    ) -> Clip:
        """Make a clip finer and give it twice the frames; it need not come from this model.

        Args:
            clip: A clip, or the path of one; it is read at 16 frames a second.
            prompt: What is seen.
            progress: Told the stage, steps done and steps in all.
            **fields: ``resolution`` (256p), ``mode`` and ``seed``.

        Returns:
            The refined clip with the same sound.

        Raises:
            ValueError: If the clip is too short, too long, too small or large already, or the model
                has no refiner.
            MediaError: If the file cannot be read.
        """
        request = GenerationRequest(prompt=prompt, resolution="256p", enhance=False)
        request = validate(replace(request, **fields))
        if not isinstance(clip, Clip):
            clip = read_low(clip)
        return refine_clip(self.components, clip.to_fps(BASE_FPS), request, tell=progress)[0]


def read_low(path: str | Path) -> Clip:
    """Read a clip to refine: at 16 frames a second, at most 15 s.

    Raises:
        MediaError: If it cannot be read, has no picture or is longer.
    """
    return read_clip(path, fps=BASE_FPS, limits=ReadLimits(max_duration_s=MAX_DURATION_S + 1))


def load(
    model: str | Path = SHIPPED,
    device: str | torch.device | None = None,
    *,
    enhancer: Enhancer | None = None,
    loras: Sequence[tuple[str | Path, float]] = (),
) -> Model:
    """Load a model.

    Args:
        model: ``stage``, which ships with the package, or a folder of weights.
        device: Where it runs; None takes a GPU if there is one, else the CPU.
        enhancer: What rewrites prompts; None takes the model's own.
        loras: Files of low-rank changes of the transformer, and how much of each is added; 1 is
            as they were trained.

    Returns:
        The model, ready to generate.

    Raises:
        CheckpointError: If a file is missing or does not fit.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    components = Components.load(model, device, loras=loras)
    return Model(components if enhancer is None else replace(components, enhancer=enhancer))
