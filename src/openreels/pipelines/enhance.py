"""Which prompt enhancer is used, and on which requests."""

from dataclasses import replace
from pathlib import Path

from openreels.core.protocols import Enhancer
from openreels.core.request import GenerationRequest, validate
from openreels.pipelines.chat_enhancer import ChatEnhancer
from openreels.pipelines.local_enhancer import LocalEnhancer
from openreels.pipelines.rewriting import INSTRUCTION
from openreels.stage import scene
from openreels.stage.enhance import StageEnhancer

STAGE = "stage"
"""Name of the enhancer of the shipped model."""

STAGE_INSTRUCTION = f"""{INSTRUCTION}
The model knows one small world. Things: {", ".join(scene.SHAPES)}; at most three of them.
Colours: {", ".join(scene.COLOURS)}.
Materials: {", ".join(scene.MATERIALS)}. Sizes: {", ".join(scene.SIZES)}.
Actions: {", ".join(scene.ACTIONS)} (two collide). Places: {", ".join(scene.PLACES)}.
Times: {", ".join(scene.TIMES_OF_DAY)}. Camera: {", ".join(scene.CAMERAS)}.
Weather, outdoors only: {", ".join(scene.WEATHERS)}. Styles: {", ".join(scene.STYLES)}.
For anything else take what is nearest.
Use no tags, and write exactly like this, every word chosen from these lists:
A large red rubber ball bounces in a meadow by day. The camera is still.
A small blue wooden cube collides with a medium green glass star on a street at night. The camera
pans left."""
"""The task for the shipped model, whose prompt encoder knows the words of the Stage world only."""

_SHOWN = ("first_frame", "last_frame", "keyframes", "grid", "extend", "edit", "ref_video")


def enhanced(
    request: GenerationRequest, enhancer: Enhancer | None
) -> tuple[GenerationRequest, tuple[str, ...]]:
    """Let an enhancer rewrite the prompt of a request.

    Not given by the paper: when not to. A prompt stays as it is if the request says so, and if
    given frames, a storyboard or a given clip show the scene: an enhancer sees none of them and
    would invent another place, light and look.

    Args:
        request: A valid request.
        enhancer: What rewrites; None rewrites nothing.

    Returns:
        The same request or one with a new prompt that keeps every rule too, and notes.
    """
    given = any(getattr(request, name) for name in _SHOWN)
    if enhancer is None or not request.enhance or given:
        return request, ()
    if isinstance(enhancer, StageEnhancer):
        pictured = frozenset(reference.tag for reference in request.references)
        enhancer = replace(enhancer, pictured=pictured)
    answer = enhancer.enhance(request.prompt)
    if answer.prompt == request.prompt:
        return request, answer.notes
    try:
        return validate(replace(request, prompt=answer.prompt)), answer.notes
    except ValueError as error:
        return request, (f"the enhanced prompt was not used, as it breaks a rule: {error}",)


def enhancer_named(name: str) -> Enhancer:
    """Make an enhancer from the words of a door.

    Language models are told the words of the Stage world, as every model that can be loaded reads
    those; with another world, build ``ChatEnhancer`` or ``LocalEnhancer`` with its own task.

    Args:
        name: ``stage``; the address of a chat endpoint and a model, ``URL#MODEL``; or the folder
            of a causal language model.

    Returns:
        The enhancer.

    Raises:
        ValueError: If it is none of these.
    """
    if name == STAGE:
        return StageEnhancer()
    address, _, model = name.partition("#")
    if "://" in address:
        if not model:
            raise ValueError(
                f"a chat endpoint is written URL#MODEL, got {name!r}; add # and the model's name"
            )
        return ChatEnhancer(base_url=address, model=model, instruction=STAGE_INSTRUCTION)
    if Path(name).is_dir():
        return LocalEnhancer(name, instruction=STAGE_INSTRUCTION)
    raise ValueError(
        f"an enhancer is {STAGE}, URL#MODEL of a chat endpoint, or the folder of a language model, "
        f"got {name!r}; check the name"
    )
