"""Changes of the prompt encoder by which words that are said tell when, how and on which note.

The encoder learnt slots: who there is, how it looks, what it does. Of a spoken syllable its tokens
tell which one it is, but neither which of its line, nor when the line begins, nor in whose voice; a
transformer cannot speak words in order that it is not given in order. Low-rank changes learn it
from captions alone, in minutes; all other words stay about where they were. Ours: the paper has a
multimodal language model, which needs none of this.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, cast

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
from openreels.stage.speech import SYLLABLES, VOICES, midi_note
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.heard import HEARD_WORLD
from openreels.training.networks import weights_path
from openreels.training.text_encoder import EncoderRecipe, EncoderTrainer
from openreels.weights.checkpoint import load_network
from openreels.weights.lora import save_lora

BIN_S = 0.05
"""Seconds of a bin of time."""
_NUM_BINS = 80
_PLACES = 8
_LOWEST_NOTE, _NUM_NOTES = 40, 36
CLASSES: dict[str, int] = {
    "place": _PLACES,
    "syllable": len(SYLLABLES),
    "voice": len(VOICES),
    "note": _NUM_NOTES + 1,
}
"""What a word that is said tells beside its time, and how many answers there are: which of its line
it is, which syllable, in which voice, on which MIDI note from 40 on, where 0 is speech."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenWordsRecipe(EncoderRecipe):
    """How these changes are trained; all ours."""

    encoder: PromptEncoderConfig = field(default_factory=presets.stage_media)
    """The network; must be that of ``start``."""
    start: str = "shipped"
    """Weights that are changed."""
    lora: LowRankConfig = field(
        default_factory=lambda: LowRankConfig(rank=32, alpha=32.0, layers=("blocks.",))
    )
    """Which layers change, and how much."""
    world: WorldSettings = HEARD_WORLD
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
    """Weight of the mean squared change of words that nobody says."""
    loose_weight: float = 0.3
    """The same of words that somebody says."""
    learning_rate: float = 3e-3
    """Peak of the cosine schedule."""
    warmup_steps: int = 50
    """Steps of linear growth before it."""
    save_every: int = 100
    """Steps between saved states."""

    def __post_init__(self) -> None:
        longest = BIN_S * _NUM_BINS
        if not self.durations_s or not all(0 < length <= longest for length in self.durations_s):
            raise ValueError(
                f"durations_s must be one or more in (0, {longest:g}], got {self.durations_s}"
            )


class SaidWord(NamedTuple):
    """Where in a prompt a syllable stands, and what is true of it."""

    word: int
    """Index of its word in the prompt."""
    bin: int
    """Bin of the middle of its time."""
    place: int
    """Which of its line it is; the last answer stands for all that follow."""
    syllable: int
    """Index in ``SYLLABLES``."""
    voice: int
    """Index in ``VOICES``."""
    note: int
    """0 for speech, else 1 and more."""


def said_words(scene: Scene, words: Sequence[str]) -> list[SaidWord]:
    """Find what is said in the words of a scene's caption.

    Args:
        scene: Told by the caption.
        words: Of the caption, as the tokenizer splits it.

    Returns:
        Its syllables in order; lines that the caption leaves out or cuts off are missing.
    """
    found, at = list[SaidWord](), 0
    for line in scene.lines:
        texts = [syllable.text for syllable in line.syllables]
        starts = range(at, len(words) - len(texts) + 1)
        first = next((i for i in starts if list(words[i : i + len(texts)]) == texts), None)
        if first is None:
            continue
        at = first + len(texts)
        for place, syllable in enumerate(line.syllables):
            middle = (syllable.start_s + syllable.end_s) / 2
            note = 0
            if syllable.pitch_hz is not None:
                above = round(midi_note(syllable.pitch_hz)) - _LOWEST_NOTE
                note = 1 + min(_NUM_NOTES - 1, max(0, above))
            found.append(
                SaidWord(
                    word=first + place,
                    bin=min(_NUM_BINS - 1, int(middle / BIN_S)),
                    place=min(_PLACES - 1, place),
                    syllable=SYLLABLES.index(syllable.text),
                    voice=VOICES.index(line.voice),
                    note=note,
                )
            )
    return found


class Told(nn.Module):
    """Reads off single words what is true of them. Used in training and measurement only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time = nn.Linear(width, _NUM_BINS)
        self.classes = nn.ModuleDict({
            name: nn.Linear(width, count) for name, count in CLASSES.items()
        })


class SpokenWordsTrainer(EncoderTrainer):
    """A prompt encoder with low-rank changes, which alone are trained.

    Args:
        recipe: How.

    Raises:
        ValueError: If the encoder is not that of the start.
    """

    def __init__(self, recipe: SpokenWordsRecipe) -> None:
        super().__init__(recipe)
        self.spoken = recipe
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
        return {"told": Told(self.recipe.encoder.width)}

    def step(self) -> dict[str, float]:
        """Learn from one batch of captions.

        Returns:
            The errors, and the shares of what is told rightly.
        """
        recipe = self.spoken
        source = generator(recipe.seed, "spoken words", self.step_index)
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
            What is minimised, and by name: nats of the time, how far words moved that are said and
            that are not, the mean error of the expected time in seconds, and the share of each of
            ``CLASSES`` that is right.
        """
        recipe, tokenizer = self.spoken, self.encoder.tokenizer
        prompts = tokenizer([text for _, text in told])
        tokens = self.encoder(prompts)
        said = self._said(told, tokens.shape[1])
        moved = (tokens - self.before(prompts)).square().mean(-1)
        rows, words = said[:, 0], said[:, 1]
        is_said = torch.zeros_like(prompts.attendable)
        is_said[rows, words] = True
        kept = moved[prompts.attendable & ~is_said].mean()
        total = recipe.keep_weight * kept
        values = {"kept": kept.item()}
        if not len(said):
            return total, values
        spoken = tokens[rows, words]
        time = functional.log_softmax(self.told.time(spoken), dim=-1)
        nats = -(time * _near(said[:, 2])).sum(-1).mean()
        loose = moved[is_said].mean()
        total = total + nats + recipe.loose_weight * loose
        expected = (time.exp() * torch.arange(_NUM_BINS)).sum(-1)
        late = (expected - said[:, 2]).abs().mean() * BIN_S
        values |= {"time": nats.item(), "said": loose.item(), "seconds off": late.item()}
        for column, (name, head) in enumerate(self.told.classes.items(), start=3):
            scores = head(spoken)
            total = total + functional.cross_entropy(scores, said[:, column])
            values[name] = float((scores.argmax(-1) == said[:, column]).float().mean())
        return total, values

    def _said(self, told: Sequence[tuple[Scene, str]], length: int) -> Int[Tensor, "m 7"]:
        """Row of the batch, then what ``SaidWord`` holds."""
        split = self.encoder.tokenizer.split
        found = [
            (row, *word)
            for row, (scene, text) in enumerate(told)
            for word in said_words(scene, split(text)[:length])
        ]
        return torch.tensor(found, dtype=torch.long).reshape(-1, 1 + len(SaidWord._fields))

    def _told(self, number: int, variant: int, *, structured: bool) -> tuple[Scene, str]:
        durations = self.spoken.durations_s
        settings = replace(self.spoken.world, duration_s=durations[number % len(durations)])
        scene = sample_scene(self.spoken.seed, number, settings=settings)
        return scene, caption(scene, variant, tier="structured" if structured else "long")


def _near(bins: Int[Tensor, " m"]) -> Float[Tensor, "m t"]:
    """A bell of one bin's width over all bins."""
    far = torch.arange(_NUM_BINS) - bins[:, None]
    return torch.softmax(-far.square() / 2, dim=-1)


def export_spoken_words(trainer: SpokenWordsTrainer, path: Path) -> None:
    """Write the changes in half precision.

    Args:
        trainer: After training.
        path: A ``.safetensors`` file.
    """
    factors = low_rank_factors(trainer.encoder.state_dict())
    told = {"recipe": "spoken_words", "steps": trainer.step_index}
    save_lora(path, trainer.encoder, factors, trainer.spoken.lora, metadata=told)
