"""Changes of the prompt encoder by which the words of a shot tell when it is seen, and what of it.

Of a prompt with hard cuts the encoder's tokens tell which places there are, but hardly which of
them is seen first, and not when the next one begins (``training.told_words``). Ours.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from openreels.stage.scene import CAMERAS, PLACES, Scene
from openreels.stage.world import WorldSettings
from openreels.training.shots import SHOTS_WORLD
from openreels.training.told_words import ToldWordsRecipe, ToldWordsTrainer, bin_of

_MAX_SHOTS = 3
_BEGINS = re.compile(r"\bshot (\d)(?:, from \d+\.\d+ s)?: ")
_SECTION = re.compile(r"\. [A-Z]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShotWordsRecipe(ToldWordsRecipe):
    """How these changes are trained; all ours."""

    world: WorldSettings = SHOTS_WORLD
    """What the captions tell of."""
    seed: int = 92
    """Seed of scenes, words and new weights."""
    num_steps: int = 900
    """Optimiser steps of the whole schedule."""


class ShotWord(NamedTuple):
    """A word of the description of a shot, and what is true of that shot."""

    word: int
    """Index of the word in the prompt."""
    start: int
    """Bin of its first frame."""
    end: int
    """Bin of the first frame of the next one, or of the end of the clip."""
    shot: int
    """Which one it is, from 0."""
    place: int
    """Index in ``PLACES``."""
    camera: int
    """Index in ``CAMERAS``."""
    near: int
    """1 for a close view."""


def shot_words(scene: Scene, text: str, split: Callable[[str], Sequence[str]]) -> list[ShotWord]:
    """Find the words of shots in a structured caption.

    Args:
        scene: Told by the caption.
        text: The caption; others than structured ones tell no times.
        split: Of the tokenizer.

    Returns:
        Every word from one ``shot 2, from 1.06 s:`` to the next or the end of the section.
    """
    marks = list(_BEGINS.finditer(text))
    if len(marks) != 1 + len(scene.shots):
        return []
    last = _SECTION.search(text, marks[-1].end())
    ends = [*(mark.start() for mark in marks[1:]), last.start() if last else len(text)]
    starts = [0.0, *(shot.start_s for shot in scene.shots), scene.duration_s]
    seen = [(scene.place, scene.camera, False)]
    seen += [(shot.place, shot.camera, shot.focus is not None) for shot in scene.shots]
    found = list[ShotWord]()
    for number, (mark, end, (place, camera, near)) in enumerate(
        zip(marks, ends, seen, strict=True)
    ):
        words = range(len(split(text[: mark.start()])), len(split(text[:end])))
        found += [
            ShotWord(
                word=word,
                start=bin_of(starts[number]),
                end=bin_of(starts[number + 1]),
                shot=min(_MAX_SHOTS - 1, number),
                place=PLACES.index(place),
                camera=CAMERAS.index(camera),
                near=int(near),
            )
            for word in words
        ]
    return found


class ShotWordsTrainer(ToldWordsTrainer):
    """The prompt encoder learns of the words of shots which one they tell of.

    Args:
        recipe: How.
    """

    TIMES = ("start", "end")
    CLASSES = {  # noqa: RUF012 - a constant
        "shot": _MAX_SHOTS,
        "place": len(PLACES),
        "camera": len(CAMERAS),
        "near": 2,
    }

    def words_of(self, scene: Scene, text: str) -> Sequence[ShotWord]:
        """The words of shots in a caption."""
        return shot_words(scene, text, self.encoder.tokenizer.split) if scene.shots else []
