"""openreels: the open implementation of SkyReels-V4.

``openreels.load("stage").generate("a red ball bounces").save("clip.mp4")``; heavy modules are
imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openreels.core.request import GenerationRequest
    from openreels.media.clip import Clip
    from openreels.pipelines.model import Model, load

__version__ = "0.1.0"

__all__ = ["Clip", "GenerationRequest", "Model", "__version__", "load"]

_HOMES = {
    "Clip": "openreels.media.clip",
    "GenerationRequest": "openreels.core.request",
    "Model": "openreels.pipelines.model",
    "load": "openreels.pipelines.model",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"openreels has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
