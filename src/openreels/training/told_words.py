"""Changes of the prompt encoder by which some of its words tell when something is, and what.

The encoder learnt slots: who there is, how it looks, what it does. When a line or a shot begins its
tokens do not tell, and no transformer shows or speaks in order what it is not given in order.
Low-rank changes learn it from captions alone, in minutes; all other words stay about where they
were. Ours: the paper has a multimodal language model, which needs none of this.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.seeding import generator
from openreels.models.text_encoder import presets
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.model import PromptEncoder
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.stage.captions import caption
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.networks import weights_path
from openreels.training.text_encoder import EncoderRecipe, EncoderTrainer
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import save_lora

BIN_S = 0.05
"""Seconds of a bin of time."""
NUM_BINS = 80
"""Bins of time: four seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldWordsRecipe(EncoderRecipe):
    """How such changes are trained; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage_media)
    """The network; must be that of ``start``."""
    start: str = "shipped"
    """Weights that are changed."""
    lora: LowRankConfig = field(
        default_factory=lambda: LowRankConfig(rank=32, alpha=32.0, layers=("blocks.",))
    )
    """Which layers change, and how much."""
    world: WorldSettings = field(default_factory=WorldSettings)
    """What the captions tell of."""
    durations_s: tuple[float, ...] = (2.0, 3.0, 4.0)
    """Lengths of its scenes in seconds, in turn; at most that of all bins."""
    seed: int = 91
    """Seed of scenes, words and new weights."""
    num_steps: int = 1000
    """Optimiser steps of the whole schedule."""
    batch_size: int = 32
    """Captions a step."""
    num_scenes: int = 12_000
    """Scenes from which they are drawn, the first ones first."""
    structured_share: float = 0.85
    """Share of structured captions; the rest are long ones."""
    keep_weight: float = 10.0
    """Weight of the mean squared change of words that tell nothing of this."""
    loose_weight: float = 0.3
    """The same of words that do."""
    learning_rate: float = 3e-3
    """Peak of the cosine schedule."""
    warmup_steps: int = 50
    """Steps of linear growth before it."""
    save_every: int = 100
    """Steps between saved states."""

    def __post_init__(self) -> None:
        longest = BIN_S * NUM_BINS
        if not self.durations_s or not all(0 < length <= longest for length in self.durations_s):
            raise ValueError(
                f"durations_s must be one or more in (0, {longest:g}], got {self.durations_s}"
            )


def bin_of(time_s: float) -> int:
    """The bin of a time in seconds, the last one for all that follow."""
    return min(NUM_BINS - 1, int(time_s / BIN_S))


class Told(nn.Module):
    """Reads off single words what is true of them. Used in training and measurement only."""

    def __init__(self, width: int, times: Sequence[str], classes: Mapping[str, int]) -> None:
        super().__init__()
        self.times = nn.ModuleDict({name: nn.Linear(width, NUM_BINS) for name in times})
        self.classes = nn.ModuleDict({
            name: nn.Linear(width, count) for name, count in classes.items()
        })


class ToldWordsTrainer(EncoderTrainer):
    """A prompt encoder with low-rank changes, which alone are trained.

    Args:
        recipe: How.

    Raises:
        ValueError: If the encoder is not that of the start.
    """

    TIMES: ClassVar[tuple[str, ...]]
    """Times that a word tells."""
    CLASSES: ClassVar[Mapping[str, int]]
    """What else it tells, and how many answers there are."""

    def __init__(self, recipe: ToldWordsRecipe) -> None:
        super().__init__(recipe)
        self.changes = recipe
        self.before = load_network(weights_path("text_encoder", recipe.start), kind=PromptEncoder)
        if self.before.config != recipe.encoder:
            raise ValueError(
                f"encoder must be that of {recipe.start}, got {recipe.encoder}; set it to "
                f"{self.before.config}"
            )
        self.before.eval().requires_grad_(False)
        self.encoder = deepcopy(self.before)
        add_low_rank(self.encoder, recipe.lora, generator=generator(recipe.seed, "changes"))
        self.told = cast("Told", self.helpers["told"])
        changes = [value for value in self.encoder.parameters() if value.requires_grad]
        self.parameters = [*changes, *self.told.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )

    def make_helpers(self) -> dict[str, nn.Module]:
        """What reads off single words, which is no part of the encoder."""
        return {"told": Told(self.recipe.encoder.width, self.TIMES, self.CLASSES)}

    @abstractmethod
    def words_of(self, scene: Scene, text: str) -> Sequence[Sequence[int]]:
        """Find the words of a caption that tell something.

        Args:
            scene: Told by the caption.
            text: The caption.

        Returns:
            For each its index in the prompt, then bins of ``TIMES``, then answers to ``CLASSES``.
        """

    def step(self) -> dict[str, float]:
        """Learn from one batch of captions.

        Returns:
            The errors, and the shares of what is told rightly.
        """
        recipe = self.changes
        source = generator(recipe.seed, "told words", self.step_index)
        reach = min(recipe.num_scenes, recipe.batch_size * (self.step_index + 1))
        numbers = torch.randint(reach, (recipe.batch_size,), generator=source).tolist()
        variants = torch.randint(4096, (recipe.batch_size,), generator=source).tolist()
        chances = torch.rand(recipe.batch_size, generator=source).tolist()
        loss, values = self.losses([
            self._told(number, variant, structured=chance < recipe.structured_share)
            for number, variant, chance in zip(numbers, variants, chances, strict=True)
        ])
        self.descend(loss, self.parameters)
        return values

    def losses(self, told: Sequence[tuple[Scene, str]]) -> tuple[Tensor, dict[str, float]]:
        """Errors of some captions.

        Args:
            told: Scenes and their captions.

        Returns:
            What is minimised, and by name: how far words moved that tell something and that do not,
            nats of each time and the mean error of the expected one in seconds, and the share of
            each of ``CLASSES`` that is right.
        """
        recipe, tokenizer = self.changes, self.encoder.tokenizer
        prompts = tokenizer([text for _, text in told])
        tokens = self.encoder(prompts)
        labels = self._labels(told, tokens.shape[1])
        moved = (tokens - self.before(prompts)).square().mean(-1)
        rows, words = labels[:, 0], labels[:, 1]
        tells = torch.zeros_like(prompts.attendable)
        tells[rows, words] = True
        kept = moved[prompts.attendable & ~tells].mean()
        total = recipe.keep_weight * kept
        values = {"kept": kept.item()}
        if not len(labels):
            return total, values
        loose = moved[tells].mean()
        total = total + recipe.loose_weight * loose
        values["told"] = loose.item()
        telling = tokens[rows, words]
        for column, (name, head) in enumerate(self.told.times.items(), start=2):
            bins = labels[:, column]
            time = functional.log_softmax(head(telling), dim=-1)
            nats = -(time * _near(bins)).sum(-1).mean()
            total = total + nats
            off = ((time.exp() * torch.arange(NUM_BINS)).sum(-1) - bins).abs().mean() * BIN_S
            values |= {name: nats.item(), f"{name}, seconds off": off.item()}
        for column, (name, head) in enumerate(self.told.classes.items(), start=2 + len(self.TIMES)):
            scores = head(telling)
            total = total + functional.cross_entropy(scores, labels[:, column])
            values[name] = float((scores.argmax(-1) == labels[:, column]).float().mean())
        return total, values

    def _labels(self, told: Sequence[tuple[Scene, str]], length: int) -> Int[Tensor, "m k"]:
        """Row of the batch, then what ``words_of`` tells."""
        found = [
            (row, *word)
            for row, (scene, text) in enumerate(told)
            for word in self.words_of(scene, text)
            if word[0] < length
        ]
        width = 2 + len(self.TIMES) + len(self.CLASSES)
        return torch.tensor(found, dtype=torch.long).reshape(-1, width)

    def _told(self, number: int, variant: int, *, structured: bool) -> tuple[Scene, str]:
        durations = self.changes.durations_s
        settings = replace(self.changes.world, duration_s=durations[number % len(durations)])
        scene = sample_scene(self.changes.seed, number, settings=settings)
        return scene, caption(scene, variant, tier="structured" if structured else "long")


def _near(bins: Int[Tensor, " m"]) -> Float[Tensor, "m t"]:
    """A bell of one bin's width over all bins."""
    far = torch.arange(NUM_BINS) - bins[:, None]
    return torch.softmax(-far.square() / 2, dim=-1)


def export_told_words(trainer: ToldWordsTrainer, path: Path, *, name: str) -> None:
    """Write the changes in half precision.

    Args:
        trainer: After training.
        path: A ``.safetensors`` file.
        name: Of the recipe, for its header.
    """
    factors = low_rank_factors(trainer.encoder.state_dict())
    told = {"recipe": name, "steps": trainer.step_index}
    save_lora(path, trainer.encoder, factors, trainer.changes.lora, metadata=told)
