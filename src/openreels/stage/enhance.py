"""The prompt enhancer of the shipped model: free text to a caption of the Stage world, offline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from openreels.core.prompt import parse
from openreels.core.protocols import Enhanced
from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage import lexicon_references as words_of
from openreels.stage.loose_words import PREPOSITIONS
from openreels.stage.reading import MAX_NAMED, read
from openreels.stage.said import NamedThing, Reading
from openreels.stage.scene import (
    COLOURS,
    PLAYERS,
    Action,
    Camera,
    Colour,
    Material,
    Place,
    Shape,
    Size,
    TimeOfDay,
)
from openreels.stage.vocabulary import Mending

PLACE: Place = "meadow"
"""Place of a prompt that names none."""
TIME_OF_DAY: TimeOfDay = "day"
"""Light of a prompt that names none."""
CAMERA: Camera = "static"
"""Camera of a prompt that names none."""
SIZE: Size = "medium"
"""Size of a thing of which none is said."""
SHAPE: Shape = "ball"
"""Shape of a thing that is only called a thing, or not at all."""


LINES: dict[str, str] = {"say": "ta-mo-li", "sing": "la-mi-lo"}
"""Words of a voice of which is not said what it utters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """What a thing is like when nothing is said. All of it is ours."""

    colour: Colour
    """Colour, if no other thing has it."""
    material: Material
    """What it is made of."""
    action: Action
    """What it does."""


USUAL: dict[Shape, Usual] = {
    "ball": Usual(colour="red", material="rubber", action="bounce"),
    "cube": Usual(colour="blue", material="wood", action="jump"),
    "pyramid": Usual(colour="green", material="wood", action="jump"),
    "star": Usual(colour="yellow", material="metal", action="spin"),
    "ring": Usual(colour="purple", material="metal", action="roll"),
}
"""By shape."""


@dataclass(frozen=True, slots=True)
class StageEnhancer:
    """Writes prompts as captions of the Stage world; implements ``core.protocols.Enhancer``.

    Not given by the paper: how its enhancer works. This one never says the contrary of a prompt:
    it rewrites only what it understands to the last word. A prompt that is a caption already comes
    back letter for letter, and so does one with spans, which is structured, and one that speaks of
    cuts or of words in the picture. One with words that the world does not know keeps them; only
    misspelt words are mended in it. A handle stands where it stood: in the place of a noun, of
    whose looks nothing is filled in, or in a phrase that says what its reference shows.
    """

    pictured: frozenset[str] | None = None
    """Handles that may stand in the place of a noun; None for any."""

    def enhance(self, prompt: str) -> Enhanced:
        """Rewrite a prompt.

        Args:
            prompt: A valid prompt.

        Returns:
            A caption that says what the prompt says and fills in the rest, the same every time.
            Or the prompt, with a note of what was not understood.
        """
        tree = parse(prompt)
        if tree.spans:
            return Enhanced(prompt)
        reading = read(prompt)
        if reading.composed or (reading.in_captions and len(reading.things) <= MAX_NAMED):
            return Enhanced(prompt)
        told = tuple(f"{m.written!r} was read as {m.read!r}" for m in reading.mendings)
        obstacle = _obstacle(reading) or self._misplaced(reading)
        if obstacle:
            return Enhanced(_mended(prompt, reading.mendings), (*told, obstacle))
        filled = fill(reading)
        added = _added(reading, filled)
        if added:
            told = (*told, f"what the prompt leaves open was filled in: {added}")
        return Enhanced(write(filled), told)

    def _misplaced(self, reading: Reading) -> str:
        """Why a handle cannot be rewritten; empty if all can."""
        names = [thing.handle for thing in reading.things if thing.handle]
        lost = [n for n in names if self.pictured is not None and n not in self.pictured]
        if lost:
            return (
                f"what {_few(lost)} gives was not understood; the prompt keeps its own form, write "
                f"e.g. 'music like {lost[0]}'"
            )
        return ""


def fill(reading: Reading) -> Reading:
    """Fill in what a prompt leaves open, the same every time.

    Args:
        reading: What was understood of it.

    Returns:
        At least one thing, each with shape, colour, material, size and action; place, light and
        camera. What was said is as it was; weather, style and faces that nobody spoke of are not
        there. No two things get one colour unless it was said. What a reference shows stays open:
        looks of a thing with a handle, motion, face, place and light.
    """
    things = list[NamedThing]()
    taken = {thing.colour for thing in reading.things}
    for thing in reading.things or (() if reading.is_shown else (NamedThing(),)):
        if thing.handle or reading.is_shown:
            action = thing.action or (None if thing.like else USUAL[SHAPE].action)
            things.append(replace(thing, action=action))
            continue
        shape = thing.shape or SHAPE
        usual = USUAL[shape]
        colour = thing.colour or next(c for c in (usual.colour, *COLOURS) if c not in taken)
        taken.add(colour)
        things.append(
            replace(
                thing,
                shape=shape,
                colour=colour,
                material=thing.material or usual.material,
                size=thing.size or SIZE,
                action=thing.action or (None if thing.like else _action(thing, usual)),
                expression=thing.expression
                or ("happy" if thing.utters and not thing.mien else None),
                voice=thing.voice or ("mid" if thing.utters else None),
            )
        )
    shown = reading.is_shown
    return replace(
        reading,
        things=tuple(things),
        place=reading.place or (None if shown or "place_of" in reading.shown else PLACE),
        time_of_day=reading.time_of_day
        or (None if shown or "place_of" in reading.shown else TIME_OF_DAY),
        camera=reading.camera or CAMERA,
        music=tuple((mood or "happy", timbre or "pluck") for mood, timbre in reading.music),
    )


def _action(thing: NamedThing, usual: Usual) -> Action:
    """What a thing does that is not said to do anything: what strikes its instrument, if any."""
    if thing.plays and usual.action not in PLAYERS[thing.plays]:
        return PLAYERS[thing.plays][0]
    return usual.action


def write(filled: Reading) -> str:
    """Write a caption of plain words.

    Args:
        filled: As ``fill`` gives it.

    Returns:
        Sentences in the grammar of ``captions``: ``A large red rubber ball bounces in a meadow
        by day. The camera is still.``

    Raises:
        ValueError: If something of it is open.
    """
    camera = filled.camera
    if camera is None or (None in (filled.place, filled.time_of_day) and not _is_placed(filled)):
        raise ValueError("a caption says place, light and camera, got less; fill the reading first")
    clauses, done = list[str](), set[int]()
    clauses += _by(words_of.FRAME_OF, filled.shown.get("frame_of"))
    clauses += _by(words_of.STORY_OF, filled.shown.get("story_of"))
    for index, thing in enumerate(filled.things):
        if index in done:
            continue
        clause = f"{_noun(thing, filled)} {_verb(thing)}"
        if thing.partner is not None:
            other = filled.things[thing.partner]
            clause = " ".join([clause, _noun(other, filled), *_change(other)])
            done.add(thing.partner)
        clauses.append(" ".join([clause, *_change(thing)]))
    sentences = [
        " ".join([" and ".join(clauses), *_where(filled)]),
        lexicon.CAMERA_SENTENCES[camera].common[0],
    ]
    if filled.style and filled.style != "plain":
        sentences.append(lexicon_looks.STYLE_SENTENCES[filled.style].common[0])
    sentences += _by(words_of.STYLE_OF, filled.shown.get("style_of"))
    sentences += _heard(filled)
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


def _is_placed(reading: Reading) -> bool:
    """Whether a reference shows where it is."""
    return reading.is_shown or "place_of" in reading.shown


def _by(phrases: lexicon.Words, handle: str | None) -> list[str]:
    """What is said of a reference, if there is one."""
    return [phrases.common[0].format(handle=handle)] if handle else []


def _change(thing: NamedThing) -> list[str]:
    words = _said(words_of.EFFECT_WORDS, thing.effect)
    return words + _by(words_of.EFFECT_PHRASES, thing.changed)


def _where(filled: Reading) -> list[str]:
    """Place, weather and light."""
    found = [] if filled.place is None else [lexicon.PLACE_PHRASES[filled.place].common[0]]
    found += _by(words_of.PLACE_OF, filled.shown.get("place_of"))
    if filled.weather and filled.weather != "clear":
        found.append(lexicon_looks.WEATHER_PHRASES[filled.weather].common[0])
    if filled.time_of_day is not None:
        found.append(lexicon.TIME_PHRASES[filled.time_of_day].common[0])
    return found


def _heard(filled: Reading) -> list[str]:
    """Sentences about voices, music and ambience."""
    found = list[str]()
    for thing in filled.things:
        if thing.utters:
            table = lexicon_sounds.SING_WORDS
            table = table if thing.utters == "sing" else lexicon_sounds.SAY_WORDS
            says = table.common[0].format(text=LINES[thing.utters])
            if thing.voice:
                says += f" {lexicon_sounds.VOICE_PHRASES[thing.voice].common[0]}"
            found.append(f"{_speaker(thing)} {says}")
    for number, (mood, timbre) in enumerate(filled.music):
        text = lexicon_sounds.music_sentence(
            lexicon_sounds.MUSIC_SENTENCES.common[0],
            mood=lexicon_sounds.MOOD_WORDS[mood or "happy"].common[0],
            timbre=lexicon_sounds.TIMBRE_WORDS[timbre or "pluck"].common[0],
        )
        found.append(f"{lexicon_sounds.THEN_WORDS.common[0]} {text}" if number else text)
    found += [f"{text} plays" for text in _by(words_of.MUSIC_OF, filled.shown.get("music_of"))]
    if filled.ambience:
        found.append(lexicon_sounds.AMBIENCE_SENTENCES[filled.ambience].common[0])
    heard = _by(words_of.AMBIENCE_OF, filled.shown.get("ambience_of"))
    return found + [f"one hears {text}" for text in heard]


def _speaker(thing: NamedThing) -> str:
    """Who speaks, shortly."""
    if thing.handle:
        return thing.handle
    if not (thing.colour and thing.shape):
        return "it"
    colour = lexicon.COLOUR_WORDS[thing.colour].common[0]
    return f"the {colour} {lexicon.SHAPE_WORDS[thing.shape].common[0]}"


def _noun(thing: NamedThing, filled: Reading) -> str:
    if thing.handle or filled.is_shown:
        return _named(thing)
    if not (thing.shape and thing.colour and thing.material and thing.size):
        raise ValueError(f"a caption says all of a thing, got {thing}; fill the reading first")
    words = [
        lexicon.SIZE_WORDS[thing.size].common[0],
        lexicon.COLOUR_WORDS[thing.colour].common[0],
        lexicon.MATERIAL_ADJECTIVES[thing.material].common[0],
        lexicon.SHAPE_WORDS[thing.shape].common[0],
    ]
    if thing.expression:
        words.append(lexicon_looks.FACE_PHRASES[thing.expression].common[0])
    words += _by(words_of.EXPRESSION_PHRASES, thing.mien)
    if thing.side:
        words.append(lexicon.SIDE_PHRASES[thing.side].common[0])
    return f"a {' '.join(words)}"


def _named(thing: NamedThing) -> str:
    """A thing that a reference shows: its handle, with what else is said of it."""
    words = [
        *_said(lexicon.SIZE_WORDS, thing.size),
        *_said(lexicon.COLOUR_WORDS, thing.colour),
        *_said(lexicon.MATERIAL_ADJECTIVES, thing.material),
        *_said(lexicon.SHAPE_WORDS, thing.shape),
    ]
    words += [thing.handle] if thing.handle else []
    noun = " ".join(words) or "it"
    parts = [f"the {noun}" if words and words != [thing.handle] else noun]
    if thing.expression:
        parts.append(lexicon_looks.FACE_PHRASES[thing.expression].common[0])
    parts += _by(words_of.EXPRESSION_PHRASES, thing.mien)
    if thing.side:
        parts.append(lexicon.SIDE_PHRASES[thing.side].common[0])
    return " ".join(parts)


def _said(table: Mapping[Any, lexicon.Words], value: str | None) -> list[str]:
    return [] if value is None else [table[value].common[0]]


def _verb(thing: NamedThing) -> str:
    like = _by(words_of.MOTION_PHRASES, thing.like)
    if not (thing.action or like):
        raise ValueError(f"a caption says what a thing does, got {thing}; fill the reading first")
    if not thing.action:
        return like[0]
    verb = lexicon.ACTION_WORDS[thing.action].common[0].split("/")[0]
    if like and thing.action != "collide":
        verb = f"{verb} and {like[0]}"
    if thing.plays and thing.partner is None:
        verb += f" {lexicon_sounds.PLAY_PHRASES[thing.plays].common[0]}"
    if thing.direction and thing.partner is None:
        travel = lexicon.TRAVEL_PHRASES[thing.direction].common[0]
        verb += f" {lexicon.TRAVEL_VERBS[thing.action]} {travel}"
    return " ".join(verb.split())


def _obstacle(reading: Reading) -> str:
    """Why a prompt cannot be rewritten without losing or inventing something; empty if it can."""
    if reading.unknown:
        telling = [word for word in reading.unknown if word not in PREPOSITIONS]
        words = _few(f"{word!r}" for word in telling or reading.unknown)
        return f"the Stage world does not know {words}; the prompt keeps its own form"
    if reading.clashes:
        return f"the prompt says {_few(reading.clashes)}; it keeps its own form"
    if len(reading.things) > MAX_NAMED:
        return (
            f"a scene of the Stage world has at most {MAX_NAMED} things, got "
            f"{len(reading.things)}; the prompt keeps its own form"
        )
    lonely = any(thing.colour or thing.material or thing.size for thing in reading.things)
    if lonely and not reading.named:
        return (
            "the prompt names no thing of the Stage world, which are "
            f"{', '.join(lexicon.SHAPE_WORDS)}; it keeps its own form"
        )
    return ""


def _added(reading: Reading, filled: Reading) -> str:
    """Say what was filled in."""
    parts = list[str]()
    said = reading.things or (NamedThing(),) * len(filled.things)
    for before, after in zip(said, filled.things, strict=True):
        names = ("shape", "size", "colour", "material", "action")
        named = [name for name in names if not getattr(before, name)]
        new = [getattr(after, name) for name in named if getattr(after, name)]
        if new:
            parts.append(f"{after.handle or after.shape or 'it'}: {', '.join(new)}")
    names = ("place", "time_of_day", "camera")
    unsaid = [name for name in names if not getattr(reading, name)]
    scene = [getattr(filled, name) for name in unsaid if getattr(filled, name)]
    if scene:
        parts.append(f"scene: {', '.join(scene)}")
    return "; ".join(parts)


def _mended(prompt: str, mendings: Iterable[Mending]) -> str:
    for mending in reversed(tuple(mendings)):
        start, end = mending.start, mending.start + len(mending.written)
        capital = mending.written[0].isupper()
        read_as = mending.read.capitalize() if capital else mending.read
        prompt = prompt[:start] + read_as + prompt[end:]
    return prompt


def _few(words: Iterable[str]) -> str:
    each = list(dict.fromkeys(words))
    return ", ".join(each[:8]) + (" and more" if len(each) > 8 else "")
