"""Draws how scenes look: weather, style, faces, overlays, cuts, effects; all off unless asked for.

Each draw has a generator of its own, so switching one on changes nothing else of a scene.
"""

from dataclasses import dataclass, replace

import torch

from openreels.core.seeding import generator
from openreels.stage.dice import Dice
from openreels.stage.geometry import half_size, radius
from openreels.stage.lexicon_looks import SCREEN_WORDS, SUBTITLES, WATERMARKS
from openreels.stage.physics import pose
from openreels.stage.scene import (
    CAMERAS,
    EFFECTS,
    EXPRESSIONS,
    LOGOS,
    OUTDOORS,
    PLACES,
    STYLES,
    WEATHERS,
    Effect,
    Face,
    Overlay,
    OverlayKind,
    Place,
    Scene,
    Shot,
    Spot,
)

CUT_GRID_S = 1 / 16
"""Cuts fall on this grid: the frames of the base model."""
SHORTEST_SHOT_S = 0.5
CLOSEST = 1.75
"""Largest magnification of a close-up."""
_LEAST_CLOSE = 1.25
_FARTHEST = 1.35
"""No outline reaches further, in radii; with some room around it."""
_CORNERS: tuple[Spot, ...] = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True, kw_only=True, slots=True)
class LookSettings:
    """How often a world shows each look; 0 everywhere leaves its scenes as they are without.

    Raises:
        ValueError: If a share is outside of [0, 1] or there are no words to draw from.
    """

    weather_share: float = 0.0
    """Share of the scenes outdoors with rain or snow."""
    style_share: float = 0.0
    """Share of the scenes in one of the three styles that are not plain."""
    face_share: float = 0.0
    """Share of the actors with a face."""
    words_share: float = 0.0
    """Share of the scenes with a word in the picture."""
    subtitle_share: float = 0.0
    """Share of the scenes without a word at the bottom that have a subtitle."""
    watermark_share: float = 0.0
    """Share of the scenes with a watermark, where a corner is free."""
    logo_share: float = 0.0
    """Share of the scenes with a logo, where a corner is free."""
    cut_share: float = 0.0
    """Share of the scenes with one or two cuts, if they last a second or more."""
    effect_share: float = 0.0
    """Share of the scenes in which an actor that touches no other undergoes an effect, if there is
    one."""
    screen_words: tuple[str, ...] = SCREEN_WORDS
    """Words of the picture to draw from."""
    subtitles: tuple[str, ...] = SUBTITLES
    """Subtitles to draw from."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        for name in ("screen_words", "subtitles"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one to draw from, got none")


class _Dice(Dice):
    """Draws for one look of one scene."""

    def __init__(self, scene: Scene, look: str) -> None:
        super().__init__(generator(scene.seed, "look", look, scene.index))


def has_looks(scene: Scene) -> bool:
    """Whether a scene shows what only long captions tell: a look of ``LookSettings``."""
    return bool(
        scene.style != STYLES[0]
        or scene.weather != WEATHERS[0]
        or scene.overlays
        or scene.shots
        or scene.effects
        or any(actor.face is not None for actor in scene.actors)
    )


def add_looks(scene: Scene, settings: LookSettings, places: tuple[Place, ...] = PLACES) -> Scene:
    """Draw the looks of a scene.

    Args:
        scene: A scene without looks; its seed and index decide.
        settings: How often to show each look.
        places: Places that a cut may lead to.

    Returns:
        The scene with its looks; the same scene where every share is 0.
    """
    dice = _Dice(scene, "weather")
    if dice.uniform() < settings.weather_share and scene.place in OUTDOORS:
        scene = replace(scene, weather=WEATHERS[1 + dice.below(len(WEATHERS) - 1)])
    dice = _Dice(scene, "style")
    if dice.uniform() < settings.style_share:
        scene = replace(scene, style=STYLES[1 + dice.below(len(STYLES) - 1)])
    if settings.face_share > 0:
        scene = _with_faces(scene, settings.face_share)
    overlays = _overlays(scene, settings)
    if overlays:
        scene = replace(scene, overlays=overlays)
    dice = _Dice(scene, "cut")
    if dice.uniform() < settings.cut_share and scene.duration_s >= 2 * SHORTEST_SHOT_S:
        scene = replace(scene, shots=_shots(scene, dice, places))
    dice = _Dice(scene, "effect")
    alone = tuple(k for k, actor in enumerate(scene.actors) if actor.partner is None)
    if dice.uniform() < settings.effect_share and alone:
        scene = with_effect(scene, dice.one(alone), dice)
    return scene


def with_effect(scene: Scene, actor: int, dice: Dice) -> Scene:
    """Draw an effect that an actor undergoes, instead of the one that it has; others keep theirs.

    Args:
        scene: The scene.
        actor: Index of the actor.
        dice: Source of the draws.

    Returns:
        The scene, the new effect first: it begins in the first half and is over before the end.
    """
    start = dice.uniform(0.2, 0.45) * scene.duration_s
    length = max(0.1, dice.uniform(0.3, 0.5) * scene.duration_s)
    effect = Effect(kind=dice.one(EFFECTS), actor=actor, start_s=start, duration_s=length)
    others = tuple(other for other in scene.effects if other.actor != actor)
    return replace(scene, effects=(effect, *others))


def _with_faces(scene: Scene, share: float) -> Scene:
    dice, actors = _Dice(scene, "face"), []
    for actor in scene.actors:
        draw, which = dice.uniform(), dice.below(len(EXPRESSIONS))
        face = Face(expression=EXPRESSIONS[which]) if draw < share else None
        actors.append(replace(actor, face=face))
    return replace(scene, actors=tuple(actors))


def _overlays(scene: Scene, settings: LookSettings) -> tuple[Overlay, ...]:
    """Draw overlays that do not touch one another."""
    found, free = list[Overlay](), set[Spot](_CORNERS)
    plan: tuple[tuple[OverlayKind, float, tuple[str, ...]], ...] = (
        ("words", settings.words_share, settings.screen_words),
        ("subtitle", settings.subtitle_share, settings.subtitles),
        ("watermark", settings.watermark_share, WATERMARKS),
        ("logo", settings.logo_share, LOGOS),
    )
    for kind, share, texts in plan:
        dice = _Dice(scene, kind)
        draw, text, place = dice.uniform(), texts[dice.below(len(texts))], dice.uniform()
        spots = _spots(kind, free)
        if draw >= share or not spots:
            continue
        spot = spots[int(place * len(spots))]
        found.append(Overlay(kind=kind, text=text, spot=spot))
        edge = spot.split(" ")[0]
        wide = kind != "logo"
        free -= {s for s in free if s == spot or (wide and s.startswith(edge))}
    return tuple(found)


def _spots(kind: OverlayKind, free: set[Spot]) -> list[Spot]:
    """Where an overlay of a kind may go, given the corners that are free."""
    corners: list[Spot] = [spot for spot in _CORNERS if spot in free]
    if kind in {"watermark", "logo"}:
        return corners
    edges: tuple[Spot, ...] = ("top", "bottom") if kind == "words" else ("bottom",)
    found: list[Spot] = [e for e in edges if {f"{e} left", f"{e} right"} <= set(corners)]
    return found


def _shots(scene: Scene, dice: _Dice, places: tuple[Place, ...]) -> tuple[Shot, ...]:
    """Draw one or two cuts, each to another place."""
    spare = scene.duration_s - 2 * SHORTEST_SHOT_S
    count = 2 if spare >= SHORTEST_SHOT_S and dice.uniform() < 0.4 else 1
    room = scene.duration_s - (count + 1) * SHORTEST_SHOT_S
    marks = sorted(dice.uniform() * room for _ in range(count))
    starts = [
        round((mark + (k + 1) * SHORTEST_SHOT_S) / CUT_GRID_S) * CUT_GRID_S
        for k, mark in enumerate(marks)
    ]
    ends, shots = (*starts[1:], scene.duration_s), list[Shot]()
    last: Place = scene.place
    outdoors = scene.weather != "clear"
    for start, end in zip(starts, ends, strict=True):
        others: list[Place] = [p for p in places if p != last and (p in OUTDOORS or not outdoors)]
        last = others[dice.below(len(others))] if others else last
        draw, move = dice.uniform(), CAMERAS[dice.below(len(CAMERAS))]
        close = close_up(scene, 0, (start, end)) if draw < 0.6 else None
        if close is None:
            shots.append(Shot(start_s=start, place=last, camera=move))
        else:
            zoom, x, y = close
            static = Shot(start_s=start, place=last, camera="static", focus=0)
            shots.append(replace(static, zoom=zoom, x=x, y=y))
    return tuple(shots)


def close_up(
    scene: Scene, index: int, span_s: tuple[float, float]
) -> tuple[float, float, float] | None:
    """Find a still close-up that holds the whole of an actor for a span of time.

    Args:
        scene: The scene.
        index: Which actor.
        span_s: Start and end in seconds.

    Returns:
        Magnification and the middle of the picture in stage units; none where the actor moves too
        far for a close-up.
    """
    placed = pose(scene, torch.linspace(*span_s, 33, dtype=torch.float64))
    body = _FARTHEST * radius(scene.actors[index])
    room, middle = list[float](), list[float]()
    for track, half in zip((placed.x, placed.y), half_size(scene.aspect_ratio), strict=True):
        low, high = float(track[index].min()), float(track[index].max())
        middle.append((low + high) / 2)
        room.append(half / ((high - low) / 2 + body))
    zoom = min(CLOSEST, *room)
    return (zoom, middle[0], middle[1]) if zoom >= _LEAST_CLOSE else None
