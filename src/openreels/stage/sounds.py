"""Draws what is heard: voices, music, ambience, bell and drum; all off unless asked for.

Each draw has a generator of its own, so switching one on changes nothing else of a scene, but that
who speaks or sings gets a face, and that a song follows the music.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from openreels.core.seeding import generator
from openreels.stage.ambience import Ambience, AmbienceKind
from openreels.stage.camera import all_shots
from openreels.stage.dice import Dice
from openreels.stage.looks import LookSettings
from openreels.stage.music import MOODS, MUSIC_TIMBRES, TEMPO_BPM, Mood, Music
from openreels.stage.scene import EXPRESSIONS, OUTDOORS, PLAYERS, Face, Scene
from openreels.stage.speech import SUNG_MIDI, SYLLABLES, VOICES, Line, Syllable, Voice, midi_hz

SHORTEST_S = 0.8
"""A shorter clip has no voices."""
SCALES: dict[Mood, tuple[int, ...]] = {"happy": (0, 2, 4, 7, 9), "sad": (0, 3, 5, 7, 10)}
"""Notes of a song above its key: five of the major and five of the minor scale."""
_KEPT_ONE_IN = 8
"""One line in so many is kept for evaluation."""
_END_S = 0.08
_PAUSE_S = (0.18, 0.4)
_SYLLABLE_S = (0.15, 0.26)
_MOST_LINES = 5
_LONGEST_SONG = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundSettings(LookSettings):
    """How often a world has each sound; 0 everywhere leaves its scenes as they are without.

    Raises:
        ValueError: If a share is outside of [0, 1].
    """

    speech_share: float = 0.0
    """Share of the scenes of 0.8 s or more in which one or two actors speak; they have faces."""
    song_share: float = 0.0
    """Share of the scenes without speech in which an actor with a face sings."""
    narrator_share: float = 0.0
    """Share of the scenes without another voice in which somebody speaks who is not seen."""
    music_share: float = 0.0
    """Share of the scenes with music."""
    ambience_share: float = 0.0
    """Share of the scenes with shots outdoors in which rain, wind or the night is heard."""
    instrument_share: float = 0.0
    """Share of the actors that beat a drum or ring bells, where their motion can."""
    held_out_lines: bool = False
    """Whether all lines are those kept for evaluation, not those of training."""


class _Dice(Dice):
    """Draws for one sound of one scene."""

    def __init__(self, scene: Scene, sound: str) -> None:
        super().__init__(generator(scene.seed, "sound choice", sound, scene.index))


def is_kept(text: str) -> bool:
    """Tell whether the words of a line, as ``Line.text`` gives them, are kept for evaluation."""
    return zlib.crc32(f"line/{text}".encode()) % _KEPT_ONE_IN == 0


def add_sounds(scene: Scene, settings: SoundSettings) -> Scene:
    """Draw what is heard in a scene.

    Args:
        scene: A scene without sounds; its seed and index decide.
        settings: How often each sound is heard.

    Returns:
        The scene with its sounds; the same scene where every share is 0.
    """
    if settings.instrument_share > 0:
        scene = _with_instruments(scene, settings.instrument_share)
    dice = _Dice(scene, "music")
    if dice.uniform() < settings.music_share:
        scene = replace(scene, music=_music(scene, dice))
    dice = _Dice(scene, "ambience")
    if dice.uniform() < settings.ambience_share:
        scene = replace(scene, ambience=matching_ambience(scene))
    if scene.duration_s < SHORTEST_S:
        return scene
    for kind, share in (("speech", settings.speech_share), ("song", settings.song_share)):
        dice = _Dice(scene, kind)
        if dice.uniform() < share:
            return (_speaking if kind == "speech" else _singing)(scene, dice, settings)
    dice = _Dice(scene, "narrator")
    if dice.uniform() < settings.narrator_share:
        voice = VOICES[dice.below(len(VOICES))]
        lines = _dialogue(scene, dice, [(None, voice)], kept=settings.held_out_lines)
        return replace(scene, lines=lines)
    return scene


def matching_ambience(scene: Scene) -> tuple[Ambience, ...]:
    """What is heard outdoors: rain where it rains, crickets on a dry night, else wind.

    Args:
        scene: Its weather and light decide, and in which shots it is outdoors.

    Returns:
        One sound for each stretch outdoors, which ends with the cut to a place indoors.
    """
    kind: AmbienceKind = "wind"
    if scene.weather == "rain":
        kind = "rain"
    elif scene.weather == "clear" and scene.time_of_day == "night":
        kind = "night"
    shots, found = all_shots(scene), list[Ambience]()
    ends = (*(shot.start_s for shot in shots[1:]), scene.duration_s)
    begun: float | None = None
    for shot, end in zip(shots, ends, strict=True):
        outdoors = shot.place in OUTDOORS
        if outdoors and begun is None:
            begun = shot.start_s
        if not outdoors and begun is not None:
            found.append(Ambience(kind=kind, start_s=begun, duration_s=shot.start_s - begun))
            begun = None
        if begun is not None and end == scene.duration_s:
            found.append(Ambience(kind=kind, start_s=begun, duration_s=end - begun))
    return tuple(found)


def _with_instruments(scene: Scene, share: float) -> Scene:
    dice, actors = _Dice(scene, "instrument"), []
    for actor in scene.actors:
        draw = dice.uniform()
        fits = next((name for name, actions in PLAYERS.items() if actor.action in actions), None)
        actors.append(replace(actor, plays=fits if draw < share else None))
    return replace(scene, actors=tuple(actors))


def _music(scene: Scene, dice: _Dice) -> tuple[Music, ...]:
    """One piece, or where there are cuts perhaps another one, of the other mood, a shot."""
    mood, changes = MOODS[dice.below(len(MOODS))], dice.uniform() < 0.5
    starts = [0.0, *(shot.start_s for shot in scene.shots if changes)]
    pieces = list[Music]()
    for start, end in zip(starts, (*starts[1:], scene.duration_s), strict=True):
        piece = Music(
            start_s=start,
            duration_s=end - start,
            mood=mood,
            timbre=MUSIC_TIMBRES[dice.below(len(MUSIC_TIMBRES))],
            key=dice.below(12),
            tempo_bpm=float(round(dice.uniform(*TEMPO_BPM[mood]))),
        )
        pieces.append(piece)
        mood = MOODS[1 - MOODS.index(mood)]
    return tuple(pieces)


def _faced(scene: Scene, dice: _Dice, speakers: list[int]) -> Scene:
    """Give a face to speakers without one."""
    actors = list(scene.actors)
    for index in speakers:
        expression = EXPRESSIONS[dice.below(len(EXPRESSIONS))]
        if actors[index].face is None:
            actors[index] = replace(actors[index], face=Face(expression=expression))
    return replace(scene, actors=tuple(actors))


def _speaking(scene: Scene, dice: _Dice, settings: SoundSettings) -> Scene:
    """One actor speaks, or two by turns, each in a voice of its own."""
    count = 2 if dice.uniform() < 0.8 and scene.duration_s >= 2 * SHORTEST_S else 1
    speakers = dice.order(len(scene.actors))[:count]
    scene = _faced(scene, dice, speakers)
    voices: list[Voice] = [VOICES[k] for k in dice.order(len(VOICES))]
    turns = list(zip(speakers, voices, strict=False))
    lines = _dialogue(scene, dice, turns, kept=settings.held_out_lines)
    return replace(scene, lines=lines)


def _dialogue(
    scene: Scene, dice: _Dice, turns: Sequence[tuple[int | None, Voice]], *, kept: bool
) -> tuple[Line, ...]:
    """Lines of two to six syllables, said by turns, one after the other."""
    lines, end_s = list[Line](), scene.duration_s - _END_S
    time, share = dice.uniform(0.05, 0.25), (end_s - 0.1) / len(turns)
    while len(lines) < _MOST_LINES:
        actor, voice = turns[len(lines) % len(turns)]
        pace = dice.uniform(*_SYLLABLE_S)
        wanted = 2 + dice.below(5)
        if len(lines) < len(turns):  # everybody has the time to speak
            wanted = min(wanted, max(2, int((share - _PAUSE_S[1]) / pace)))
        count = min(wanted, int((end_s - time) / pace + 1e-9))
        if count < 2:
            break
        syllables = list[Syllable]()
        for text in _words(dice, count, kept=kept):
            syllables.append(Syllable(text=text, start_s=time, duration_s=pace))
            time += pace
        lines.append(Line(voice=voice, syllables=tuple(syllables), actor=actor))
        time += dice.uniform(*_PAUSE_S)
    return tuple(lines)


def _words(dice: _Dice, count: int, *, kept: bool) -> list[str]:
    """Draw syllables, no two alike in a row, that training may or may not see."""
    while True:
        words = list[str]()
        while len(words) < count:
            text = SYLLABLES[dice.below(len(SYLLABLES))]
            if text not in words[-1:]:
                words.append(text)
        if is_kept("-".join(words)) == kept:
            return words


def _singing(scene: Scene, dice: _Dice, settings: SoundSettings) -> Scene:
    """One actor sings on the beats and in the key of the music, or of its own."""
    singer = dice.below(len(scene.actors))
    scene = _faced(scene, dice, [singer])
    mood = MOODS[dice.below(len(MOODS))]
    key, tempo = dice.below(12), float(round(dice.uniform(*TEMPO_BPM[mood])))
    if scene.music:
        mood, key, tempo = scene.music[0].mood, scene.music[0].key, scene.music[0].tempo_bpm
    voice = VOICES[dice.below(len(VOICES))]
    low, high = SUNG_MIDI[voice]
    notes = [n for n in range(low, high + 1) if (n - key) % 12 in SCALES[mood]]
    half_s = 30.0 / tempo
    end_s = scene.duration_s - _END_S
    if scene.music:
        end_s = min(end_s, scene.music[0].start_s + scene.music[0].duration_s)
    time, steps = 0.0 if dice.uniform() < 0.5 else half_s, list[tuple[float, float]]()
    while len(steps) < _LONGEST_SONG:
        length = half_s * (1 + dice.below(2))
        if time + length > end_s:
            break
        steps.append((time, length))
        time += length
    if not steps:
        steps = [(0.05, min(half_s, end_s - 0.05))]
    at, syllables = dice.below(len(notes)), list[Syllable]()
    words = _words(dice, len(steps), kept=settings.held_out_lines)
    for text, (start, length) in zip(words, steps, strict=True):
        pitch = midi_hz(notes[at])
        syllables.append(Syllable(text=text, start_s=start, duration_s=length, pitch_hz=pitch))
        at = min(max(at + dice.below(5) - 2, 0), len(notes) - 1)
    line = Line(voice=voice, syllables=tuple(syllables), actor=singer)
    return replace(scene, lines=(line,))
