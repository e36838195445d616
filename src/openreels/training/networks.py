"""Which weights a run takes: shipped, from a file, or untrained ones of a preset for tests."""

import hashlib
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from openreels.core.errors import CheckpointError
from openreels.core.seeding import derive_seed
from openreels.models.mmdit.model import MMDiT
from openreels.models.registry import network_class
from openreels.models.text_encoder.model import PromptEncoder
from openreels.pipelines.low_rank import NAMES
from openreels.pipelines.voiced import with_words
from openreels.training.config import CodecPaths
from openreels.weights.checkpoint import load_network, shipped_path
from openreels.weights.lora import read_lora
from openreels.weights.tensors import read_tensors

N = TypeVar("N", bound=nn.Module)


def load_frozen(name: str, source: str, *, kind: type[N] = nn.Module) -> N:
    """Load a network that is used and not trained.

    Args:
        name: Name in ``models.registry``.
        source: A weights file, ``shipped``, or ``random:PRESET`` for untrained weights that are the
            same every time.
        kind: Class that it must be.

    Returns:
        The network in evaluation mode, without gradients.

    Raises:
        ValueError: If there is no such preset.
        CheckpointError: If the file does not hold this network.
    """
    preset, is_random = source.removeprefix("random:"), source.startswith("random:")
    if is_random:
        presets = import_module(f"openreels.models.{name}.presets")
        if not hasattr(presets, preset):
            raise ValueError(f"{name} has no preset {preset!r}; use random:tiny or random:stage")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(0, "untrained", name))
            network = network_class(name)(getattr(presets, preset)())
    else:
        network = load_network(weights_path(name, source), kind=kind)
    return network.eval().requires_grad_(False)  # pyright: ignore[reportReturnType]


def changed_prompts(encoder: PromptEncoder, file: str, source: str, out: Path) -> PromptEncoder:
    """A frozen copy of a prompt encoder with low-rank changes.

    Args:
        encoder: What is changed.
        file: Name of the changes in a model's folder.
        source: ``shipped``, or a file of them.
        out: Folder from which a relative path is taken.

    Raises:
        CheckpointError: If the file does not fit.
    """
    return with_words(encoder, out / weights_path(file.removesuffix(".safetensors"), source))


def weights_path(name: str, source: str) -> Path:
    """The file behind ``shipped`` or a path."""
    return shipped_path(name) if source == "shipped" else Path(source)


def fingerprint(name: str, source: str) -> str:
    """What tells the latents of one autoencoder from another's.

    Args:
        name: Name in ``models.registry``.
        source: As for ``load_frozen``.

    Returns:
        The random preset, or a hash of all weights but the decoder's, which may be trained on
        without changing a latent.
    """
    if source.startswith("random:"):
        return source
    digest = hashlib.sha256()
    tensors, _ = read_tensors(weights_path(name, source))
    for key, value in sorted(tensors.items()):
        if not key.startswith("decoder."):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def fingerprints(codecs: CodecPaths) -> dict[str, str]:
    """The fingerprints of both autoencoders, by name."""
    return {name: fingerprint(name, getattr(codecs, name)) for name in ("video_vae", "audio_vae")}


def take_names(network: MMDiT, path: Path) -> None:
    """Copy the names of references out of low-rank changes.

    Args:
        network: With ``num_tags``.
        path: The changes.

    Raises:
        CheckpointError: If the file has none, or another number of them.
    """
    tensors, _ = read_lora(path)
    names, own = tensors.get(NAMES), network.tag_table
    if names is None or own is None or names.shape != own.shape:
        raise CheckpointError(
            f"init_names must hold {NAMES} of the run's num_tags, {path} does not; choose another"
        )
    with torch.no_grad():
        own.copy_(names)
