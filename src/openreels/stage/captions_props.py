"""Captions of scenes of props: ``a crow caws twice, then a bell rings on a beach``."""

from random import Random

from openreels.core.seeding import derive_seed
from openreels.stage import lexicon
from openreels.stage.props import PropActor, PropScene, prop_table
from openreels.stage.tidy import tidied

_COUNTS = ("", "twice", "three times", "four times")
_ENTERS = ("comes in from the {side} and {verb}", "enters from the {side} and {verb}")
_ENTERS_HELD_OUT = ("arrives from the {side} and {verb}",)
_FRAMES = ("{acts} {place} {time}.", "{place} {time}, {acts}.", "{time}: {acts} {place}.")
_FRAMES_HELD_OUT = ("imagine that {acts} {place}, {time}.", "footage from {time}: {acts} {place}.")
_THEN = (", then ", ", and after that ")


def prop_caption(scene: PropScene, variant: int, *, held_out: bool = False) -> str:
    """Say a scene of props in words; the same arguments always give the same words.

    Args:
        scene: What to describe.
        variant: Which paraphrase; any integer.
        held_out: True uses only sentence frames and verbs that training never shows.

    Returns:
        One sentence that names every prop in the order of its calls and how often it calls.
    """
    rng = Random(derive_seed(scene.seed, "caption props", scene.index, variant, held_out))
    place, time = lexicon.PLACE_PHRASES[scene.place], lexicon.TIME_PHRASES[scene.time_of_day]
    acts = rng.choice(_THEN).join(_act(actor, rng, held_out=held_out) for actor in scene.actors)
    frame = rng.choice(_FRAMES_HELD_OUT if held_out else _FRAMES)
    return tidied(
        frame.format(acts=acts, place=rng.choice(place.common), time=rng.choice(time.common))
    )


def _act(actor: PropActor, rng: Random, *, held_out: bool) -> str:
    entry = prop_table()[actor.name]
    verb = f"{entry.rare_verb if held_out else entry.verb} {_COUNTS[len(actor.calls) - 1]}".strip()
    if actor.enters:
        frames = _ENTERS_HELD_OUT if held_out else _ENTERS
        verb = rng.choice(frames).format(side=actor.enters, verb=verb)
    return f"{'an' if actor.name[0] in 'aeiou' else 'a'} {actor.name} {verb}"
