"""Training of the part of the prompt encoder that reads pictures, clips and sounds.

A lesson's caption names a subject by its handle and says none of its looks; a reader must tell them
from the tokens, so they must come from the pictures. What reads words stays as it was, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from openreels.core.seeding import generator
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.model import PromptEncoder
from openreels.stage.scene import Scene
from openreels.training.dataset import ShardDataset
from openreels.training.lesson_batch import message_for, packs
from openreels.training.lessons import Lesson
from openreels.training.networks import weights_path
from openreels.training.text_captions import ABSENT, ACTOR_SLOTS, MAX_ACTORS, SCENE_SLOTS
from openreels.training.text_encoder import TextRecipe, TextTrainer, slot_loss
from openreels.weights.checkpoint import load_network


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecipe:
    """How the part for media is trained; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage_media)
    """The network; what reads words must be that of ``start``."""
    start: str = "shipped"
    """Weights of an encoder of words."""
    folders: tuple[str, ...] = (
        "data/lessons-images",
        "data/lessons-videos",
        "data/lessons-sounds",
    )
    """Buckets of lessons; relative paths are taken from the folder of the recipe."""
    seed: int = 17
    """Seed of new weights and of the draws."""
    num_steps: int = 1500
    """Optimiser steps of the whole schedule."""
    batch_size: int = 24
    """Lessons a step."""
    learning_rate: float = 2e-3
    """Peak of the cosine schedule."""
    log_every: int = 25
    """Steps between lines of the log."""
    save_every: int = 250
    """Steps between saved states."""


def looks_of(scene: Scene) -> list[int]:
    """Label every slot with what is true of the scene, actors in their order.

    Args:
        scene: What a lesson's clip shows.

    Returns:
        Class of each slot; ``ABSENT`` where there is no such actor.
    """
    labels = list[int]()
    for index in range(MAX_ACTORS):
        if index >= len(scene.actors):
            labels += [ABSENT] * len(ACTOR_SLOTS)
            continue
        actor = scene.actors[index]
        labels += [words.index(getattr(actor, name)) for name, words in ACTOR_SLOTS.items()]
    return labels + [words.index(getattr(scene, name)) for name, words in SCENE_SLOTS.items()]


class MessageTrainer(TextTrainer):
    """An encoder of words with a new part for media, which alone is trained, and the reader.

    Args:
        recipe: How.
        out: Folder from which relative folders of lessons are taken.
    """

    def __init__(self, recipe: MessageRecipe, out: Path) -> None:
        text = TextRecipe(
            encoder=recipe.encoder,
            seed=recipe.seed,
            num_steps=recipe.num_steps,
            learning_rate=recipe.learning_rate,
            log_every=recipe.log_every,
            save_every=recipe.save_every,
        )
        super().__init__(text)
        words = load_network(weights_path("text_encoder", recipe.start), kind=PromptEncoder)
        known = words.state_dict()
        self.encoder.load_state_dict(self.encoder.state_dict() | known)
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_(name not in known)
        self.parameters = [
            parameter
            for parameter in (*self.encoder.parameters(), *self.reader.parameters())
            if parameter.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.messages = recipe
        self.data = [ShardDataset(out / folder) for folder in recipe.folders]

    def step(self) -> dict[str, float]:
        """Learn from one batch of lessons.

        Returns:
            The loss of the slots, as a number.
        """
        source = generator(self.messages.seed, "message step", self.step_index)
        index = int(torch.randint(len(self.data), (), generator=source))
        data, count = self.data[index], self.messages.batch_size
        rows = torch.randint(len(data), (count,), generator=source).tolist()
        batch = data.read(rows)
        loss = self.loss(batch.lessons, batch.scenes, source)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.step_index += 1
        return {"slots": loss.item()}

    def loss(
        self, lessons: Sequence[Lesson], scenes: Sequence[Scene], source: torch.Generator
    ) -> Tensor:
        """Nats a slot of a reader that sees the messages of some lessons."""
        choices = torch.rand(len(lessons), generator=source).tolist()
        messages = [
            message_for(one, one.captions[int(draw * len(one.captions))], *packs(one, sound=True))
            for one, draw in zip(lessons, choices, strict=True)
        ]
        tokens, attendable = self.encoder.embed(messages)
        labels: Int[Tensor, "b slots"] = torch.tensor([looks_of(scene) for scene in scenes])
        return slot_loss(self.reader(tokens, attendable), labels)
