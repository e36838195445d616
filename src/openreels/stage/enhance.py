"""The prompt enhancer of the shipped model: free text to a caption of the Stage world, offline."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from openreels.core.prompt import parse
from openreels.core.protocols import Enhanced
from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage.loose_words import PREPOSITIONS
from openreels.stage.reading import MAX_NAMED, NamedThing, Reading, read
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
    back letter for letter, and so does one with spans or handles, which is structured, and one
    that speaks of cuts or of words in the picture. One with words that the world does not know
    keeps them; only misspelt words are mended in it.
    """

    def enhance(self, prompt: str) -> Enhanced:
        """Rewrite a prompt.

        Args:
            prompt: A valid prompt.

        Returns:
            A caption that says what the prompt says and fills in the rest, the same every time.
            Or the prompt, with a note of what was not understood.
        """
        tree = parse(prompt)
        if tree.spans or tree.handles:
            return Enhanced(prompt)
        reading = read(prompt)
        if reading.composed or (reading.in_captions and len(reading.things) <= MAX_NAMED):
            return Enhanced(prompt)
        told = tuple(f"{m.written!r} was read as {m.read!r}" for m in reading.mendings)
        obstacle = _obstacle(reading)
        if obstacle:
            return Enhanced(_mended(prompt, reading.mendings), (*told, obstacle))
        filled = fill(reading)
        added = _added(reading, filled)
        if added:
            told = (*told, f"what the prompt leaves open was filled in: {added}")
        return Enhanced(write(filled), told)


def fill(reading: Reading) -> Reading:
    """Fill in what a prompt leaves open, the same every time.

    Args:
        reading: What was understood of it.

    Returns:
        At least one thing, each with shape, colour, material, size and action; place, light and
        camera. What was said is as it was; weather, style and faces that nobody spoke of are not
        there. No two things get one colour unless it was said.
    """
    things = list[NamedThing]()
    taken = {thing.colour for thing in reading.things}
    for thing in reading.things or (NamedThing(),):
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
                action=thing.action or _action(thing, usual),
                expression=thing.expression or ("happy" if thing.utters else None),
                voice=thing.voice or ("mid" if thing.utters else None),
            )
        )
    return replace(
        reading,
        things=tuple(things),
        place=reading.place or PLACE,
        time_of_day=reading.time_of_day or TIME_OF_DAY,
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
    place, time_of_day, camera = filled.place, filled.time_of_day, filled.camera
    if place is None or time_of_day is None or camera is None:
        raise ValueError("a caption says place, light and camera, got less; fill the reading first")
    clauses, done = list[str](), set[int]()
    for index, thing in enumerate(filled.things):
        if index in done:
            continue
        clause = f"{_noun(thing)} {_verb(thing)}"
        if thing.partner is not None:
            clause += f" {_noun(filled.things[thing.partner])}"
            done.add(thing.partner)
        clauses.append(clause)
    where = [lexicon.PLACE_PHRASES[place].common[0]]
    if filled.weather and filled.weather != "clear":
        where.append(lexicon_looks.WEATHER_PHRASES[filled.weather].common[0])
    where.append(lexicon.TIME_PHRASES[time_of_day].common[0])
    sentences = [
        " ".join([" and ".join(clauses), *where]),
        lexicon.CAMERA_SENTENCES[camera].common[0],
    ]
    if filled.style and filled.style != "plain":
        sentences.append(lexicon_looks.STYLE_SENTENCES[filled.style].common[0])
    sentences += _heard(filled)
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


def _heard(filled: Reading) -> list[str]:
    """Sentences about voices, music and ambience."""
    found = list[str]()
    for thing in filled.things:
        if thing.utters and thing.colour and thing.shape:
            table = lexicon_sounds.SING_WORDS
            table = table if thing.utters == "sing" else lexicon_sounds.SAY_WORDS
            colour = lexicon.COLOUR_WORDS[thing.colour].common[0]
            who = f"{colour} {lexicon.SHAPE_WORDS[thing.shape].common[0]}"
            says = table.common[0].format(text=LINES[thing.utters])
            voice = lexicon_sounds.VOICE_PHRASES[thing.voice or "mid"].common[0]
            found.append(f"the {who} {says} {voice}")
    for number, (mood, timbre) in enumerate(filled.music):
        text = lexicon_sounds.music_sentence(
            lexicon_sounds.MUSIC_SENTENCES.common[0],
            mood=lexicon_sounds.MOOD_WORDS[mood or "happy"].common[0],
            timbre=lexicon_sounds.TIMBRE_WORDS[timbre or "pluck"].common[0],
        )
        found.append(f"{lexicon_sounds.THEN_WORDS.common[0]} {text}" if number else text)
    if filled.ambience:
        found.append(lexicon_sounds.AMBIENCE_SENTENCES[filled.ambience].common[0])
    return found


def _noun(thing: NamedThing) -> str:
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
    if thing.side:
        words.append(lexicon.SIDE_PHRASES[thing.side].common[0])
    return f"a {' '.join(words)}"


def _verb(thing: NamedThing) -> str:
    if not thing.action:
        raise ValueError(f"a caption says what a thing does, got {thing}; fill the reading first")
    verb = lexicon.ACTION_WORDS[thing.action].common[0].split("/")[0]
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
    said = reading.things or (NamedThing(),)
    for before, after in zip(said, filled.things, strict=True):
        names = ("shape", "size", "colour", "material", "action")
        new = [getattr(after, name) for name in names if not getattr(before, name)]
        if new:
            parts.append(f"{after.shape}: {', '.join(new)}")
    names = ("place", "time_of_day", "camera")
    scene = [getattr(filled, name) for name in names if not getattr(reading, name)]
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
