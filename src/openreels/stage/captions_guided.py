"""Instructions that ask for an edit by a reference: ``replace the red ball with @hero``."""

from random import Random
from typing import Literal, TypeAlias

from openreels.core.seeding import derive_seed
from openreels.stage import lexicon
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions_edits import asked_of
from openreels.stage.captions_looks import LookWriter
from openreels.stage.references import StageReference
from openreels.stage.scene import Scene

GuidedEdit: TypeAlias = Literal[
    "replace", "add", "background", "style", "motion", "expression", "effect"
]
"""What an instruction takes from a reference."""
_FRAMES: dict[GuidedEdit, tuple[str, ...]] = {
    "replace": (
        "replace the {what} with {handle}",
        "put {handle} in the place of the {what}",
        "turn the {what} into {handle}",
        "change the {what} to {handle}",
    ),
    "add": ("add {handle} {side}", "put in {handle} {side}", "insert {handle} {side}"),
    "background": (
        "put everything {place}",
        "move the scene: {place}",
        "replace the background with {handle}",
        "change the background to that of {handle}",
    ),
    "style": (
        "redraw it in the style of {handle}",
        "change the style to that of {handle}",
        "make it look like {handle}",
        "the whole thing should look like {handle}",
        "repaint the clip like {handle}",
        "give everything the look of {handle}",
        "present all of it in the manner of {handle}",
    ),
    "motion": (
        "let the {what} move like {handle}",
        "change the motion of the {what} to that of {handle}",
        "make the {what} do what {handle} shows",
        "the {what} should take the path of {handle}",
        "guide the {what} by {handle}",
    ),
    "expression": (
        "give the {what} the expression of {handle}",
        "change the face of the {what} to that of {handle}",
        "make the {what} look like the face in {handle}",
    ),
    "effect": (
        "give the {what} the effect of {handle}",
        "let the {what} change as in {handle}",
        "apply the effect of {handle} to the {what}",
        "what happens in {handle} should happen to the {what}",
    ),
}
_HELD_OUT: dict[GuidedEdit, tuple[str, ...]] = {
    "replace": ("swap the {what} for {handle}", "let {handle} stand in for the {what}"),
    "add": ("bring in {handle} {side}", "place {handle} in the picture {side}"),
    "background": ("relocate all of it to {handle}", "swap the surroundings for {handle}"),
    "style": ("restyle all of it after {handle}", "render it again like {handle}"),
    "motion": ("have the {what} copy the motion of {handle}", "move the {what} after {handle}"),
    "expression": ("copy the face of {handle} onto the {what}", "let the {what} mimic {handle}"),
    "effect": ("transfer the effect of {handle} to the {what}", "treat the {what} like {handle}"),
}


def guided_instruction(
    edit: GuidedEdit,
    source: Scene,
    shown: StageReference,
    variant: int,
    *,
    held_out: bool = False,
    clip: str = "",
) -> str:
    """Ask for an edit whose result a reference shows.

    Args:
        edit: What to take from the reference.
        source: The scene before the edit; an actor is named as it is there.
        shown: The reference; its ``actor`` is the one that is changed, or added.
        variant: Which paraphrase; any integer.
        held_out: True uses only sentence frames that training never shows.
        clip: Handle of the clip that is edited; empty does not name it.

    Returns:
        One sentence.
    """
    seed = derive_seed(source.seed, "guided", source.index, edit, variant, held_out, shown.handle)
    writer = LookWriter(source, Random(seed), held_out=held_out)
    what = ""
    if shown.actor is not None and shown.actor < len(source.actors):
        actor = source.actors[shown.actor]
        colour = writer.pick(lexicon.COLOUR_WORDS[actor.colour])
        what = f"{colour} {writer.pick(lexicon.SHAPE_WORDS[actor.shape])}"
    sentence = writer.rng.choice((_HELD_OUT if held_out else _FRAMES)[edit]).format(
        what=what,
        handle=shown.handle,
        side=_added(shown, writer),
        place=writer.pick(words_of.PLACE_OF).format(handle=shown.handle),
    )
    return asked_of(writer, sentence.strip(), clip)


def _added(shown: StageReference, writer: LookWriter) -> str:
    """Where an added actor goes and what it does there; its looks are those of the reference."""
    if shown.scene is None or shown.actor is None:
        return ""
    actor = shown.scene.actors[shown.actor]
    action = writer.pick(lexicon.ACTION_WORDS[actor.action]).split("/")[0]
    return f"{writer.pick(lexicon.SIDE_PHRASES[actor.side])} that {action}"
