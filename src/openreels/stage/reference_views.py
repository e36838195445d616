"""Makes the scenes and sounds of references: views, doubles, places, samples."""

from dataclasses import replace

import torch

from openreels.core.seeding import derive_seed, generator
from openreels.stage.ambience import Ambience
from openreels.stage.dice import Dice as AnyDice
from openreels.stage.geometry import half_size, radius
from openreels.stage.mix import Soundtrack
from openreels.stage.music import Music
from openreels.stage.paint import Colour3
from openreels.stage.physics import pose
from openreels.stage.places import emptied
from openreels.stage.references import StageReference, Still
from openreels.stage.scene import (
    COLOURS,
    MATERIALS,
    OUTDOORS,
    PLACES,
    SHAPES,
    TIMES_OF_DAY,
    Actor,
    Effect,
    Scene,
    Shot,
)
from openreels.stage.speech import SYLLABLES, Line, Syllable, Utterance
from openreels.stage.world import WorldSettings, sample_scene

MAX_VIEWS = 5
_BACKDROPS: tuple[Colour3, ...] = (
    (0.93, 0.93, 0.93), (0.55, 0.55, 0.56), (0.86, 0.82, 0.74), (0.22, 0.22, 0.25),
)  # fmt: skip
_PLAIN_ODDS = 0.35
_CLOSEST = 2.0
_FARTHEST = 1.42
"""No outline reaches further, in radii."""
_CUT_S = 1e-3
"""A view is the second shot of its scene, which begins here."""
_SAMPLE_S = 3.0


class Dice(AnyDice):
    """Draws for what belongs to one scene."""

    def __init__(self, scene: Scene, *purpose: str | int) -> None:
        self.seed = derive_seed(scene.seed, "reference", scene.index, *purpose)
        super().__init__(generator(self.seed, "draw"))


def subject_views(scene: Scene, actor: int, count: int, variant: int = 0) -> tuple[Still, ...]:
    """Look at an actor from elsewhere.

    Args:
        scene: The scene.
        actor: Index of the actor.
        count: How many views, 1 to 5.
        variant: Other views for another number.

    Returns:
        Stills of the actor alone, each in another pose, light, place and size in the picture, some
        before a plain backdrop; shape, colour, material, size and face are its own.

    Raises:
        ValueError: If the count is out of range.
    """
    if not 1 <= count <= MAX_VIEWS:
        raise ValueError(f"a subject has 1 to {MAX_VIEWS} views, got {count}; change their number")
    return tuple(_subject_view(scene, actor, number, variant) for number in range(count))


def _subject_view(scene: Scene, actor: int, number: int, variant: int) -> Still:
    dice, body = Dice(scene, "view", actor, number, variant), scene.actors[actor]
    donor = stranger(scene, dice, body.size)
    moving = donor.actors[0]
    looks = replace(
        moving, shape=body.shape, colour=body.colour, material=body.material, face=body.face
    )
    place, time = dice.other(PLACES, scene.place), dice.one(TIMES_OF_DAY)
    alone = replace(donor, actors=(looks,), place=place, time_of_day=time, camera="static")
    time_s = dice.uniform(2 * _CUT_S, donor.duration_s)
    backdrop = dice.one(_BACKDROPS) if dice.uniform() < _PLAIN_ODDS else None
    return Still(scene=_framed(alone, dice, time_s), time_s=time_s, backdrop=backdrop)


def stranger(scene: Scene, dice: Dice, size: str | None = None) -> Scene:
    """Another scene of one actor, of a size if one is given."""
    settings = WorldSettings(
        actor_odds=(1.0, 0.0, 0.0), aspect_ratio=scene.aspect_ratio, duration_s=scene.duration_s
    )
    index = 0
    while True:
        found = sample_scene(dice.seed, index, settings=settings)
        if size in {None, found.actors[0].size}:
            return found
        index += 1


def _framed(scene: Scene, dice: Dice, time_s: float) -> Scene:
    """Move the camera so that the whole actor is somewhere in the picture at a time."""
    placed = pose(scene, torch.tensor([time_s], dtype=torch.float64))
    body = _FARTHEST * radius(scene.actors[0])
    halves = half_size(scene.aspect_ratio)
    zoom = dice.uniform(1.0, min(_CLOSEST, *(half / (1.1 * body) for half in halves)))
    middle = list[float]()
    for track, half in zip((placed.x, placed.y), halves, strict=True):
        free = max(0.0, half / zoom - body)
        aim = float(track[0, 0]) + dice.uniform(-1.0, 1.0) * free
        most = half - half / zoom
        middle.append(min(max(aim, -most), most))
    shot = Shot(
        start_s=_CUT_S, place=scene.place, camera="static", zoom=zoom, x=middle[0], y=middle[1]
    )
    return replace(scene, shots=(shot,))


def _double(scene: Scene, actor: int, dice: Dice) -> Actor:
    """Somebody else: another shape, colour and material, and nobody of the scene."""
    body = scene.actors[actor]
    return replace(
        body,
        action="spin" if body.partner is not None else body.action,
        shape=dice.other(SHAPES, *(other.shape for other in scene.actors)),
        colour=dice.other(COLOURS, *(other.colour for other in scene.actors)),
        material=dice.other(MATERIALS, body.material),
        moves_like=body.moves_like or body.material,
        partner=None,
        face=None,
        plays=None,
    )


def _elsewhere(scene: Scene, dice: Dice, actor: Actor, name: str) -> Scene:
    """A scene of one actor in another place."""
    return Scene(
        seed=dice.seed,
        index=len(name),
        actors=(actor,),
        place=dice.other(PLACES, scene.place),
        time_of_day=dice.one(TIMES_OF_DAY),
        camera="static",
        aspect_ratio=scene.aspect_ratio,
        duration_s=scene.duration_s,
    )


def motion_double(scene: Scene, actor: int, variant: int = 0) -> Scene:
    """A scene in which somebody else moves exactly as an actor does.

    Args:
        scene: The scene.
        actor: Index of an actor that does not collide.
        variant: Somebody else for another number.

    Returns:
        One actor of another shape, colour and material in another place. Its x, its rise above
        where it stands (of a swing: above its lowest point) and the times and speeds of its
        contacts are the actor's; a body with other corners may turn otherwise.

    Raises:
        ValueError: If the actor collides: where it is hit depends on both shapes.
    """
    if scene.actors[actor].partner is not None:
        raise ValueError(
            f"an actor whose motion is shown must act alone, got {actor}, which collides; "
            "choose another"
        )
    dice = Dice(scene, "motion", actor, variant)
    return _elsewhere(scene, dice, _double(scene, actor, dice), "motion")


def face_double(scene: Scene, actor: int, variant: int = 0) -> Scene:
    """A scene in which somebody else, large and at rest, makes the face of an actor."""
    dice = Dice(scene, "expression", actor, variant)
    double = replace(
        _double(scene, actor, dice),
        face=scene.actors[actor].face,
        size="large",
        action="spin",
        start_x=dice.uniform(-0.3, 0.3),
        phase_s=15.0,
        height=0.01,
    )
    return _elsewhere(scene, dice, double, "expression")


def effect_double(scene: Scene, effect: Effect, variant: int = 0) -> Scene:
    """A scene in which somebody else, with a motion of its own, undergoes an effect."""
    dice = Dice(scene, "effect", effect.actor, variant)
    looks, moving = _double(scene, effect.actor, dice), stranger(scene, dice).actors[0]
    double = replace(moving, shape=looks.shape, colour=looks.colour, material=looks.material)
    other = _elsewhere(scene, dice, double, "effect")
    return replace(other, effects=(replace(effect, actor=0),))


def style_picture(scene: Scene, variant: int = 0) -> Still:
    """A picture of another scene in the same style."""
    dice = Dice(scene, "style", variant)
    other = sample_scene(
        dice.seed,
        0,
        settings=WorldSettings(aspect_ratio=scene.aspect_ratio, duration_s=scene.duration_s),
    )
    return Still(
        scene=replace(other, style=scene.style), time_s=dice.uniform(0.0, scene.duration_s)
    )


def place_picture(scene: Scene, variant: int = 0) -> Still:
    """A picture of the same place with nobody in it, in another light and dry."""
    dice = Dice(scene, "place", variant)
    light = dice.other(TIMES_OF_DAY, scene.time_of_day)
    dry = replace(emptied(scene), time_of_day=light, weather="clear", style="plain")
    return Still(scene=dry, empty=True)


def moved_elsewhere(scene: Scene, variant: int = 0) -> Scene:
    """The same scene in another place, as if filmed there."""
    dice = Dice(scene, "elsewhere", variant)
    places = OUTDOORS if scene.weather != "clear" else PLACES
    return replace(scene, place=dice.other(places, scene.place), shots=())


def voice_sample(scene: Scene, line: Line, handle: str) -> StageReference:
    """A sample of a voice that says other words.

    Args:
        scene: The scene in which the voice speaks.
        line: What it says there.
        handle: Name of the sample: that of the speaker's pictures if there are any.

    Returns:
        Three to five spoken syllables, none of them said in the scene by the speaker.
    """
    dice = Dice(scene, "voice", handle, line.text)
    mine = (other for other in scene.lines if other.actor == line.actor)
    said = {syllable.text for one in (line, *mine) for syllable in one.syllables}
    syllables, start_s = list[Syllable](), dice.uniform(0.05, 0.25)
    for _ in range(dice.one((3, 4, 5))):
        length = dice.uniform(0.18, 0.34)
        text = dice.other(SYLLABLES, *said)
        syllables.append(Syllable(text=text, start_s=start_s, duration_s=length))
        start_s += length + dice.uniform(0.0, 0.08)
    sample = Utterance(voice=line.voice, syllables=tuple(syllables), x=0.0)
    return StageReference(
        kind="audio",
        role="voice",
        handle=handle,
        actor=line.actor,
        sound=Soundtrack(utterances=(sample,)),
        sound_s=start_s + 0.15,
        sound_seed=dice.seed,
    )


def music_sample(scene: Scene, music: Music, handle: str) -> StageReference:
    """A sample of a piece: the same mood, key, chords, instrument and tempo, played anew."""
    piece = replace(music, start_s=0.0, duration_s=_SAMPLE_S, loudness=1.0)
    return StageReference(
        kind="audio",
        role="music",
        handle=handle,
        sound=Soundtrack(music=(piece,)),
        sound_s=_SAMPLE_S,
        sound_seed=Dice(scene, "music", handle).seed,
    )


def ambience_sample(scene: Scene, ambience: Ambience, handle: str) -> StageReference:
    """A sample of the same rain, wind or night, at another time."""
    air = replace(ambience, start_s=0.0, duration_s=_SAMPLE_S, loudness=1.0)
    return StageReference(
        kind="audio",
        role="ambience",
        handle=handle,
        sound=Soundtrack(ambience=(air,)),
        sound_s=_SAMPLE_S,
        sound_seed=Dice(scene, "ambience", handle).seed,
    )
