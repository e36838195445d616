"""Changes of the prompt encoder by which words that are said tell when, how and on which note.

Of a spoken syllable the encoder's tokens tell which one it is, but neither which of its line, nor
when the line begins, nor in whose voice (``training.told_words``). Ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from openreels.stage.scene import Scene
from openreels.stage.speech import SYLLABLES, VOICES, midi_note
from openreels.stage.world import WorldSettings
from openreels.training.heard import HEARD_WORLD
from openreels.training.told_words import ToldWordsRecipe, ToldWordsTrainer, bin_of

_PLACES = 8
_LOWEST_NOTE, _NUM_NOTES = 40, 36


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenWordsRecipe(ToldWordsRecipe):
    """How these changes are trained; all ours."""

    world: WorldSettings = HEARD_WORLD
    """What the captions tell of."""


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
    """0 for speech, else 1 and more: MIDI notes from 40 on."""


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
            note = 0
            if syllable.pitch_hz is not None:
                above = round(midi_note(syllable.pitch_hz)) - _LOWEST_NOTE
                note = 1 + min(_NUM_NOTES - 1, max(0, above))
            found.append(
                SaidWord(
                    word=first + place,
                    bin=bin_of((syllable.start_s + syllable.end_s) / 2),
                    place=min(_PLACES - 1, place),
                    syllable=SYLLABLES.index(syllable.text),
                    voice=VOICES.index(line.voice),
                    note=note,
                )
            )
    return found


class SpokenWordsTrainer(ToldWordsTrainer):
    """The prompt encoder learns of syllables when and which of their line they are.

    Args:
        recipe: How.
    """

    TIMES = ("time",)
    CLASSES = {  # noqa: RUF012 - a constant
        "place": _PLACES,
        "syllable": len(SYLLABLES),
        "voice": len(VOICES),
        "note": _NUM_NOTES + 1,
    }

    def words_of(self, scene: Scene, text: str) -> Sequence[SaidWord]:
        """What is said in a caption."""
        tokenizer = self.encoder.tokenizer
        return said_words(scene, tokenizer.split(text)[: tokenizer.config.max_tokens])
