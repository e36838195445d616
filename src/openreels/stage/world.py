"""Draws scenes: which actors, where, doing what. Everything follows from a seed and an index."""

from dataclasses import dataclass

from openreels.core.seeding import generator
from openreels.stage.dice import Dice
from openreels.stage.geometry import FLOOR_MARGIN, half_size, reach
from openreels.stage.looks import LookSettings, add_looks
from openreels.stage.scene import (
    CAMERAS,
    COLOURS,
    MATERIALS,
    PLACES,
    SHAPES,
    SIZES,
    TIMES_OF_DAY,
    Action,
    Actor,
    Camera,
    Direction,
    Place,
    Scene,
    TimeOfDay,
)
from openreels.stage.sounds import SoundSettings, add_sounds

_SOLO: tuple[Action, ...] = ("bounce", "roll", "jump", "spin", "swing")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldSettings(SoundSettings):
    """What scenes a world holds. The odds are ours; all words of the vocabulary are equally likely.

    The shares of ``LookSettings`` add looks, those of ``SoundSettings`` sounds; at 0, their
    default, there are none.

    Raises:
        ValueError: If an odd is negative, there is nothing to draw from, or the length is out of
            range.
    """

    actor_odds: tuple[float, float, float] = (0.55, 0.30, 0.15)
    """Odds of one, two and three actors."""
    collide_odds: float = 0.3
    """Share of the scenes with two or three actors in which two collide, in [0, 1]."""
    places: tuple[Place, ...] = PLACES
    """Places to draw from."""
    times_of_day: tuple[TimeOfDay, ...] = TIMES_OF_DAY
    """Lights to draw from."""
    cameras: tuple[Camera, ...] = CAMERAS
    """Camera moves to draw from."""
    aspect_ratio: str = "1:1"
    """Shape of the visible stage, a key of ``core.shapes.ASPECT_RATIOS``."""
    duration_s: float = 2.0
    """Length of a scene in seconds, in [0.25, 15]."""

    def __post_init__(self) -> None:
        LookSettings.__post_init__(self)
        if min(self.actor_odds) < 0 or sum(self.actor_odds) <= 0:
            raise ValueError(f"actor_odds must be >= 0 and not all 0, got {self.actor_odds}")
        if not 0 <= self.collide_odds <= 1:
            raise ValueError(f"collide_odds must be in [0, 1], got {self.collide_odds}")
        if not 0.25 <= self.duration_s <= 15:
            raise ValueError(f"duration_s must be in [0.25, 15], got {self.duration_s}")
        for name in ("places", "times_of_day", "cameras"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one to draw from, got none")
        half_size(self.aspect_ratio)


class _Dice(Dice):
    """Draws of one scene."""

    def __init__(self, seed: int, index: int) -> None:
        super().__init__(generator(seed, "scene", index))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looks:
    shape: int
    colour: int
    material: int
    size: int


def sample_scene(seed: int, index: int, *, settings: WorldSettings = WorldSettings()) -> Scene:
    """Draw one scene.

    Every word is uniform and independent, except that the actors of one scene differ in colour
    and in shape. Actors stand in separate parts of the stage, in lanes one behind the other.

    Args:
        seed: Seed of the world.
        index: Index of the scene in that world.
        settings: What scenes the world holds.

    Returns:
        The same scene for the same arguments, on every machine.
    """
    dice = _Dice(seed, index)
    draw, count = dice.uniform(0.0, sum(settings.actor_odds)), 1
    while count < 3 and draw >= sum(settings.actor_odds[:count]):
        count += 1
    collide = dice.uniform() < settings.collide_odds and count >= 2
    colours, shapes = dice.some(count, len(COLOURS)), dice.some(count, len(SHAPES))
    looks = [
        _Looks(shape=s, colour=c, material=dice.below(len(MATERIALS)), size=dice.below(len(SIZES)))
        for s, c in zip(shapes, colours, strict=True)
    ]
    half_width = half_size(settings.aspect_ratio)[0]
    actors: list[Actor] = []
    if collide:
        actors += _pair(dice, looks[:2], half_width)
    slots = dice.some(count - len(actors), count - len(actors))
    for slot in slots:
        actors.append(_solo(dice, looks[len(actors)], (slot, len(slots)), settings))
    scene = Scene(
        seed=seed,
        index=index,
        actors=tuple(actors),
        place=settings.places[dice.below(len(settings.places))],
        time_of_day=settings.times_of_day[dice.below(len(settings.times_of_day))],
        camera=settings.cameras[dice.below(len(settings.cameras))],
        aspect_ratio=settings.aspect_ratio,
        duration_s=settings.duration_s,
    )
    return add_sounds(add_looks(scene, settings, settings.places), settings)


def _actor(looks: _Looks, **motion: object) -> Actor:
    return Actor(
        shape=SHAPES[looks.shape],
        colour=COLOURS[looks.colour],
        material=MATERIALS[looks.material],
        size=SIZES[looks.size],
        **motion,  # pyright: ignore[reportArgumentType]
    )


def _bare(looks: _Looks) -> Actor:
    """An actor of those looks, for its measures."""
    motion = {"action": "spin", "direction": "right", "start_x": 0.0, "tempo": 1.0}
    return _actor(looks, **motion, phase_s=0.0, height=1.0)


def _pair(dice: _Dice, looks: list[_Looks], half_width: float) -> list[Actor]:
    """Two actors that roll toward each other from two posts, anywhere they fit."""
    sides = [reach(_bare(look), (1.0, 0.0)) for look in looks]
    first = dice.below(2)  # which of the two stands on the left
    room = 2 * half_width - 0.2 - 2 * sum(sides)
    gap = min(max(room * dice.uniform(0.75, 1.0), 0.3), dice.uniform(0.7, 1.1))
    span = gap + sum(sides)
    slack = max(0.0, half_width - 0.1 - span / 2 - sum(sides) / 2)
    middle = dice.uniform(-1.0, 1.0) * slack
    left_side, right_side = sides[first], sides[1 - first]
    xs = {
        first: middle - (gap + right_side + left_side) / 2 + (left_side - right_side) / 4,
        1 - first: middle + (gap + right_side + left_side) / 2 + (left_side - right_side) / 4,
    }
    phase, tempos = dice.uniform(0.0, 0.2), [dice.uniform(0.7, 1.4), dice.uniform(0.7, 1.4)]
    return [
        _actor(
            looks[k],
            action="collide",
            start_x=xs[k] / half_width,
            direction="right" if k == first else "left",
            tempo=tempos[k],
            phase_s=phase,
            height=gap,
            partner=1 - k,
        )
        for k in range(2)
    ]


def _solo(dice: _Dice, looks: _Looks, slot: tuple[int, int], settings: WorldSettings) -> Actor:
    """An actor that acts by itself within its part of the stage."""
    action = _SOLO[dice.below(len(_SOLO))]
    direction: Direction = "right" if dice.below(2) else "left"
    sign = 1.0 if direction == "right" else -1.0
    tempo, phase, height = dice.uniform(0.7, 1.4), dice.uniform(0.0, 0.15), dice.uniform()
    half_width, half_height = half_size(settings.aspect_ratio)
    body = _bare(looks)
    tall = reach(body, (0.0, 1.0)) + reach(body, (0.0, -1.0))
    side = reach(body, (1.0, 0.0))
    sky = min(2.0, 2 * half_height - FLOOR_MARGIN) - tall
    if action == "bounce":
        height, lead, trail = sky * (0.65 + 0.3 * height), 0.3, 0.0
    elif action == "jump":
        height, lead, trail = 0.3 + 0.35 * height, 0.24, 0.0
    elif action == "spin":
        height, lead, trail = 0.25 + 0.35 * height, 0.0, 0.0
    elif action == "roll":
        height = 0.3 + (0.35 if slot[1] == 1 else 0.15) * height
        lead, trail = height + 0.08, 0.08
    else:
        height = (0.45 + 0.3 * height) * (1.0 if slot[1] == 1 else 0.75)
        lead, trail = 0.2, height
    low, high = (trail, lead) if sign > 0 else (lead, trail)
    low, high = low + side, high + side
    middle = (-1 + (2 * slot[0] + 1) / slot[1]) * half_width
    x = middle + (low - high) / 2 + dice.uniform(-0.5, 0.5) * half_width / slot[1] ** 2
    least, most = -half_width + low, half_width - high
    x = min(max(x, least), most) if least < most else (least + most) / 2
    return _actor(
        looks,
        action=action,
        start_x=x / half_width,
        direction=direction,
        tempo=tempo,
        phase_s=phase,
        height=height,
    )
