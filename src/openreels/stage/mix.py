"""The whole sound of a clip: impacts, strikes, voices, music and ambience at sensible levels.

While someone speaks, music and ambience step back, so that words stay clear. Their times are
exact, so the music steps back a little before the first word. All numbers are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import Waveform
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import check_batch, soft_limit, soften
from openreels.stage.ambience import Ambience, render_ambience
from openreels.stage.instruments import Strike, render_strikes
from openreels.stage.music import Music, render_music
from openreels.stage.scene import Contact
from openreels.stage.sound import render_impacts
from openreels.stage.speech import Utterance
from openreels.stage.voice import render_voices

_BEFORE_S = 0.12
_AFTER_S = 0.3
_SPOKEN_DEPTH = 0.66
_SUNG_DEPTH = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Soundtrack:
    """Everything that sounds in a clip."""

    contacts: tuple[Contact, ...] = ()
    """What actors hit."""
    strikes: tuple[Strike, ...] = ()
    """Bells and drums."""
    utterances: tuple[Utterance, ...] = ()
    """What is said and sung."""
    music: tuple[Music, ...] = ()
    """Pieces of music, one a shot or one for all."""
    ambience: tuple[Ambience, ...] = ()
    """Rain, wind and night."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}


def render_soundtracks(
    tracks: Sequence[Soundtrack], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Synthesise and mix the sound of clips.

    Args:
        tracks: What sounds in each clip.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip.

    Returns:
        Sound in [-1, 1]: linear up to 0.8, above which a soft limit sets in. A clip with nothing
        but contacts sounds as ``sound.render_audio`` makes it, one with nothing is silent.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    check_batch(len(tracks), len(seeds), num_samples)
    front = render_impacts([track.contacts for track in tracks], num_samples, seeds)
    front += render_strikes([track.strikes for track in tracks], num_samples, seeds)
    front += render_voices([track.utterances for track in tracks], num_samples, seeds)
    back = render_music([track.music for track in tracks], num_samples, seeds)
    back += render_ambience([track.ambience for track in tracks], num_samples, seeds)
    for clip, track in enumerate(tracks):
        if track.utterances and (track.music or track.ambience):
            back[clip] *= duck(track.utterances, num_samples)
    return soft_limit(front + back)


def duck(utterances: Sequence[Utterance], num_samples: int) -> Float[Tensor, " s"]:
    """Gain of what plays behind voices: 1 without a voice, 0.34 behind speech, 0.6 behind song.

    Args:
        utterances: What is said and sung.
        num_samples: Length of the clip in samples.

    Returns:
        A smooth gain that has stepped back when the first syllable begins.
    """
    time = torch.arange(num_samples, dtype=torch.float64) / SAMPLE_RATE_HZ
    gain = torch.ones(num_samples, dtype=torch.float64)
    for one in utterances:
        start_s = one.syllables[0].start_s
        here = soften((time - start_s) / _BEFORE_S + 1) * soften((one.end_s - time) / _AFTER_S + 1)
        gain = torch.minimum(gain, 1 - (_SUNG_DEPTH if one.is_sung else _SPOKEN_DEPTH) * here)
    return gain.float()
