"""Training of the prompt encoder on the captions of the Stage world."""

import json
import logging
import math
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.config import to_dict
from openreels.core.errors import CheckpointError
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.model import PromptEncoder
from openreels.training.optimizer import optimizer_state, restore_optimizer
from openreels.training.text_captions import (
    ABSENT,
    ACTOR_SLOTS,
    MAX_ACTORS,
    NUM_SLOTS,
    SCENE_SLOTS,
    CaptionBatch,
    Noise,
    caption_batch,
)
from openreels.training.watch import Watch, unwatched
from openreels.weights.checkpoint import load_state, save_network
from openreels.weights.tensors import read_tensors, write_tensors

STATE_FILE = "state.safetensors"
STATE_KIND = "openreels text encoder training"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderRecipe:
    """Network and schedule of any training of it; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage)
    """The network."""
    seed: int = 11
    """Seed of new weights and of all draws."""
    num_steps: int = 2400
    """Optimiser steps of the whole schedule."""
    learning_rate: float = 1.5e-3
    """Peak of the cosine schedule."""
    warmup_steps: int = 100
    """Steps of linear growth before it."""
    log_every: int = 25
    """Steps between lines of the log."""
    save_every: int = 250
    """Steps between saved states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRecipe(EncoderRecipe):
    """How the prompt encoder is trained; all ours."""

    num_scenes: int = 48
    """Scenes a step, even; each gives two captions."""
    weight_decay: float = 0.01
    """Of AdamW."""
    contrast_weight: float = 0.5
    """Weight of the contrastive loss beside the slot loss."""
    temperature: float = 0.1
    """Of the contrastive loss."""
    noise: Noise = field(default_factory=Noise)
    """How captions are spoilt."""


class SlotReader(nn.Module):
    """Reads every slot from the tokens with one attention, so that the tokens do the binding.

    One query a slot; the classes of an attribute are shared by all actors. Used in training and
    measurement only.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.queries = nn.Parameter(torch.randn(NUM_SLOTS, width) / math.sqrt(width))
        self.to_keys_values = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)
        names = (ACTOR_SLOTS | SCENE_SLOTS).items()
        self.heads = nn.ModuleDict({name: nn.Linear(width, len(v) + 1) for name, v in names})

    def forward(
        self, tokens: Float[Tensor, "b n d"], attendable: Bool[Tensor, "b n"]
    ) -> list[Float[Tensor, "b _"]]:
        """Read the slots.

        Args:
            tokens: Of the encoder.
            attendable: True for real tokens.

        Returns:
            Scores of the classes of each slot, in the order of ``slot_labels``.
        """
        keys, values = rearrange(
            self.to_keys_values(tokens), "b n (two k e) -> two b k n e", two=2, k=self.num_heads
        )
        queries = rearrange(self.queries, "s (k e) -> 1 k s e", k=self.num_heads)
        found = functional.scaled_dot_product_attention(
            queries.expand(len(tokens), -1, -1, -1),
            keys,
            values,
            attn_mask=rearrange(attendable, "b n -> b 1 1 n"),
        )
        found = self.norm(rearrange(found, "b k s e -> b s (k e)"))
        names = list(ACTOR_SLOTS) * MAX_ACTORS + list(SCENE_SLOTS)
        return [self.heads[name](found[:, slot]) for slot, name in enumerate(names)]


def pool(tokens: Float[Tensor, "b n d"], attendable: Bool[Tensor, "b n"]) -> Float[Tensor, "b d"]:
    """Mean token of each prompt, at unit length; dot products compare meanings.

    Args:
        tokens: Of the encoder, zeros where padded.
        attendable: True for real tokens.

    Returns:
        Unit vectors.
    """
    return functional.normalize(tokens.sum(1) / attendable.sum(1, keepdim=True), dim=-1)


def slot_loss(
    scores: list[Float[Tensor, "b _"]], labels: Int[Tensor, "b slots"]
) -> Float[Tensor, ""]:
    """Mean cross entropy over the slots that exist.

    Args:
        scores: Of the reader.
        labels: Of the captions.

    Returns:
        Nats a slot.
    """
    losses = [
        functional.cross_entropy(score, labels[:, slot], ignore_index=ABSENT, reduction="sum")
        for slot, score in enumerate(scores)
    ]
    return torch.stack(losses).sum() / (labels != ABSENT).sum().clamp(min=1)


def contrast_loss(
    pooled: Float[Tensor, "b d"], conflicts: Bool[Tensor, "b b"], temperature: float
) -> Float[Tensor, ""]:
    """Pull two captions of a scene together and push captions of other scenes away.

    Implements the loss of Chen et al. 2020 (arXiv 2002.05709), with only those captions as
    negatives that contradict: "a red ball" is no negative of "a red wooden ball".

    Args:
        pooled: Unit vectors; row ``i`` and row ``i + b / 2`` are of the same scene.
        conflicts: True where two captions contradict.
        temperature: > 0; smaller looks at the nearest negatives only.

    Returns:
        Nats a caption.
    """
    count = len(pooled)
    partner = (torch.arange(count) + count // 2) % count
    allowed = conflicts.clone()
    allowed[torch.arange(count), partner] = True
    scores = (pooled @ pooled.T / temperature).masked_fill(~allowed, -torch.inf)
    return functional.cross_entropy(scores, partner)


class EncoderTrainer(ABC):
    """An encoder, what helps to train it, and its optimiser; one step at a time, resumable.

    Args:
        recipe: Network, seed and schedule.
    """

    optimizer: torch.optim.Optimizer
    """Set by whoever says what is trained."""

    def __init__(self, recipe: EncoderRecipe) -> None:
        self.recipe = recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.encoder = PromptEncoder(recipe.encoder)
            self.helpers = self.make_helpers()
        self.step_index = 0

    def make_helpers(self) -> dict[str, nn.Module]:
        """Networks by name that are trained beside the encoder, and saved with it; here none."""
        return {}

    def learning_rate(self) -> float:
        """Of this step: linear growth, then half a cosine down to 2 %."""
        recipe = self.recipe
        warm = min(1.0, (self.step_index + 1) / max(recipe.warmup_steps, 1))
        done = min(1.0, self.step_index / recipe.num_steps)
        return recipe.learning_rate * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))

    @abstractmethod
    def step(self) -> dict[str, float]:
        """Learn from one batch.

        Returns:
            The losses, as numbers.
        """

    def descend(self, loss: Tensor, parameters: list[nn.Parameter]) -> None:
        """Move parameters down the gradient of a loss, at the rate of this step."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.step_index += 1

    def save(self, path: Path) -> None:
        """Write everything that a later process needs to go on; replaces the file atomically.

        Args:
            path: File of the state.
        """
        whole = self._parts
        tensors = {f"network/{name}": value for name, value in whole.state_dict().items()}
        for name, value in optimizer_state(self.optimizer, whole).items():
            tensors[f"optimizer/{name}"] = value
        header = {"kind": STATE_KIND, "step": self.step_index, "recipe": to_dict(self.recipe)}
        write_tensors(path, tensors, header)

    def load(self, path: Path) -> None:
        """Go on from a saved state.

        Args:
            path: File that ``save`` wrote with the same recipe.

        Raises:
            CheckpointError: If the file is damaged, no such state, or of another network or seed.
        """
        tensors, header = read_tensors(path)
        if header.get("kind") != STATE_KIND:
            raise CheckpointError(f"{path} is no state of a prompt encoder; choose another file")
        wanted = to_dict(self.recipe)
        for name in ("encoder", "seed"):
            if header["recipe"][name] != wanted[name]:
                raise CheckpointError(
                    f"{path} is of a run with another {name} ({header['recipe'][name]}, "
                    f"not {wanted[name]}); choose another folder"
                )
        parts = {"network": dict[str, Tensor](), "optimizer": dict[str, Tensor]()}
        for name, value in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = value
        load_state(self._parts, parts["network"], path)
        restore_optimizer(self.optimizer, self._parts, parts["optimizer"])
        self.step_index = header["step"]

    @property
    def _parts(self) -> nn.ModuleDict:
        return nn.ModuleDict({"encoder": self.encoder, **self.helpers})


class TextTrainer(EncoderTrainer):
    """The encoder of words and a reader of slots, trained on captions."""

    def __init__(self, recipe: TextRecipe) -> None:
        super().__init__(recipe)
        self.text = recipe
        self.reader = cast("SlotReader", self.helpers["reader"])
        self.parameters = [*self.encoder.parameters(), *self.reader.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=recipe.weight_decay,
        )

    def make_helpers(self) -> dict[str, nn.Module]:
        """The reader, which is no part of the encoder."""
        return {"reader": SlotReader(self.recipe.encoder.width, self.recipe.encoder.num_heads)}

    def losses(self, batch: CaptionBatch) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            batch: Captions with labels.

        Returns:
            The slot loss and the contrastive loss.
        """
        attendable = batch.prompts.attendable
        tokens = self.encoder(batch.prompts)
        return {
            "slots": slot_loss(self.reader(tokens, attendable), batch.labels),
            "contrast": contrast_loss(
                pool(tokens, attendable), batch.conflicts(), self.text.temperature
            ),
        }

    def step(self) -> dict[str, float]:
        """Learn from one batch.

        Returns:
            The losses, as numbers.
        """
        recipe = self.text
        batch = caption_batch(
            self.encoder.tokenizer, recipe.seed, self.step_index, recipe.num_scenes, recipe.noise
        )
        losses = self.losses(batch)
        total = losses["slots"] + recipe.contrast_weight * losses["contrast"]
        self.descend(total, self.parameters)
        return {name: loss.item() for name, loss in losses.items()}


def train_text_encoder(
    run_dir: str | Path,
    recipe: TextRecipe | None = None,
    *,
    time_limit_s: float = 900.0,
    watch: Watch = unwatched,
) -> TextTrainer:
    """Train the prompt encoder, or go on with a training that was interrupted.

    Writes ``state.safetensors`` and ``log.jsonl`` into the folder.

    Args:
        run_dir: Folder of the run; made when missing.
        recipe: How to train; ours by default. Must be the same when going on.
        time_limit_s: Stop after so many seconds even if steps are left; the state is saved.
        watch: Told of every step; True saves and ends.

    Returns:
        The trainer, with the encoder in evaluation mode.
    """
    trainer = TextTrainer(recipe or TextRecipe())
    return run_trainer(trainer, Path(run_dir), time_limit_s=time_limit_s, watch=watch)


T = TypeVar("T", bound=EncoderTrainer)


def run_trainer(trainer: T, run_dir: Path, *, time_limit_s: float, watch: Watch) -> T:
    """Train until the end, or go on with a training that was interrupted.

    Args:
        trainer: A new trainer of the same recipe.
        run_dir: Folder of the run; made when missing.
        time_limit_s: Stop after so many seconds even if steps are left; the state is saved.
        watch: Told of every step; True saves and ends.

    Returns:
        The trainer, with the encoder in evaluation mode.
    """
    recipe = trainer.recipe
    run_dir.mkdir(parents=True, exist_ok=True)
    state_path = run_dir / STATE_FILE
    if state_path.exists():
        trainer.load(state_path)
        logger.info("going on at step %d of %s", trainer.step_index, run_dir)
    start = time.monotonic()
    with (run_dir / "log.jsonl").open("a") as log:
        if trainer.step_index == 0:
            log.write(json.dumps({"recipe": asdict(recipe)}) + "\n")
        while trainer.step_index < recipe.num_steps and time.monotonic() - start < time_limit_s:
            losses = trainer.step()
            if trainer.step_index % recipe.log_every == 0:
                line = {"step": trainer.step_index, **losses, "s": time.monotonic() - start}
                log.write(json.dumps(line) + "\n")
                log.flush()
            if trainer.step_index % recipe.save_every == 0:
                trainer.save(state_path)
            if watch(trainer.step_index, recipe.num_steps, losses):
                break
    trainer.save(state_path)
    trainer.encoder.eval()
    return trainer


def export_text_encoder(
    trainer: EncoderTrainer, path: str | Path, *, story: dict[str, object]
) -> None:
    """Write the encoder as a weights file, in half precision.

    Args:
        trainer: After training.
        path: A ``.safetensors`` file.
        story: JSON values that tell how it was trained and what was measured.
    """
    metadata = {"steps": trainer.step_index, "recipe": asdict(trainer.recipe), **story}
    save_network(path, trainer.encoder, metadata=metadata, dtype=torch.float16)
