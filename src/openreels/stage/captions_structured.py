"""The structured caption: a scene in the prompt language, with handles and tags.

The tags are the paper's and the product's: ``<text> <sfx> <dialogue> <singing> <bgm> <voice_ref>``.
A caption holds only spans of what the scene has.
"""

from openreels.stage import lexicon, lexicon_looks
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions_looks import LookWriter, fitting
from openreels.stage.captions_sounds import said_of_sounds, span, structured_sounds
from openreels.stage.lexicon import Words
from openreels.stage.physics import contacts
from openreels.stage.scene import Actor, Overlay, Scene, Shot

_HEADINGS = (
    ("Cast", "Setting", "Action", "Look", "Sound"),
    ("Subjects", "Scene", "Motion", "Picture", "Audio"),
    ("Characters", "Place", "Events", "Screen", "Heard"),
)
_HEADINGS_HELD_OUT = (("Who", "Where", "What happens", "Appearance", "What is heard"),)
_HANDLES = ("@{shape}", "@{colour}_{shape}", "@actor_{number}")
_HANDLES_HELD_OUT = ("@{shape}_{number}",)
_START_DIGITS = (2, 2, 2, 1)
"""Digits after the point of the second at which a shot begins; people write one or two."""


def structured(writer: LookWriter) -> str:
    """Say everything of a scene in the prompt language.

    Args:
        writer: Its scene is told, its draws choose the words.

    Returns:
        Sections of who, where, what happens, how it looks and what is heard; every handle is
        introduced in the first section.
    """
    scene, rng = writer.scene, writer.rng
    headings = rng.choice(_HEADINGS_HELD_OUT if writer.held_out else _HEADINGS)
    handles = _handles(writer)
    cast = "; ".join(f"{handle} is {_who(writer, k)}" for k, handle in enumerate(handles))
    place = _where(writer, lexicon.PLACE_PHRASES[scene.place])
    camera = writer.pick(lexicon.CAMERA_SENTENCES[scene.camera])
    shots = [_shot(writer, shot, handles, number) for number, shot in enumerate(scene.shots, 2)]
    first = "shot 1: " if shots else ""
    setting = ". ".join([f"{first}{place}; {camera}", *shots])
    heard = {contact.actor for contact in contacts(scene)}
    events = "; ".join(_event(writer, k, handles, heard) for k in range(len(handles)))
    looks = [_overlay(writer, overlay) for overlay in scene.overlays]
    if scene.style != "plain":
        looks.insert(0, writer.pick(lexicon_looks.STYLE_SENTENCES[scene.style]))
    sections = [cast, setting, events, "; ".join(looks), structured_sounds(writer, handles)]
    return " ".join(f"{h}: {s}." for h, s in zip(headings, sections, strict=True) if s)


def said_by_structured(scene: Scene) -> tuple[frozenset[str], frozenset[str]]:
    """What a structured caption says of each actor, and of the scene: all there is."""
    actor = frozenset({"shape", "colour", "material", "size", "action", "side", "direction"})
    whole = {"place", "time_of_day", "camera"} | {overlay.kind for overlay in scene.overlays}
    whole |= {"weather"} if scene.weather != "clear" else set()
    whole |= {"style"} if scene.style != "plain" else set()
    whole |= {"cuts"} if scene.shots else set()
    whole |= {"effects"} if scene.effects else set()
    return actor, frozenset(whole | said_of_sounds(scene))


def _handles(writer: LookWriter) -> list[str]:
    """A handle an actor, all different."""
    actors = writer.scene.actors
    pattern = writer.rng.choice(_HANDLES_HELD_OUT if writer.held_out else _HANDLES)
    for attempt in (pattern, _HANDLES[-1]):
        found = [
            attempt.format(shape=actor.shape, colour=actor.colour, number=number)
            for number, actor in enumerate(actors, 1)
        ]
        if len(set(found)) == len(found):
            break
    return found


def _who(writer: LookWriter, index: int) -> str:
    actor = writer.scene.actors[index]
    size = writer.pick(lexicon.SIZE_WORDS[actor.size])
    colour = writer.pick(lexicon.COLOUR_WORDS[actor.colour])
    material = writer.pick(lexicon.MATERIAL_ADJECTIVES[actor.material])
    shape = writer.pick(lexicon.SHAPE_WORDS[actor.shape])
    noun = f"{size} {colour} {material} {shape}"
    if actor.face is not None:
        noun = f"{noun} {writer.pick(lexicon_looks.FACE_PHRASES[actor.face.expression])}"
    side = writer.pick(lexicon.SIDE_PHRASES[actor.side])
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} {side}"


def _where(writer: LookWriter, place: Words) -> str:
    scene = writer.scene
    time = fitting(lexicon.TIME_PHRASES[scene.time_of_day], scene.weather)
    parts = [writer.pick(place), writer.pick(time)]
    if scene.weather != "clear":
        parts.append(writer.pick(lexicon_looks.WEATHER_PHRASES[scene.weather]))
    return ", ".join(parts)


def _shot(writer: LookWriter, shot: Shot, handles: list[str], number: int) -> str:
    what = writer.pick(lexicon_looks.WIDE_WORDS)
    if shot.focus is not None:
        what = f"{writer.pick(lexicon_looks.CLOSE_WORDS)} {handles[shot.focus]}"
    place = writer.pick(lexicon.PLACE_PHRASES[shot.place])
    camera = writer.pick(lexicon.CAMERA_SENTENCES[shot.camera])
    return f"shot {number}, from {_start(writer, shot)} s: {what} {place}; {camera}"


def _start(writer: LookWriter, shot: Shot) -> str:
    """When a shot begins: to a hundredth of a second, which tells the frame, or to a tenth."""
    digits = 2 if writer.held_out else writer.rng.choice(_START_DIGITS)
    return f"{shot.start_s:.{digits}f}"


def _event(writer: LookWriter, index: int, handles: list[str], heard: set[int]) -> str:
    actor = writer.scene.actors[index]
    finite = writer.pick(lexicon.ACTION_WORDS[actor.action]).split("/")[0]
    partner = f" {handles[actor.partner]}" if actor.partner is not None else ""
    travel = writer.pick(lexicon.TRAVEL_PHRASES[actor.direction])
    way = f"{lexicon.TRAVEL_VERBS[actor.action]} {travel}".strip()
    sound = f" {span('sfx', _sound(writer, actor))}" if index in heard else ""
    mine = [effect for effect in writer.scene.effects if effect.actor == index]
    change = "".join(f", {writer.pick(words_of.EFFECT_WORDS[one.kind])}" for one in mine)
    return f"{handles[index]} {finite}{partner}, {way}{sound}{change}"


def _sound(writer: LookWriter, actor: Actor) -> str:
    phrase = writer.pick(lexicon.SOUND_PHRASES[actor.material]).removeprefix("with ")
    return f"{phrase} {writer.rng.choice(lexicon.SOUND_MOMENTS[actor.action])}".strip()


def _overlay(writer: LookWriter, overlay: Overlay) -> str:
    if overlay.kind == "logo":
        return writer.overlay(overlay)
    return writer.overlay(overlay).replace(f'"{overlay.text}"', span("text", overlay.text))
