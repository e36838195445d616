"""Draws which references a scene has, and under which names."""

from dataclasses import dataclass

from openreels.stage.places import emptied
from openreels.stage.reference_views import (
    MAX_VIEWS,
    Dice,
    ambience_sample,
    effect_double,
    face_double,
    motion_double,
    music_sample,
    place_picture,
    style_picture,
    subject_views,
    voice_sample,
)
from openreels.stage.references import ReferenceKind, Role, StageReference, Still
from openreels.stage.scene import Scene

MAX_IMAGES = 3
"""Entries with pictures that a request may have; a storyboard stands alone."""
_NAMED: dict[Role, tuple[str, ...]] = {
    "subject": ("hero", "friend", "guest", "fourth"),
    "place": ("place",),
    "style": ("look",),
    "frame": ("start",),
    "motion": ("moves",),
    "expression": ("mimic",),
    "effect": ("magic",),
    "background": ("backdrop",),
    "storyboard": ("story",),
    "voice": ("voice",),
    "music": ("theme",),
    "ambience": ("air",),
}
_NUMBERED: dict[ReferenceKind, str] = {
    "image": "image", "clip": "video", "audio": "audio", "grid": "grid",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceShares:
    """How often a scene has each reference, where it allows one.

    Raises:
        ValueError: If a share is outside of [0, 1].
    """

    subject: float = 0.6
    """Share of the actors that are shown in pictures."""
    place: float = 0.15
    """Share of the scenes whose place is shown in another light."""
    background: float = 0.15
    """Share of the others whose empty place is shown as it is, half of them by a clip."""
    style: float = 0.5
    """Share of the styled scenes whose style is shown by another picture."""
    motion: float = 0.25
    """Share of the scenes in which a double shows how an actor moves."""
    expression: float = 0.3
    """Share of the scenes with faces in which a double shows one."""
    effect: float = 0.7
    """Share of the scenes with an effect in which a double shows it."""
    storyboard: float = 0.08
    """Share of the scenes that are told by a storyboard and nothing else."""
    voice: float = 0.6
    """Share of the voices of which there is a sample."""
    music: float = 0.5
    """Share of the scenes with music of which there is a sample."""
    ambience: float = 0.5
    """Share of the scenes with ambience of which there is a sample."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")


class Namer:
    """Gives handles: by number and kind as the product's examples do, or by role."""

    def __init__(self, dice: Dice, *, first_clip: int = 1) -> None:
        self.numbered = dice.uniform() < 0.5
        self.count: dict[str, int] = {"video": first_clip - 1}

    def __call__(self, kind: ReferenceKind, role: Role) -> str:
        """The next handle of a kind."""
        word = _NUMBERED[kind]
        number = self.count[word] = self.count.get(word, 0) + 1
        if self.numbered:
            return f"@{word}_{number}"
        names = _NAMED[role]
        used = self.count[role] = self.count.get(role, 0) + 1
        return f"@{names[(used - 1) % len(names)]}" + (f"_{used}" if used > len(names) else "")


def draw_references(
    scene: Scene, seed: int, shares: ReferenceShares = ReferenceShares()
) -> tuple[StageReference, ...]:
    """Draw the references of a scene, within the limits of a request.

    Args:
        scene: The scene.
        seed: Another one for other references.
        shares: How often each is drawn.

    Returns:
        At most three entries with pictures, one clip, or one storyboard; and samples of sounds.
        None at all is possible.
    """
    dice = Dice(scene, "references", seed)
    name = Namer(dice)
    if dice.uniform() < shares.storyboard:
        return (storyboard(scene, name), *_sounds(scene, shares, dice, name, ()))
    images = _images(scene, shares, dice, name)
    clip = _clip(scene, shares, dice, name, taken={one.role for one in images})
    return (*images, *clip, *_sounds(scene, shares, dice, name, images))


def subject(scene: Scene, actor: int, count: int, name: Namer) -> StageReference:
    """Pictures of an actor."""
    return StageReference(
        kind="image",
        role="subject",
        handle=name("image", "subject"),
        actor=actor,
        stills=subject_views(scene, actor, count),
    )


def picture(still: Still, role: Role, name: Namer) -> StageReference:
    """One picture for a role."""
    return StageReference(kind="image", role=role, handle=name("image", role), stills=(still,))


def background(scene: Scene, name: Namer, *, moving: bool = False) -> StageReference:
    """The empty place of a scene, as a picture or as a clip with the camera of the scene."""
    if not moving:
        return picture(Still(scene=emptied(scene), empty=True), "background", name)
    handle = name("clip", "background")
    return StageReference(kind="clip", role="background", handle=handle, scene=scene, empty=True)


def frame(scene: Scene, name: Namer) -> StageReference:
    """The first frame of a scene."""
    return picture(Still(scene=scene), "frame", name)


def storyboard(scene: Scene, name: Namer) -> StageReference:
    """The storyboard of a scene."""
    handle = name("grid", "storyboard")
    return StageReference(kind="grid", role="storyboard", handle=handle, scene=scene)


def clip(shown: Scene, role: Role, actor: int, name: Namer) -> StageReference:
    """A clip of a double for an actor."""
    handle = name("clip", role)
    return StageReference(kind="clip", role=role, handle=handle, actor=actor, scene=shown)


def _images(
    scene: Scene, shares: ReferenceShares, dice: Dice, name: Namer
) -> tuple[StageReference, ...]:
    found = list[StageReference]()
    draws = [dice.uniform() for _ in range(3)]
    if scene.style != "plain" and draws[0] < shares.style:
        found.append(picture(style_picture(scene), "style", name))
    if not scene.shots and draws[1] < shares.place:
        found.append(picture(place_picture(scene), "place", name))
    elif not scene.shots and draws[2] < shares.background / 2:
        found.append(background(scene, name))
    for actor in range(len(scene.actors)):
        shown, views = dice.uniform() < shares.subject, 1 + int(dice.uniform() * MAX_VIEWS)
        if shown and len(found) < MAX_IMAGES:
            found.append(subject(scene, actor, views, name))
    return tuple(found)


def _clip(
    scene: Scene, shares: ReferenceShares, dice: Dice, name: Namer, *, taken: set[Role]
) -> tuple[StageReference, ...]:
    """At most one clip: of an effect, an expression, a motion or the place."""
    draws = [dice.uniform() for _ in range(4)]
    faces = tuple(k for k, actor in enumerate(scene.actors) if actor.face is not None)
    alone = tuple(k for k, actor in enumerate(scene.actors) if actor.partner is None)
    if scene.effects and draws[0] < shares.effect:
        effect = scene.effects[0]
        return (clip(effect_double(scene, effect), "effect", effect.actor, name),)
    if faces and draws[1] < shares.expression:
        actor = dice.one(faces)
        return (clip(face_double(scene, actor), "expression", actor, name),)
    if alone and draws[2] < shares.motion:
        actor = dice.one(alone)
        return (clip(motion_double(scene, actor), "motion", actor, name),)
    if not scene.shots and not taken & {"place", "background"} and draws[3] < shares.background / 2:
        return (background(scene, name, moving=True),)
    return ()


def _sounds(
    scene: Scene,
    shares: ReferenceShares,
    dice: Dice,
    name: Namer,
    images: tuple[StageReference, ...],
) -> tuple[StageReference, ...]:
    found, heard = list[StageReference](), set[int | None]()
    pictured = {one.actor: one.handle for one in images if one.role == "subject"}
    for line in scene.lines:
        if line.actor not in heard and dice.uniform() < shares.voice:
            handle = pictured.get(line.actor) if line.actor is not None else None
            found.append(voice_sample(scene, line, handle or name("audio", "voice")))
        heard.add(line.actor)
    if scene.music and dice.uniform() < shares.music:
        found.append(music_sample(scene, scene.music[0], name("audio", "music")))
    if scene.ambience and dice.uniform() < shares.ambience:
        found.append(ambience_sample(scene, scene.ambience[0], name("audio", "ambience")))
    return tuple(found)
