"""The words of the Stage world and the records that describe a scene and its events."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from openreels.core.shapes import ASPECT_RATIOS, MAX_DURATION_S

Shape = Literal["ball", "cube", "pyramid", "star", "ring"]
Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
Material = Literal["rubber", "wood", "metal", "glass"]
Size = Literal["small", "medium", "large"]
Action = Literal["bounce", "roll", "jump", "spin", "swing", "collide"]
Place = Literal["meadow", "beach", "desert", "room", "theatre", "street"]
TimeOfDay = Literal["day", "dusk", "night"]
Camera = Literal["static", "pan left", "pan right", "zoom in", "zoom out"]
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

MAX_ACTORS = 4
"""Most actors of one scene."""

_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {value}")


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

    @property
    def side(self) -> Side:
        """Third of the picture in which the actor starts."""
        return "left" if self.start_x < -1 / 3 else "right" if self.start_x > 1 / 3 else "middle"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A whole scene: everything that decides frames, sound, captions and truth.

    Raises:
        ValueError: If there is no actor, partners do not name each other, or the ratio or the
            length is unknown.
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

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    def __post_init__(self) -> None:
        if not 1 <= len(self.actors) <= MAX_ACTORS:
            raise ValueError(f"a scene holds 1 to {MAX_ACTORS} actors, got {len(self.actors)}")
        if self.aspect_ratio not in ASPECT_RATIOS:
            known = ", ".join(ASPECT_RATIOS)
            raise ValueError(f"aspect_ratio must be one of {known}, got {self.aspect_ratio!r}")
        _check_range("duration_s", self.duration_s, 0.25, MAX_DURATION_S)
        for index, actor in enumerate(self.actors):
            partner = actor.partner
            if partner is not None and (
                partner == index
                or not 0 <= partner < len(self.actors)
                or self.actors[partner].partner != index
            ):
                raise ValueError(f"partners must name each other, got {partner} for actor {index}")


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
    """Captions by tier: short, long."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
