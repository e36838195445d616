"""The distilled base: weights that go from noise to data in a few steps, beside those that do not.

A model may hold ``mmdit-fast.safetensors`` beside ``mmdit.safetensors``, or, at a fraction of the
size, ``mmdit-fast-lora.safetensors``: low-rank changes of the base. What it was distilled for is
written in its header: noise levels, and the guidance that its steps have taken in, so that a step
is one evaluation of one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openreels.conditioning.conditions import Conditions
from openreels.core.config import from_dict
from openreels.core.errors import CheckpointError
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.settings import Sampling
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import (
    LoraHeader,
    read_any_header,
    read_lora,
    with_changes,
)

FAST_FILE = "mmdit-fast.safetensors"
"""Weights of the distilled base in a model's folder; a model need not have them."""
FAST_LORA_FILE = "mmdit-fast-lora.safetensors"
"""The same as low-rank changes of the base; whole weights come first where a folder has both."""
MARK = "distilled"
"""Key of the header's metadata that holds a ``Distilled``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distilled:
    """What a network was distilled for.

    Raises:
        ValueError: If there is no step, or a number is out of range.
    """

    num_steps: int
    """Steps from noise to data, one evaluation each; the network knows no other levels."""
    shift: float
    """Shift of its noise levels towards noise, > 0; 1 is none."""
    guidance_scale: float | int
    """Guidance of the picture that its teacher had, >= 1; it cannot be changed any more."""
    audio_guidance_scale: float | int
    """The same of the sound."""
    sync_guidance_scale: float | int
    """The same of the pull of the picture on the sound."""
    audio_lag: float | int
    """How far audio lags behind video (``diffusion.lag``), >= 1."""

    def __post_init__(self) -> None:
        if self.num_steps < 1 or not self.shift > 0:
            raise ValueError(
                "num_steps must be at least 1 and shift positive, got "
                f"{self.num_steps} and {self.shift:g}"
            )
        scales = (self.guidance_scale, self.audio_guidance_scale, self.sync_guidance_scale)
        if min(*scales, self.audio_lag) < 1:
            raise ValueError(
                "guidance scales and audio_lag must be at least 1 (off), got "
                f"{', '.join(f'{scale:g}' for scale in scales)} and {self.audio_lag:g}"
            )

    @property
    def sampling(self) -> Sampling:
        """How noise becomes data: straight steps between its levels, without guidance."""
        return Sampling(
            num_steps=self.num_steps,
            stepper="euler",
            guidance=Joint(1.0, 1.0),
            shift=self.shift,
            audio_lag=self.audio_lag,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FastBase:
    """A distilled base and its steps."""

    network: MMDiT
    """The same class and channels as the base that it was distilled from."""
    distilled: Distilled
    """What it was distilled for."""


def mark_of(path: Path) -> Distilled | None:
    """Read what a weights file was distilled for.

    Returns:
        The record; None for weights that were not distilled.

    Raises:
        CheckpointError: If the file is missing or damaged, or its mark is not understood.
    """
    return _mark_in(read_any_header(path).metadata, path)


def _mark_in(metadata: Mapping[str, Any], path: Path) -> Distilled | None:
    if MARK not in metadata:
        return None
    try:
        return from_dict(Distilled, metadata[MARK])
    except ValueError as error:
        raise CheckpointError(f"the mark {MARK!r} in {path} does not fit: {error}") from error


def load_fast(path: Path, base: MMDiT) -> FastBase:
    """Load a distilled base.

    Args:
        path: Its file: whole weights, or low-rank changes of the base.
        base: The base, in fp32; on its device the distilled one comes.

    Returns:
        The network, frozen, in fp32, and its steps.

    Raises:
        CheckpointError: If the file does not fit, or holds weights that were not distilled.
    """
    header = read_any_header(path)
    mark = _mark_in(header.metadata, path)
    if mark is None:
        raise CheckpointError(
            f"{path} must hold distilled weights, got some without the mark {MARK!r}; distil them "
            "with openreels train stage_distilled, or remove the file"
        )
    if isinstance(header, LoraHeader):
        tensors, _ = read_lora(path)
        network = with_changes(base, tensors, header, path)
    else:
        network = load_network(path, next(base.parameters()).device, kind=MMDiT)
    return FastBase(network=network.requires_grad_(False), distilled=mark)


def find_fast(folder: Path, base: MMDiT) -> FastBase | None:
    """Load the distilled base of a model's folder; None where it has none.

    Args:
        folder: With or without one of ``FAST_FILE`` and ``FAST_LORA_FILE``.
        base: As for ``load_fast``.

    Raises:
        CheckpointError: As ``load_fast``.
    """
    path = fast_path(folder)
    return None if path is None else load_fast(path, base)


def fast_path(folder: Path) -> Path | None:
    """The file of the distilled base in a model's folder; None where it has none."""
    paths = (folder / name for name in (FAST_FILE, FAST_LORA_FILE))
    return next((path for path in paths if path.exists()), None)


def check_base(path: Path) -> None:
    """Refuse distilled weights in the place of a base, where guidance and other steps are asked.

    Raises:
        CheckpointError: If the file was distilled.
    """
    mark = mark_of(path)
    if mark is not None:
        raise CheckpointError(
            f"{path} must hold a base, which takes any number of steps and guidance, got weights "
            f"distilled for {mark.num_steps} steps without it; name them {FAST_FILE}"
        )


def check_pair(fast: MMDiT, base: MMDiT) -> None:
    """Refuse a distilled base that does not see and make what the base does.

    Raises:
        ValueError: If their channels differ.
    """
    names = ("video_in", "video_out", "audio_channels", "context_width")
    got, wanted = (tuple(getattr(n.config, name) for name in names) for n in (fast, base))
    if got != wanted:
        raise ValueError(
            f"the distilled base must have the {', '.join(names)} of the base, {wanted}, got "
            f"{got}; distil it again from this base"
        )


def wishes_of(request: GenerationRequest, distilled: Distilled) -> tuple[str, ...]:
    """Name what a request asks for that distilled weights have no way to do.

    Args:
        request: A valid request.
        distilled: What they were distilled for.

    Returns:
        Fields of the request.
    """
    wishes = {
        "guidance_scale": request.guidance_scale is not None,
        "audio_guidance_scale": request.audio_guidance_scale is not None,
        "sync_guidance_scale": request.sync_guidance_scale is not None,
        "negative_prompt": bool(request.negative_prompt),
        "joint_keyframes": bool(request.joint_keyframes),
        "steps": request.steps not in {None, distilled.num_steps},
    }
    return tuple(name for name, wished in wishes.items() if wished)


def chosen_fast(
    fast: FastBase | None, base: MMDiT, request: GenerationRequest, conditions: Conditions
) -> tuple[FastBase | None, tuple[str, ...]]:
    """Say whether a request runs on the distilled base, and why not where that may surprise.

    Args:
        fast: The distilled base of the model, if it has one.
        base: Its base.
        request: A valid request.
        conditions: What was made of it.

    Returns:
        The distilled base for mode ``fast`` where the request asks for nothing that it cannot do,
        else None; and a note where a wish of the request was what ruled it out.
    """
    if fast is None or request.mode != "fast":
        return None, ()
    knows_names = fast.network.config.num_tags >= base.config.num_tags
    unseen = {
        "references": conditions.in_context and not knows_names,
        "keyframes": conditions.keyframes is not None and not fast.network.config.keyframes,
    }
    asked = [*wishes_of(request, fast.distilled), *(name for name, used in unseen.items() if used)]
    if not asked:
        return fast, ()
    return None, (
        f"the distilled weights of mode fast take {fast.distilled.num_steps} steps without "
        f"guidance, so {' and '.join(asked)} had the base run in their place",
    )
