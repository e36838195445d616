"""What is being said or sung, laid out on the audio tokens.

The audio branch is asked which sound of which syllable each token is, in which voice and on which
note. The error of a velocity is mostly noise that no prompt tells: a vowel is a hundredth of it,
and takes many times the steps to be learnt from it alone. Not given by the paper: ours.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import AUDIO_TOKENS_PER_S
from openreels.stage.scene import Scene
from openreels.stage.speech import CONSONANTS, VOICES, VOWELS, Line, Syllable, midi_note

_VOWELS, _CONSONANTS = tuple(VOWELS), tuple(CONSONANTS)
_NOTES = 12
_FIRST_VOWEL = 1
_FIRST_CONSONANT = _FIRST_VOWEL + len(_VOWELS)
_FIRST_VOICE = _FIRST_CONSONANT + len(_CONSONANTS)
_FIRST_NOTE = _FIRST_VOICE + len(VOICES)
NUM_VOICE_TRUTHS = _FIRST_NOTE + _NOTES
"""Numbers of an audio token: whether somebody speaks or sings, then which vowel, which consonant,
in which voice, and on which of the twelve notes it is sung."""


def voice_truths(scenes: Sequence[Scene], num_tokens: int) -> Float[Tensor, "b k l"]:
    """Say of every audio token what is said or sung in its middle.

    Args:
        scenes: At least one.
        num_tokens: Audio tokens of a clip.

    Returns:
        0 or 1, ``NUM_VOICE_TRUTHS`` channels.
    """
    times = (torch.arange(num_tokens) + 0.5).double() / float(AUDIO_TOKENS_PER_S)
    out = torch.zeros(len(scenes), NUM_VOICE_TRUTHS, num_tokens)
    for row, scene in enumerate(scenes):
        for line in scene.lines:
            for syllable in line.syllables:
                _add(out[row], times, line, syllable)
    return out


def _add(out: Float[Tensor, "k l"], times: Tensor, line: Line, syllable: Syllable) -> None:
    within = (times >= syllable.start_s) & (times < syllable.end_s)
    leads = within & (times < syllable.start_s + syllable.lead_s)
    consonant, vowel = syllable.text[:-1], syllable.text[-1]
    out[0, within] = 1
    out[_FIRST_VOWEL + _VOWELS.index(vowel), within & ~leads] = 1
    out[_FIRST_CONSONANT + _CONSONANTS.index(consonant), leads] = 1
    out[_FIRST_VOICE + VOICES.index(line.voice), within] = 1
    if syllable.pitch_hz is not None:
        out[_FIRST_NOTE + round(midi_note(syllable.pitch_hz)) % _NOTES, within] = 1
