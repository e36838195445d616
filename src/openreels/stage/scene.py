"""The words of the Stage world and the records that describe a scene and its events."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Literal, get_args

from openreels.core.shapes import ASPECT_RATIOS, MAX_DURATION_S
from openreels.stage.ambience import Ambience
from openreels.stage.events import Instrument, Size, Spoken, Strike
from openreels.stage.music import Chord, Music
from openreels.stage.speech import Line, Utterance

Shape = Literal["ball", "cube", "pyramid", "star", "ring"]
Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
Material = Literal["rubber", "wood", "metal", "glass"]
Action = Literal["bounce", "roll", "jump", "spin", "swing", "collide"]
Place = Literal["meadow", "beach", "desert", "room", "theatre", "street"]
TimeOfDay = Literal["day", "dusk", "night"]
Camera = Literal["static", "pan left", "pan right", "zoom in", "zoom out"]
Weather = Literal["clear", "rain", "snow"]
Style = Literal["plain", "paper-cut", "mosaic", "sketch"]
Expression = Literal["neutral", "happy", "sad", "surprised"]
OverlayKind = Literal["words", "watermark", "subtitle", "logo"]
Spot = Literal["top", "bottom", "top left", "top right", "bottom left", "bottom right"]
Logo = Literal["heart", "crown", "bolt", "arrow"]
EffectKind = Literal["dissolve", "melt", "inflate", "glow", "shatter"]
Direction = Literal["left", "right"]
Side = Literal["left", "middle", "right"]
Surface = Literal["floor", "wall", "post", "actor"]

SHAPES: tuple[Shape, ...] = get_args(Shape)
COLOURS: tuple[Colour, ...] = get_args(Colour)
MATERIALS: tuple[Material, ...] = get_args(Material)
SIZES: tuple[Size, ...] = get_args(Size)
ACTIONS: tuple[Action, ...] = get_args(Action)
PLACES: tuple[Place, ...] = get_args(Place)
TIMES_OF_DAY: tuple[TimeOfDay, ...] = get_args(TimeOfDay)
CAMERAS: tuple[Camera, ...] = get_args(Camera)
WEATHERS: tuple[Weather, ...] = get_args(Weather)
STYLES: tuple[Style, ...] = get_args(Style)
EXPRESSIONS: tuple[Expression, ...] = get_args(Expression)
OVERLAYS: tuple[OverlayKind, ...] = get_args(OverlayKind)
LOGOS: tuple[Logo, ...] = get_args(Logo)
EFFECTS: tuple[EffectKind, ...] = get_args(EffectKind)
OUTDOORS: tuple[Place, ...] = ("meadow", "beach", "desert", "street")
"""Places where rain and snow fall."""

PLAYERS: dict[Instrument, tuple[Action, ...]] = {
    "drum": ("bounce", "jump", "spin"),
    "bell": ("roll", "swing"),
}
"""Actions that strike each instrument: those that touch the floor, and those that touch posts."""

MAX_ACTORS = 4
"""Most actors of one scene."""

_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """Eyes and a mouth on an actor.

    Raises:
        ValueError: If the keys of the mouth are not in order of time or open outside of [0, 1].
    """

    expression: Expression
    """What the face shows."""
    mouth: tuple[tuple[float, float], ...] = ()
    """Keys ``(time_s, opening in [0, 1])`` joined by straight lines; none leaves it at rest."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        for _, opened in self.mouth:
            _check_range("an opening of the mouth", opened, 0.0, 1.0)
        times = [time for time, _ in self.mouth]
        if any(late <= early for early, late in pairwise(times)):
            raise ValueError(f"keys of the mouth must be in order of time, got times {times}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """Something drawn over the picture, which the camera does not move.

    Raises:
        ValueError: If the text cannot be drawn or is too long, or a logo is unknown.
    """

    kind: OverlayKind
    """Big words, a faint watermark, a subtitle on a dark bar, or a logo."""
    text: str
    """Capital letters, digits and spaces; for a logo which one."""
    spot: Spot
    """Where in the picture."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        if self.kind == "logo":
            if self.text not in LOGOS:
                raise ValueError(f"a logo must be one of {', '.join(LOGOS)}, got {self.text!r}")
            return
        most = 5 if self.kind == "words" else 10
        if not re.fullmatch(rf"[A-Z0-9 ]{{1,{most}}}", self.text):
            raise ValueError(
                f"the text of {self.kind} must be 1 to {most} capital letters, digits and spaces, "
                f"got {self.text!r}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What a hard cut changes: the place and the camera; the actors go on.

    Raises:
        ValueError: If the magnification is out of range.
    """

    start_s: float
    """Time of the cut; the first frame at or after it shows the new shot."""
    place: Place
    """Background of the shot."""
    camera: Camera
    """Camera move, which lasts the whole shot."""
    focus: int | None = None
    """Index of the actor of a close-up; none for a wide shot."""
    zoom: float = 1.0
    """Magnification on top of the camera move, in [1, 4]."""
    x: float = 0.0
    """Stage x of the middle of the picture."""
    y: float = 0.0
    """Stage y of the middle of the picture."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        _check_range("zoom", self.zoom, 1.0, 4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """A transformation that an actor undergoes; its motion goes on.

    Raises:
        ValueError: If it starts before the clip or takes no time.
    """

    kind: EffectKind
    """Falls apart into sparks, melts, swells, glows, or breaks into shards."""
    actor: int
    """Index of the actor."""
    start_s: float
    """Until then the picture is as without it, exactly."""
    duration_s: float
    """Time from its start until it is complete, in [0.1, 15]; what it left stays as it is."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        _check_range("start_s of an effect", self.start_s, 0.0, MAX_DURATION_S)
        _check_range("duration_s of an effect", self.duration_s, 0.1, MAX_DURATION_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """One puppet: what it looks like, what it does, and the numbers of its motion.

    Raises:
        ValueError: If a number is outside of the range in which the motion is defined.
    """

    shape: Shape
    """Outline."""
    colour: Colour
    """Named colour."""
    material: Material
    """Decides texture, restitution and timbre."""
    size: Size
    """Decides radius and pitch."""
    action: Action
    """What it does. ``collide`` always comes in pairs, see ``partner``."""
    start_x: float
    """Horizontal start (the rest position for bounce, jump, spin and swing), in stage units:
    -1 is the left edge and 1 the right edge of the visible stage at any aspect ratio."""
    direction: Direction
    """Where it moves first (roll, swing, collide), drifts (bounce, jump) or turns (spin)."""
    tempo: float
    """Pace of the motion, about 1; in [0.7, 1.4]."""
    phase_s: float
    """Delay before the motion starts, in seconds, in [0, 0.5]."""
    height: float
    """Drop height or jump height in stage units (bounce, jump, spin), swing amplitude in radians
    (swing), or start distance in stage units (roll, collide)."""
    partner: int | None = None
    """Index of the other actor of a collision."""
    face: Face | None = None
    """Eyes and a mouth, if it has any."""
    plays: Instrument | None = None
    """What it strikes: a drum on the floor (bounce, jump, spin) or bells on posts (roll, swing)."""
    moves_like: Material | None = None
    """Material whose restitution and density it moves with; None is its own."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        _check_range("start_x", self.start_x, -4.0, 4.0)
        _check_range("tempo", self.tempo, 0.5, 2.0)
        _check_range("phase_s", self.phase_s, 0.0, MAX_DURATION_S)
        _check_range("height", self.height, 0.01, 4.0)
        if (self.action == "collide") != (self.partner is not None):
            raise ValueError(
                f"an actor has a partner exactly if it collides, got action {self.action!r} "
                f"and partner {self.partner}"
            )
        if self.plays and self.action not in PLAYERS[self.plays]:
            raise ValueError(
                f"a {self.plays} is struck by what does {', '.join(PLAYERS[self.plays])}, "
                f"got {self.action}"
            )

    @property
    def side(self) -> Side:
        """Third of the picture in which the actor starts."""
        return "left" if self.start_x < -1 / 3 else "right" if self.start_x > 1 / 3 else "middle"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A whole scene: everything that decides frames, sound, captions and truth.

    Raises:
        ValueError: If there is no actor, partners do not name each other, the ratio or the length
            is unknown, it rains or snows indoors, a cut is out of order, an effect has no actor,
            or a line begins after the end or is said by nobody with a face.
    """

    seed: int
    """Seed of the world that the scene was drawn from; also seeds its textures."""
    index: int
    """Index of the scene in that world."""
    actors: tuple[Actor, ...]
    """One to three actors; the first is the subject."""
    place: Place
    """Background."""
    time_of_day: TimeOfDay
    """Light."""
    camera: Camera
    """Camera motion."""
    aspect_ratio: str = "1:1"
    """Width to height, a key of ``core.shapes.ASPECT_RATIOS``."""
    duration_s: float = 2.0
    """Length in seconds, in [0.25, 15]."""
    weather: Weather = "clear"
    """What falls; anything but ``clear`` needs a place outdoors."""
    style: Style = "plain"
    """How the picture is made."""
    overlays: tuple[Overlay, ...] = ()
    """What is drawn over the picture, the last on top."""
    shots: tuple[Shot, ...] = ()
    """What each hard cut changes, in order of time; ``place`` and ``camera`` are the first shot."""
    lines: tuple[Line, ...] = ()
    """What actors with faces and narrators say and sing."""
    music: tuple[Music, ...] = ()
    """Pieces of music."""
    ambience: tuple[Ambience, ...] = ()
    """Rain, wind and night that are heard."""
    effects: tuple[Effect, ...] = ()
    """What actors undergo, at most one each."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        if not 1 <= len(self.actors) <= MAX_ACTORS:
            raise ValueError(f"a scene holds 1 to {MAX_ACTORS} actors, got {len(self.actors)}")
        if self.aspect_ratio not in ASPECT_RATIOS:
            known = ", ".join(ASPECT_RATIOS)
            raise ValueError(f"aspect_ratio must be one of {known}, got {self.aspect_ratio!r}")
        _check_range("duration_s", self.duration_s, 0.25, MAX_DURATION_S)
        places = (self.place, *(shot.place for shot in self.shots))
        if self.weather != "clear" and not set(places) <= set(OUTDOORS):
            raise ValueError(
                f"rain and snow fall outdoors, got {self.weather} and places {places}; "
                f"choose among {', '.join(OUTDOORS)}"
            )
        self._check_shots()
        self._check_lines()
        self._check_effects()
        for index, actor in enumerate(self.actors):
            partner = actor.partner
            if partner is not None and (
                partner == index
                or not 0 <= partner < len(self.actors)
                or self.actors[partner].partner != index
            ):
                raise ValueError(f"partners must name each other, got {partner} for actor {index}")

    def _check_shots(self) -> None:
        starts = (0.0, *(shot.start_s for shot in self.shots), self.duration_s)
        if any(late <= early for early, late in pairwise(starts)):
            raise ValueError(
                f"cuts must be in order and inside the clip of {self.duration_s:g} s, "
                f"got {starts[1:-1]}"
            )
        for shot in self.shots:
            if shot.focus is not None and not 0 <= shot.focus < len(self.actors):
                raise ValueError(
                    f"focus must be an actor, 0 to {len(self.actors) - 1}, got {shot.focus}"
                )

    def _check_effects(self) -> None:
        changed = [effect.actor for effect in self.effects]
        if len(set(changed)) < len(changed) or not set(changed) <= set(range(len(self.actors))):
            raise ValueError(
                f"every effect must have an actor of its own, 0 to {len(self.actors) - 1}, "
                f"got {changed}"
            )

    def _check_lines(self) -> None:
        faces = [k for k, actor in enumerate(self.actors) if actor.face is not None]
        for line in self.lines:
            if line.actor is not None and line.actor not in faces:
                raise ValueError(
                    f"a line is said by an actor with a face, one of {faces}, got {line.actor}; "
                    "give it a face, or None for a narrator"
                )
            if not 0 <= line.syllables[0].start_s < self.duration_s:
                raise ValueError(
                    f"a line must begin inside the clip of {self.duration_s:g} s, "
                    f"got {line.syllables[0].start_s:g} s"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """One moment at which an actor touches something and sounds."""

    time_s: float
    """Exact time from the start of the clip, in seconds."""
    actor: int
    """Index of the actor that sounds."""
    surface: Surface
    """What is hit."""
    speed: float
    """Impact speed relative to a fast impact, in [0, 1]; decides loudness."""
    x: float
    """Place in the *picture* at that moment (after the camera), -1 left edge to 1 right edge;
    decides the stereo pan; clamped to [-1, 1]."""
    material: Material
    """Material of the actor that sounds."""
    size: Size
    """Size of the actor that sounds."""
    shape: Shape
    """Shape of the actor that sounds."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What is exactly true of a rendered scene; written as ``truth.json``."""

    scene: Scene
    """The scene itself."""
    contacts: tuple[Contact, ...]
    """Every audible contact inside the clip, in order of time."""
    captions: dict[str, str] = field(default_factory=dict[str, str])
    """Captions by tier: short, long, structured."""
    strikes: tuple[Strike, ...] = ()
    """Every strike of a drum or bell inside the clip, in order of time."""
    utterances: tuple[Utterance, ...] = ()
    """The scene's lines with the place of each voice in the picture."""
    spoken: tuple[Spoken, ...] = ()
    """Every syllable and sung note of them, in order of time."""
    chords: tuple[Chord, ...] = ()
    """Every chord of the music inside the clip, in order of time."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
