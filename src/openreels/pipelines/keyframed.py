"""Changes by which a base makes high-resolution keyframes beside a clip that is refined. Ours.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5, whose base does so itself. A model may hold
``mmdit-keyframes-lora.safetensors`` beside ``mmdit.safetensors``: changes of the base with its
world for joint prediction. Where a clip is to have keyframes, a copy of the base with them reads
the clip at every noise level and makes the keyframes; the clip and its sound are the base's own
(``pipelines.denoise.denoiser_beside``), so a small base loses nothing to the new task. Requests
with references, a source in context or several shots have no keyframes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from openreels.models.mmdit.model import MMDiT
from openreels.weights.lora import LoraHeader, read_lora, with_changes

KEYFRAMES_FILE = "mmdit-keyframes-lora.safetensors"
"""Changes of the base for joint prediction; a model need not have them."""
LAG = "keyframe_lag"
"""Key of the header's metadata that holds how far keyframes lag behind the clip."""

RESIDUAL = "keyframe_residual"
"""The same of what that which the clip lacks of them is divided by (``MMDiTConfig.residual``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyframeChanges:
    """Low-rank changes that a base is given for a request and no longer."""

    tensors: Mapping[str, Tensor]
    """As ``weights.lora.read_lora`` gave them."""
    header: LoraHeader
    """The same."""
    path: Path
    """Where they came from, for messages."""

    @property
    def lag(self) -> float:
        """How far keyframes lag behind the clip on the way from noise (``diffusion.lag``), >= 1."""
        return float(self.header.metadata.get(LAG, 1.0))

    def on(self, base: MMDiT) -> MMDiT:
        """A frozen copy of a base that makes keyframes; itself where it does so already.

        Args:
            base: What they leave alone is shared with it.

        Raises:
            CheckpointError: If they do not fit.
        """
        if base.config.keyframes:
            return base
        changed = with_changes(base, self.tensors, self.header, self.path)
        residual = float(self.header.metadata.get(RESIDUAL, 0.0))
        changed.config = replace(changed.config, keyframes=True, residual=residual)
        return changed


def find_keyframed(folder: Path, base: MMDiT) -> KeyframeChanges | None:
    """Read the changes for keyframes of a model's folder, and try whether they fit.

    Args:
        folder: With or without ``KEYFRAMES_FILE``.
        base: The base that they are to change; stays as it is.

    Returns:
        The changes; None where the folder has none.

    Raises:
        CheckpointError: If they do not fit.
    """
    path = folder / KEYFRAMES_FILE
    if not path.exists():
        return None
    tensors, header = read_lora(path)
    changes = KeyframeChanges(tensors=tensors, header=header, path=path)
    changes.on(base)
    return changes
