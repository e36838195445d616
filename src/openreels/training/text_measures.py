"""How well the prompt encoder understands sentences that it was not trained on."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.models.text_encoder.model import PromptEncoder
from openreels.stage.captions import HELD_OUT_SEED, Tier, caption, describe
from openreels.stage.scene import Scene
from openreels.training.text_captions import (
    ABSENT,
    ACTOR_SLOTS,
    MAX_ACTORS,
    SCENE_SLOTS,
    random_scene,
    slot_labels,
    slot_sizes,
)
from openreels.training.text_encoder import SlotReader, pool

_CHUNK = 64


def embed(encoder: PromptEncoder, texts: Sequence[str]) -> Float[Tensor, "b d"]:
    """Unit vectors of prompts.

    Args:
        encoder: The network.
        texts: Prompts.

    Returns:
        One vector a prompt, in order.
    """
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    return torch.cat([pool(*encoder.encode_text(chunk)) for chunk in chunks])


def retrieval_accuracy(
    encoder: PromptEncoder, *, count: int = 256, rare_words: bool = False
) -> float:
    """Share of held-out captions whose nearest of ``count`` other captions is of the same scene.

    Args:
        encoder: The network.
        count: Scenes, with one to three actors in turn.
        rare_words: Whether one of the two captions uses synonyms that training never showed.

    Returns:
        Accuracy in [0, 1]; chance is ``1 / count``.
    """
    scenes = [random_scene(HELD_OUT_SEED, i, 1 + i % 3) for i in range(count)]
    first = embed(encoder, [caption(s, 0, held_out=True, rare_words=rare_words) for s in scenes])
    second = embed(encoder, [caption(s, 1, held_out=True) for s in scenes])
    return (first @ second.T).argmax(1).eq(torch.arange(count)).float().mean().item()


def slot_accuracies(
    encoder: PromptEncoder, reader: SlotReader, *, count: int = 256, rare_words: bool = False
) -> dict[str, float]:
    """How often each attribute is read rightly from held-out captions, where it is said.

    Args:
        encoder: The network.
        reader: The reader that was trained with it.
        count: Scenes, with one to three actors in turn.
        rare_words: Whether every synonym is one that training never showed.

    Returns:
        Accuracy of each attribute where it is said, and under ``said`` how often the reader knows
        whether an attribute is said at all.
    """
    names, sizes = list(ACTOR_SLOTS) * MAX_ACTORS + list(SCENE_SLOTS), slot_sizes()
    right = {name: [0, 0] for name in (*ACTOR_SLOTS, *SCENE_SLOTS, "said")}
    scenes = [random_scene(HELD_OUT_SEED, i, 1 + i % 3) for i in range(count)]
    for start in range(0, count, _CHUNK):
        chunk = scenes[start : start + _CHUNK]
        said = [describe(scene, 0, held_out=True, rare_words=rare_words) for scene in chunk]
        labels = [slot_labels(*pair) for pair in zip(chunk, said, strict=True)]
        tokens, attendable = encoder.encode_text([one.text for one in said])
        with torch.no_grad():
            scores = reader(tokens, attendable)
        for slot, name in enumerate(names):
            guesses = scores[slot].argmax(1).tolist()
            for guess, row in zip(guesses, labels, strict=True):
                if row[slot] == ABSENT:
                    continue
                is_said = row[slot] < sizes[slot]
                _count(right["said"], (guess < sizes[slot]) == is_said)
                if is_said:
                    _count(right[name], guess == row[slot])
    return {name: hits / max(total, 1) for name, (hits, total) in right.items()}


def _count(tally: list[int], hit: bool) -> None:
    tally[0] += hit
    tally[1] += 1


def nearness_accuracy(encoder: PromptEncoder, *, count: int = 128, tier: Tier = "short") -> float:
    """How often a paraphrase is nearer than 15 near misses said in the very same words.

    The near misses are the scene with one of colour, shape or action changed, captioned with the
    same sentence as the target; the question is another, held-out sentence with other synonyms.

    Args:
        encoder: The network.
        count: Questions, each about one actor.
        tier: Which captions.

    Returns:
        Accuracy in [0, 1]; chance is 1/16.
    """
    hits = 0
    for index in range(count):
        scene = random_scene(HELD_OUT_SEED, 10_000 + index, 1)
        texts = [caption(scene, 1, tier=tier, held_out=True)]
        texts += [caption(other, 0, tier=tier) for other in (scene, *near_misses(scene))]
        vectors = embed(encoder, texts)
        hits += int((vectors[1:] @ vectors[0]).argmax() == 0)
    return hits / count


def near_misses(scene: Scene) -> list[Scene]:
    """Every scene that differs from one with a single actor in its colour, shape or action.

    Args:
        scene: A scene with one actor.

    Returns:
        Scenes with the same seed and index, so that captions use the same sentences.
    """
    actor = scene.actors[0]
    return [
        replace(scene, actors=(replace(actor, **{name: value}),))
        for name in ("colour", "shape", "action")
        for value in ACTOR_SLOTS[name]
        if value not in {getattr(actor, name), "collide"}
    ]
