"""Captions of random scenes with labels: the lessons of the prompt encoder."""

from dataclasses import dataclass, replace
from random import Random
from typing import get_args

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from openreels.core.seeding import derive_seed
from openreels.models.text_encoder.tokenizer import HashedPrompts, HashTokenizer
from openreels.stage.captions import Description, Tier, describe
from openreels.stage.scene import (
    ACTIONS,
    CAMERAS,
    COLOURS,
    MATERIALS,
    PLACES,
    SHAPES,
    SIZES,
    TIMES_OF_DAY,
    Actor,
    Direction,
    Scene,
    Side,
)

ACTOR_SLOTS: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": COLOURS,
    "material": MATERIALS,
    "size": SIZES,
    "action": ACTIONS,
    "side": get_args(Side),
    "direction": get_args(Direction),
}
"""What is said of an actor, with its values; the class after the last is "not said"."""
SCENE_SLOTS: dict[str, tuple[str, ...]] = {
    "place": PLACES,
    "time_of_day": TIMES_OF_DAY,
    "camera": CAMERAS,
}
"""What is said of a scene."""
MAX_ACTORS = 3
"""Actors that have slots."""
ABSENT = -100
"""Label of a slot whose actor the scene has not."""
NUM_SLOTS = MAX_ACTORS * len(ACTOR_SLOTS) + len(SCENE_SLOTS)
"""Slots of a caption: those of the first named actor, the second, the third, then the scene's."""


def slot_sizes() -> tuple[int, ...]:
    """Number of values of every slot, without "not said"."""
    actor = tuple(len(values) for values in ACTOR_SLOTS.values())
    return actor * MAX_ACTORS + tuple(len(values) for values in SCENE_SLOTS.values())


def slot_labels(scene: Scene, said: Description) -> list[int]:
    """Label every slot of a caption.

    Args:
        scene: What the caption describes.
        said: The caption.

    Returns:
        Class of each slot; ``ABSENT`` where there is no such actor.
    """
    labels = list[int]()
    for position in range(MAX_ACTORS):
        if position >= len(said.order):
            labels.extend([ABSENT] * len(ACTOR_SLOTS))
            continue
        actor, stated = scene.actors[said.order[position]], said.stated[position]
        labels.extend(_label(actor, name, values, stated) for name, values in ACTOR_SLOTS.items())
    stated = said.stated_scene
    labels.extend(_label(scene, name, values, stated) for name, values in SCENE_SLOTS.items())
    return labels


def _label(
    record: Actor | Scene, name: str, values: tuple[str, ...], stated: frozenset[str]
) -> int:
    return values.index(getattr(record, name)) if name in stated else len(values)


def random_scene(seed: int, index: int, num_actors: int) -> Scene:
    """Draw a scene evenly over all words; only its words matter, not its motion.

    Args:
        seed: Seed of the draw.
        index: Which scene.
        num_actors: 1 to 3.

    Returns:
        A scene for captions.
    """
    rng = Random(derive_seed(seed, "caption scene", index))
    actors = [_random_actor(rng) for _ in range(num_actors)]
    if num_actors > 1 and rng.random() < 0.3:
        actors[0] = replace(actors[0], action="collide", partner=1)
        actors[1] = replace(actors[1], action="collide", partner=0)
    return Scene(
        seed=seed,
        index=index,
        actors=tuple(actors),
        place=rng.choice(PLACES),
        time_of_day=rng.choice(TIMES_OF_DAY),
        camera=rng.choice(CAMERAS),
    )


def _random_actor(rng: Random) -> Actor:
    return Actor(
        shape=rng.choice(SHAPES),
        colour=rng.choice(COLOURS),
        material=rng.choice(MATERIALS),
        size=rng.choice(SIZES),
        action=rng.choice(tuple(action for action in ACTIONS if action != "collide")),
        start_x=rng.uniform(-1, 1),
        direction=rng.choice(("left", "right")),
        tempo=1.0,
        phase_s=0.0,
        height=1.0,
    )


def twin(scene: Scene, rng: Random) -> Scene:
    """Change one thing of a scene, or let two actors trade one thing.

    Args:
        scene: Any scene.
        rng: Decides what changes.

    Returns:
        A scene whose captions are nearly the same and mean something else.
    """
    first = scene.actors[0]
    if len(scene.actors) > 1 and rng.random() < 0.5:
        second, name = scene.actors[1], rng.choice(("colour", "shape", "material", "size"))
        traded = (
            replace(first, **{name: getattr(second, name)}),
            replace(second, **{name: getattr(first, name)}),
        )
        if traded[0] != first:
            return replace(scene, actors=traded + scene.actors[2:])
    if rng.random() < 0.2:
        name = rng.choice(tuple(SCENE_SLOTS))
        return replace(scene, **{name: _other(rng, SCENE_SLOTS[name], getattr(scene, name))})
    place = rng.randrange(len(scene.actors))
    actor = scene.actors[place]
    names = ["shape", "colour", "material", "size", "direction"]
    name = rng.choice(names + (["action"] if actor.action != "collide" else []))
    values = tuple(value for value in ACTOR_SLOTS[name] if value != "collide")
    changed = replace(actor, **{name: _other(rng, values, getattr(actor, name))})
    return replace(scene, actors=(*scene.actors[:place], changed, *scene.actors[place + 1 :]))


def _other(rng: Random, values: tuple[str, ...], value: str) -> str:
    return rng.choice([other for other in values if other != value])


_CHATTY = 0.4
"""Share of the captions that get idle words; few real prompts are terse and chatty at once."""
_FILLER_TEXT = (
    "please make create generate video short movie film animation very really nice lovely beautiful"
    " cinematic realistic detailed quality high style cute funny scene shot view show shows want"
    " would like some single just only slowly gently happily quickly suddenly smoothly where"
    " when then now while as its their my your here also for about from over under"
    " near beside behind through has have are were will being made using toy puppet"
    " cartoon colourful simple old new clean warm quiet loud sound noise music"
    " background shadow world story bit kind lot"
)
_FILLERS = tuple(_FILLER_TEXT.split())


@dataclass(frozen=True, slots=True)
class CaptionBatch:
    """Two captions of each scene; the first half of the rows are the first captions."""

    prompts: HashedPrompts
    """The captions."""
    labels: Int[Tensor, "b slots"]
    """Class of every slot of every caption."""

    def conflicts(self) -> Bool[Tensor, "b b"]:
        """True where two captions say different things of the same slot, so mean other scenes."""
        sizes = torch.tensor(slot_sizes())
        said = (self.labels >= 0) & (self.labels < sizes)
        differ = self.labels[:, None] != self.labels[None]
        both = said[:, None] & said[None]
        absent = (self.labels[:, None] == ABSENT) != (self.labels[None] == ABSENT)
        return ((differ & both) | absent).any(dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """How captions are spoilt in training, so that real prompts need not be perfect."""

    typo: float = 0.12
    """Share of the longer words that get a typing error."""
    drop: float = 0.01
    """Share of the words that are left out."""
    hide: float = 0.2
    """Share of the distinct words of a batch that are known by their pieces only."""
    filler: float = 0.05
    """Chance before every word of an idle word, common or made up, that should change nothing."""
    empty: float = 0.005
    """Share of the captions that are emptied."""


def caption_batch(
    tokenizer: HashTokenizer, seed: int, step: int, num_scenes: int, noise: Noise
) -> CaptionBatch:
    """Make the batch of a training step.

    Args:
        tokenizer: Of the encoder that learns.
        seed: Seed of the training.
        step: Which batch; the same step always gives the same batch.
        num_scenes: Scenes, even; every second one is a twin of the one before.
        noise: How the captions are spoilt.

    Returns:
        ``2 num_scenes`` captions with labels.
    """
    rng = Random(derive_seed(seed, "caption batch", step))
    num_actors = rng.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]
    pairs: tuple[tuple[Tier, Tier], ...] = (("long", "long"), ("long", "short"), ("short", "short"))
    tiers = rng.choices(pairs, (0.7, 0.15, 0.15))[0]
    scenes = list[Scene]()
    for index in range(num_scenes // 2):
        scene = random_scene(seed, step * num_scenes + index, num_actors)
        scenes.extend((scene, twin(scene, rng)))
    prompts, labels = list[list[str]](), list[list[int]]()
    for variant, tier in enumerate(tiers):
        for scene in scenes:
            said = describe(scene, variant, tier=tier)
            words = tokenizer.split(said.text)[: tokenizer.config.max_tokens]
            emptied = rng.random() < noise.empty
            prompts.append([] if emptied else _spoil(words, rng, noise))
            row = slot_labels(scene, said)
            labels.append([ABSENT] * len(row) if emptied else row)
    batch = tokenizer.batch(prompts)
    shown = torch.tensor([rng.random() >= noise.hide for _ in range(len(batch.starts))])
    batch.weights[batch.starts] = shown.to(batch.weights)
    return CaptionBatch(batch, torch.tensor(labels))


def _spoil(words: list[str], rng: Random, noise: Noise) -> list[str]:
    spoilt = list[str]()
    chatty = rng.random() < _CHATTY
    for word in words:
        if chatty and rng.random() < noise.filler / _CHATTY:
            spoilt.append(rng.choice(_FILLERS) if rng.random() < 1 / 2 else _made_up(rng))
        draw = rng.random()
        if draw < noise.drop:
            continue
        typo = len(word) >= 4 and draw < noise.drop + noise.typo
        spoilt.append(misspell(word, rng) if typo else word)
    return spoilt


def _made_up(rng: Random) -> str:
    syllables = (rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(4))
    return "".join(list(syllables)[: rng.randint(1, 4)]) + rng.choice("lmnrst  ").strip()


def misspell(word: str, rng: Random) -> str:
    """Swap, lose, double or replace one letter.

    Args:
        word: Two letters or more.
        rng: Decides which.

    Returns:
        The word with a typing error.
    """
    place = rng.randrange(len(word) - 1)
    head, here, after, tail = word[:place], word[place], word[place + 1], word[place + 2 :]
    strange = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice((
        head + after + here + tail,
        head + after + tail,
        head + here + here + after + tail,
        head + strange + after + tail,
    ))
