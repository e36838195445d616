"""Components: the loaded networks of one model, and what it can do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import torch

from openreels.conditioning.conditions import Conditions
from openreels.core.errors import CheckpointError
from openreels.core.protocols import Enhancer
from openreels.core.request import GenerationRequest
from openreels.models.audio_vae.model import AudioVAE
from openreels.models.mmdit.model import MMDiT
from openreels.models.text_encoder.model import PromptEncoder
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.fast import FastBase, check_base, check_pair, find_fast
from openreels.pipelines.keyframed import KeyframeChanges, find_keyframed
from openreels.pipelines.low_rank import add_lora, find_referenced, taught_by, with_world
from openreels.pipelines.shots import Cutting, find_shots
from openreels.pipelines.voiced import Voiced, find_voiced
from openreels.stage.enhance import StageEnhancer
from openreels.weights.checkpoint import load_network

SHIPPED = "stage"
"""Name of the model inside the package."""
REFINER_FILE = "refiner.safetensors"
"""Weights of the refiner in a model's folder; a model need not have one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a model was trained for; anything else is refused before any work."""

    resolutions: tuple[str, ...] = ("64p",)
    """Names of the sizes that it makes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """The networks of one model on one device."""

    mmdit: MMDiT
    """Joint transformer of video and audio."""
    video_vae: VideoVAE
    """Pixels to latents and back."""
    audio_vae: AudioVAE
    """Waveform to latents and back."""
    text_encoder: PromptEncoder
    """Prompts to context."""
    refiner: MMDiT | None = None
    """Low resolution to high, at twice the rate; None where the model has none."""
    referenced: MMDiT | None = None
    """The transformer with the changes for references and edits; None where the model has none."""
    taught: tuple[str, ...] = ()
    """Tasks that those changes were trained for; empty where nothing is said of it."""
    fast: FastBase | None = None
    """The transformer distilled to few steps, for mode ``fast``; None where the model has none."""
    voiced: Voiced | None = None
    """The transformers with the changes for voices and music; None where the model has none."""
    shots: Cutting | None = None
    """All that is for prompts with several shots; None where the model has none."""
    keyframed: KeyframeChanges | None = None
    """Changes of the transformer for keyframes beside the clip; None where the model has none."""
    name: str = SHIPPED
    """Preset or folder that it came from, and low-rank changes that were added."""
    can: Capabilities = Capabilities()
    """What it was trained for."""
    enhancer: Enhancer | None = None
    """What rewrites free text into the form of its training captions."""

    def __post_init__(self) -> None:
        channels = self.mmdit.config.video_out // self.patch**2
        if channels != self.video_vae.config.latent_channels:
            raise ValueError(
                f"the transformer and the video autoencoder must share their latent channels, got "
                f"{channels} and {self.video_vae.config.latent_channels}; load a matching pair"
            )
        if self.refiner is not None:
            _check_refiner(self.refiner, self.mmdit, channels)
        if self.fast is not None:
            check_pair(self.fast.network, self.mmdit)

    @property
    def patch(self) -> int:
        """Latent cells a side of one video token."""
        return self.mmdit.config.patch

    @property
    def bases(self) -> tuple[MMDiT, ...]:
        """The transformer, and the one with changes for references where there is one."""
        return (self.mmdit,) if self.referenced is None else (self.mmdit, self.referenced)

    @property
    def speaking(self) -> "Components":
        """The same with the changes for voices and music; itself where the model has none."""
        if self.voiced is None:
            return self
        fast = self.fast
        if fast is not None and self.voiced.fast is not None:
            fast = replace(fast, network=self.voiced.fast)
        return replace(
            self,
            mmdit=self.voiced.mmdit,
            referenced=self.voiced.referenced,
            fast=fast,
            text_encoder=self.voiced.text_encoder or self.text_encoder,
        )

    @property
    def cutting(self) -> "Components":
        """The same with the changes for several shots; itself where the model has none."""
        if self.shots is None:
            return self
        return replace(
            self,
            mmdit=self.shots.mmdit,
            text_encoder=self.shots.text_encoder,
            fast=self.shots.fast,
            voiced=self.shots.voiced,
            keyframed=None,
        )

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.mmdit.parameters()).device

    @staticmethod
    def load(
        model: str | Path = SHIPPED,
        device: str | torch.device = "cpu",
        *,
        loras: Sequence[tuple[str | Path, float]] = (),
    ) -> "Components":
        """Load the networks of a model.

        Args:
            model: ``stage``, the one inside the package, or a folder that holds
                ``mmdit``, ``video_vae``, ``audio_vae`` and ``text_encoder`` ``.safetensors``, and
                may hold ``refiner.safetensors``, ``mmdit-references-lora.safetensors``,
                ``mmdit-world-lora.safetensors``, ``mmdit-voices-lora.safetensors`` with
                ``text_encoder-voices-lora.safetensors``, ``mmdit-shots-lora.safetensors`` with
                ``text_encoder-shots-lora.safetensors``, ``mmdit-keyframes-lora.safetensors``, and
                ``mmdit-fast.safetensors`` or ``mmdit-fast-lora.safetensors``; these two change the
                base with its world.
            device: Where they go.
            loras: Files of low-rank changes that are added to the transformer, and how much of
                each; what the folder holds as changes of the base has them too.

        Returns:
            The networks in evaluation mode: fp32 on a CPU; on a GPU that has it, the transformer
            computes in bf16.

        Raises:
            CheckpointError: If a file is missing or does not fit.
        """
        folder = (
            Path(str(files("openreels.weights"))) / "files" if model == SHIPPED else Path(model)
        )
        if model != SHIPPED and not folder.is_dir():
            raise CheckpointError(
                f"a model is {SHIPPED!r} or a folder of weights, got {str(model)!r}; check the name"
            )
        video_vae = load_network(folder / "video_vae.safetensors", device, kind=VideoVAE)
        audio_vae = load_network(folder / "audio_vae.safetensors", device, kind=AudioVAE)
        prompts = load_network(folder / "text_encoder.safetensors", device, kind=PromptEncoder)
        check_base(folder / "mmdit.safetensors")
        mmdit = load_network(folder / "mmdit.safetensors", device, kind=MMDiT)
        refiner = None
        if (folder / REFINER_FILE).exists():
            refiner = load_network(folder / REFINER_FILE, device, kind=MMDiT)
            refiner = refiner.requires_grad_(False).to(compute_dtype(device))
        for path, scale in loras:
            add_lora(mmdit, path, scale=scale)
        shots = find_shots(folder, mmdit, prompts)
        referenced, mmdit = find_referenced(folder, mmdit), with_world(folder, mmdit)
        fast, keyframed = find_fast(folder, mmdit), find_keyframed(folder, mmdit)
        distilled = None if fast is None else fast.network
        voiced = find_voiced(folder, mmdit, referenced, distilled, prompts)
        others = [referenced, distilled]
        if shots is not None:
            others += [shots.mmdit, None if shots.fast is None else shots.fast.network]
        for one in (voiced, None if shots is None else shots.voiced):
            if one is not None:
                others += [one.mmdit, one.referenced, one.fast]
        for other in others:
            if other is not None:
                other.to(compute_dtype(device))
        for network in (video_vae, audio_vae, prompts, mmdit):
            network.requires_grad_(False)
        return Components(
            mmdit=mmdit.to(compute_dtype(device)),
            refiner=refiner,
            referenced=referenced,
            taught=taught_by(folder),
            fast=fast,
            voiced=voiced,
            shots=shots,
            keyframed=keyframed,
            video_vae=video_vae,
            audio_vae=audio_vae,
            text_encoder=prompts,
            enhancer=StageEnhancer(),
            name=" + ".join([str(model), *(f"{scale:g} {path}" for path, scale in loras)]),
        )


def _check_refiner(refiner: MMDiT, base: MMDiT, channels: int) -> None:
    config = refiner.config
    found = (config.video_out // config.patch**2, config.context_width)
    wanted = (channels, base.config.context_width)
    if found != wanted:
        raise ValueError(
            "the refiner must have the latent channels and the prompt width of the base, "
            f"{wanted[0]} and {wanted[1]}, got {found[0]} and {found[1]}; load a matching pair"
        )


def compute_dtype(device: str | torch.device) -> torch.dtype:
    """The dtype of the transformer: bf16 on a GPU that has it, fp32 everywhere else."""
    on_gpu = torch.device(device).type == "cuda"
    return torch.bfloat16 if on_gpu and torch.cuda.is_bf16_supported() else torch.float32


def check_capable(request: GenerationRequest, can: Capabilities, *, refines: bool = False) -> None:
    """Refuse what the model was not trained for.

    Args:
        request: A valid request.
        can: What the model can do.
        refines: Whether it has a refiner, which makes every larger size.

    Raises:
        ValueError: One sentence with what was asked, what the model can do and what to leave out.
    """
    if request.resolution not in can.resolutions and request.refine and not refines:
        raise ValueError(
            f"this model makes {', '.join(can.resolutions)}, got resolution "
            f"{request.resolution!r}, which needs a refiner; choose one of these, or leave the "
            "refiner out (--no-refine) and have the base make it as well as it can"
        )


def untrained(conditions: Conditions, mmdit: MMDiT, taught: Sequence[str] = ()) -> tuple[str, ...]:
    """Tell what was used that the model has not learnt.

    Args:
        conditions: What it saw.
        mmdit: Its transformer.
        taught: Tasks that it was trained for where something stands before the clip; empty is not
            known.

    Returns:
        A sentence if references stood before the clip and these weights know none, or none for
        this task, or no sounds.
    """
    seen, heard = conditions.references.video, conditions.references.audio
    if seen is None and heard is None:
        return ()
    if not mmdit.config.num_tags:
        return (
            "these weights were trained without references: they are seen in context, but the "
            "result may not follow them",
        )
    name = conditions.task.name
    odd = [] if not taught or name in taught else [f"the task {name}"]
    odd += ["sounds as references"] if taught and heard is not None else []
    return tuple(
        f"these weights were not trained for {one}: the result may not follow what is given"
        for one in odd
    )
