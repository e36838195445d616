"""Instructions that ask for an edit, with paraphrases; some are kept for evaluation only."""

from random import Random

from openreels.core.seeding import derive_seed
from openreels.stage import lexicon, lexicon_looks
from openreels.stage.captions_looks import LookWriter, fitting
from openreels.stage.edits import Edit, EditKind
from openreels.stage.lexicon import Words
from openreels.stage.scene import Actor

_FRAMES: dict[EditKind, tuple[str, ...]] = {
    "colour": (
        "make the {what} {new}",
        "change the colour of the {what} to {new}",
        "turn the {what} {new}",
        "paint the {what} {new}",
        "give the {what} the colour {new}",
        "colour the {what} {new}",
        "the {what} should be {new}",
    ),
    "material": (
        "make the {what} out of {new}",
        "change the material of the {what} to {new}",
        "turn the {what} into {new}",
        "the {what} should be made of {new}",
        "remake the {what} in {new}",
        "let the {what} be of {new}",
    ),
    "shape": (
        "turn the {what} into a {new}",
        "replace the {what} with a {new}",
        "change the shape of the {what} to a {new}",
        "make the {what} a {new}",
        "the {what} should be a {new}",
        "redraw the {what} as a {new}",
    ),
    "size": (
        "make the {what} {new}",
        "change the size of the {what} to {new}",
        "the {what} should be {new}",
        "scale the {what} so that it is {new}",
        "redraw the {what} {new}",
    ),
    "add": (
        "add {new}",
        "put in {new}",
        "insert {new}",
        "let there be {new} too",
        "draw {new} as well",
        "there should also be {new}",
        "show {new} beside the rest",
    ),
    "remove": (
        "remove the {what}",
        "delete the {what}",
        "take away the {what}",
        "erase the {what}",
        "cut the {what} out",
        "let the {what} vanish",
        "there should be no {what}",
        "show it without the {what}",
    ),
    "place": (
        "move the scene: {new}",
        "change the background: {new}",
        "put everything {new}",
        "let it happen {new}",
        "shift all of this {new}",
        "the scene should be {new}",
        "replace what is around: {new}",
        "film all this {new}",
    ),
    "weather": (
        "change the weather: {new}",
        "show it {new}",
        "make it happen {new}",
        "film it {new}",
        "let it be {new}",
        "set everything {new}",
        "the scene should be {new}",
        "turn the weather: {new}",
        "make all of this {new}",
    ),
    "time of day": (
        "change the light: {new}",
        "show it {new}",
        "make it happen {new}",
        "change the time: {new}",
        "let it be {new}",
        "set everything {new}",
        "the scene should be {new}",
        "light it anew: {new}",
    ),
    "style": (
        "turn it into {new}",
        "redraw it as {new}",
        "change the style to {new}",
        "make it {new}",
        "let it be {new}",
        "the whole thing should be {new}",
        "repaint the clip as {new}",
        "show all of it as {new}",
        "present it as {new}",
        "remake everything as {new}",
    ),
    "camera": (
        "change the camera: {new}",
        "film it again: {new}",
        "new camera move: {new}",
        "move the camera: {new}",
        "shoot it so: {new}",
    ),
    "overlay": (
        "remove {what}",
        "erase {what}",
        "take away {what}",
        "clean the picture of {what}",
        "cut {what} out",
        "show it without {what}",
        "there should be no {what}",
    ),
    "expression": (
        "make the {what} look {new}",
        "change the face of the {what} to {new}",
        "give the {what} a face that is {new}",
        "the {what} should look {new}",
        "the {what} should have a face that is {new}",
        "redraw the {what} {new}",
    ),
}
_HELD_OUT: dict[EditKind, tuple[str, ...]] = {
    "colour": ("recolour the {what} in {new}", "let the {what} appear {new} instead"),
    "material": ("rebuild the {what} from {new}", "swap the stuff of the {what} for {new}"),
    "shape": ("swap the {what} for a {new}", "reshape the {what} as a {new}"),
    "size": ("resize the {what} until it is {new}", "let the {what} become {new}"),
    "add": ("place {new} in the picture", "bring in {new}"),
    "remove": ("get rid of the {what}", "leave out the {what}"),
    "place": ("swap the surroundings: {new}", "relocate all of it, {new}"),
    "weather": ("swap the weather: {new}", "have all of it {new}"),
    "time of day": ("relight all of it: {new}", "have all of it {new}"),
    "style": ("restyle all of it as {new}", "render the clip again as {new}"),
    "camera": ("reshoot all of it: {new}", "direct the view anew: {new}"),
    "overlay": ("get rid of {what}", "leave out {what}"),
    "expression": ("swap the mood of the {what}: {new}", "let the {what} appear {new}"),
}

_OF_SOURCE = (
    *("in {source}, {text}", "edit {source}: {text}", "change {source}: {text}"),
    *("please edit {source}: {text}", "work on {source}: {text}", "use {source} but {text}"),
    *("starting from {source}, {text}", "here is {source}, now {text}", "with {source}, {text}"),
    *("keep {source} and {text}", "for {source}: {text}", "a new cut of {source}: {text}"),
    *("I want {source} again, only {text}", "look at {source} and {text}", "{source}: {text}"),
    *("based on {source}: {text}", "copy {source}, then {text}", "go through {source} and {text}"),
)
"""Many, because a word that no lesson begins with is taken for the nearest that one knows."""
_OF_SOURCE_HELD_OUT = ("take {source} and {text}", "given {source}: {text}")


def instruction(
    edit: Edit,
    variant: int,
    *,
    held_out: bool = False,
    rare_words: bool = False,
    source: str = "",
) -> str:
    """Ask for an edit in words; the same arguments always give the same words.

    Args:
        edit: The edit.
        variant: Which paraphrase; any integer.
        held_out: True uses only sentence frames that training never shows.
        rare_words: True uses the synonyms that training never shows.
        source: Handle of the clip that is edited, e.g. ``@video_1``; empty does not name it.

    Returns:
        One sentence that names what changes, and into what.
    """
    scene = edit.source
    seed = derive_seed(
        scene.seed, "instruction", scene.index, edit.kind, variant, held_out, rare_words
    )
    writer = LookWriter(scene, Random(seed), held_out=held_out, rare=rare_words)
    frame = writer.rng.choice((_HELD_OUT if held_out else _FRAMES)[edit.kind])
    sentence = frame.format(what=_what(edit, writer), new=_new(edit, writer))
    sentence = sentence.replace(" a orange", " an orange").replace(" a annulus", " an annulus")
    sentence = sentence.replace(" a orb", " an orb")
    return asked_of(writer, sentence, source)


def asked_of(writer: LookWriter, sentence: str, source: str = "") -> str:
    """Make a sentence of an instruction, and name the clip that it is about.

    Args:
        writer: Its draws choose the words.
        sentence: The instruction in lower case, without a full stop.
        source: Handle of the clip; empty does not name it.

    Returns:
        One sentence.
    """
    if source:
        frames = _OF_SOURCE_HELD_OUT if writer.held_out else _OF_SOURCE
        sentence = writer.rng.choice(frames).format(source=source, text=sentence)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _what(edit: Edit, writer: LookWriter) -> str:
    """Name what is changed, as it was before."""
    if edit.kind == "overlay":
        return _overlay(edit, writer)
    if edit.kind == "add" or edit.number >= len(edit.source.actors):
        return ""
    actor = edit.source.actors[edit.number]
    shape = writer.pick(lexicon.SHAPE_WORDS[actor.shape])
    return f"{writer.pick(lexicon.COLOUR_WORDS[actor.colour])} {shape}"


def _overlay(edit: Edit, writer: LookWriter) -> str:
    """Name an overlay: its kind, and its words or place where others are like it."""
    overlay = edit.source.overlays[edit.number]
    noun = writer.pick(lexicon_looks.OVERLAY_NOUNS[overlay.kind])
    if overlay.kind != "logo" and writer.rng.random() < 0.5:
        return f'{noun} "{overlay.text}"'
    if writer.rng.random() < 0.4:
        return f"{noun} {writer.pick(lexicon_looks.SPOT_PHRASES[overlay.spot])}"
    return noun


def _new(edit: Edit, writer: LookWriter) -> str:
    """Name what it becomes."""
    after = edit.target
    if edit.kind in {"remove", "overlay"}:
        return ""
    if edit.kind == "add":
        return _newcomer(after.actors[edit.number], writer)
    words: dict[str, Words] = {
        "place": lexicon.PLACE_PHRASES[after.place],
        "weather": lexicon_looks.WEATHER_PHRASES[after.weather],
        "time of day": fitting(lexicon.TIME_PHRASES[after.time_of_day], after.weather),
        "style": lexicon_looks.STYLE_TITLES[after.style],
        "camera": lexicon.CAMERA_SENTENCES[after.camera],
    }
    if edit.kind in words:
        return writer.pick(words[edit.kind])
    actor = after.actors[edit.number]
    face = actor.face.expression if actor.face else "neutral"
    words = {
        "colour": lexicon.COLOUR_WORDS[actor.colour],
        "material": lexicon.MATERIAL_NOUNS[actor.material],
        "shape": lexicon.SHAPE_WORDS[actor.shape],
        "size": lexicon.SIZE_WORDS[actor.size],
        "expression": lexicon_looks.FACE_WORDS[face],
    }
    return writer.pick(words[edit.kind])


def _newcomer(actor: Actor, writer: LookWriter) -> str:
    """Say an added actor in full."""
    parts = [
        writer.pick(lexicon.SIZE_WORDS[actor.size]),
        writer.pick(lexicon.COLOUR_WORDS[actor.colour]),
        writer.pick(lexicon.MATERIAL_ADJECTIVES[actor.material]),
        writer.pick(lexicon.SHAPE_WORDS[actor.shape]),
    ]
    if actor.face is not None:
        parts.append(writer.pick(lexicon_looks.FACE_PHRASES[actor.face.expression]))
    parts.append(writer.pick(lexicon.SIDE_PHRASES[actor.side]))
    parts.append(f"that {writer.pick(lexicon.ACTION_WORDS[actor.action]).split('/')[0]}")
    noun = " ".join(parts)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
