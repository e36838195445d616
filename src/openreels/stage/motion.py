"""How actors move: tracks of closed-form pieces between exact contacts.

Every motion but the swing is a list of pieces between contacts: constant speed along x, a parabola
in height and a constant turn. The swing is a harmonic pendulum that rebounds from a post.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from openreels.stage.geometry import (
    GRAVITY,
    RESTITUTIONS,
    SYMMETRY,
    floor_y,
    half_size,
    lane_of,
    mass,
    radius,
    reach,
)
from openreels.stage.scene import Actor, Scene, Surface

ROLL_SPEED = 1.3
SPIN_SPEED = 5.0
DRIFT_SPEED = 0.16
POST_RESTITUTION = 0.9
PAIR_RESTITUTION = 0.4
"""The same at the posts behind two actors that collide; the two come to rest after a few rounds."""
REST_SPEED = 0.35
"""A bounce slower than this stays on the floor."""
ROLL_REST_SPEED = 0.1
HOP_PAUSE_S = 0.12
HOP_STEP = 0.12
ROPE_LENGTH = 1.05
SWING_RATE = 3.3
SWING_STOP = 0.2
"""The post of a swing stands at this share of the amplitude beyond the lowest point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Motion from one moment until the next piece."""

    time_s: float
    x: float
    vx: float = 0.0
    clearance: float = 0.0
    """Height of the lowest point above the floor."""
    vy: float = 0.0
    airborne: bool = False
    angle: float = 0.0
    turn: float = 0.0
    """Radians per second, counter-clockwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Touch:
    """A contact of one actor, before the camera."""

    time_s: float
    x: float
    """Stage x of the actor's centre."""
    surface: Surface
    speed: float
    """Impact speed in stage units a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A post on the floor that an actor knocks against."""

    x: float
    """Stage x of the face that is hit."""
    normal: float
    """-1 where actors are left of the face, 1 where they are right of it."""
    height: float
    lane: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """All of one actor's motion."""

    pieces: tuple[Piece, ...] = ()
    """Empty for a swing."""
    touches: tuple[Touch, ...] = ()
    posts: tuple[Post, ...] = ()


def start_of(scene: Scene, index: int) -> float:
    """Where an actor starts, in stage units."""
    return scene.actors[index].start_x * half_size(scene.aspect_ratio)[0]


def sign_of(actor: Actor) -> float:
    """1 for an actor that starts to the right, -1 to the left."""
    return 1.0 if actor.direction == "right" else -1.0


def _flight_turn(actor: Actor, sign: float, flight_s: float, speed: float) -> float:
    """Turn of a flight that lands upright; none where a corner could reach the floor first."""
    step = SYMMETRY[actor.shape]
    if step == 0:
        return -sign * 2.5
    turn = step / flight_s
    return -sign * turn if 3 * turn * radius(actor) < speed else 0.0


def _bounce(scene: Scene, index: int) -> Track:
    actor = scene.actors[index]
    sign, x = sign_of(actor), start_of(scene, index)
    drift = sign * DRIFT_SPEED * actor.tempo
    time = actor.phase_s
    pieces = [
        Piece(time_s=0.0, x=x, clearance=actor.height, airborne=True, vy=math.nan),
        Piece(time_s=time, x=x, vx=drift, clearance=actor.height, airborne=True),
    ]
    touches: list[Touch] = []
    angle, speed = 0.0, math.sqrt(2 * GRAVITY * actor.height)
    fall = speed / GRAVITY
    while time + fall < scene.duration_s + 1:
        time, x = time + fall, x + drift * fall
        touches.append(Touch(time_s=time, x=x, surface="floor", speed=speed))
        speed *= RESTITUTIONS[actor.moves_like or actor.material]
        if speed < REST_SPEED:
            pieces.append(Piece(time_s=time, x=x, angle=angle))
            break
        fall = 2 * speed / GRAVITY
        turn = _flight_turn(actor, sign, fall, speed)
        pieces.append(
            Piece(time_s=time, x=x, vx=drift, vy=speed, airborne=True, angle=angle, turn=turn)
        )
        angle += turn * fall
    return Track(pieces=tuple(pieces), touches=tuple(touches))


def _jump(scene: Scene, index: int) -> Track:
    actor = scene.actors[index]
    sign, x, time, angle = sign_of(actor), start_of(scene, index), actor.phase_s, 0.0
    speed = math.sqrt(2 * GRAVITY * actor.height)
    flight = 2 * speed / GRAVITY
    pieces, touches = [Piece(time_s=0.0, x=x)], list[Touch]()
    hop = 0
    while time < scene.duration_s + 1:
        way = sign if hop % 4 < 2 else -sign
        turn = _flight_turn(actor, way, flight, speed) if SYMMETRY[actor.shape] else -way * 2.5
        vx = way * HOP_STEP / flight
        pieces.append(
            Piece(time_s=time, x=x, vx=vx, vy=speed, airborne=True, angle=angle, turn=turn)
        )
        time, x, angle, hop = time + flight, x + way * HOP_STEP, angle + turn * flight, hop + 1
        touches.append(Touch(time_s=time, x=x, surface="floor", speed=speed))
        pieces.append(Piece(time_s=time, x=x, angle=angle))
        time += HOP_PAUSE_S / actor.tempo
    return Track(pieces=tuple(pieces), touches=tuple(touches))


def _spin(scene: Scene, index: int) -> Track:
    actor = scene.actors[index]
    x, fall = start_of(scene, index), math.sqrt(2 * actor.height / GRAVITY)
    landing = actor.phase_s + fall
    turn = -sign_of(actor) * SPIN_SPEED * actor.tempo
    return Track(
        pieces=(
            Piece(time_s=0.0, x=x, clearance=actor.height, airborne=True, vy=math.nan),
            Piece(time_s=actor.phase_s, x=x, clearance=actor.height, airborne=True),
            Piece(time_s=landing, x=x, turn=turn),
        ),
        touches=(Touch(time_s=landing, x=x, surface="floor", speed=GRAVITY * fall),),
    )


def _rolled(actor: Actor, knots: list[tuple[float, float, float]]) -> tuple[Piece, ...]:
    """Pieces on the floor from ``(time, x, vx)`` knots, upright at every knot but the first."""
    step, size = SYMMETRY[actor.shape], radius(actor)
    pieces, angle = [Piece(time_s=0.0, x=knots[0][1])], 0.0
    for number, (time, x, vx) in enumerate(knots):
        ahead = knots[number + 1] if number + 1 < len(knots) else None
        turn = -vx / size
        if step and ahead is not None and ahead[0] > time:
            span = ahead[0] - time
            turn = math.copysign(math.floor(abs(turn) * span / step + 1e-9) * step / span, turn)
        pieces.append(Piece(time_s=time, x=x, vx=vx, angle=angle, turn=turn))
        if ahead is not None:
            angle += turn * (ahead[0] - time)
    return tuple(pieces)


def _post_height(actor: Actor) -> float:
    return 2 * radius(actor) + 0.08


def _roll(scene: Scene, index: int) -> Track:
    actor = scene.actors[index]
    way, x, time = sign_of(actor), start_of(scene, index), actor.phase_s
    side, lane = reach(actor, (1.0, 0.0)), lane_of(scene, index)
    near, far = x - way * side, x + way * (actor.height + side)
    speed = ROLL_SPEED * actor.tempo
    knots, touches = [(time, x, way * speed)], list[Touch]()
    while speed > ROLL_REST_SPEED and time < scene.duration_s + 1:
        time, x = time + actor.height / speed, x + way * actor.height
        touches.append(Touch(time_s=time, x=x, surface="post", speed=speed))
        way, speed = -way, speed * POST_RESTITUTION
        knots.append((time, x, way * speed if speed > ROLL_REST_SPEED else 0.0))
    posts = tuple(
        Post(x=face, normal=normal, height=_post_height(actor), lane=lane)
        for face, normal in ((near, sign_of(actor)), (far, -sign_of(actor)))
    )
    return Track(pieces=_rolled(actor, knots), touches=tuple(touches), posts=posts)


def elastic(masses: tuple[float, float], speeds: tuple[float, float]) -> tuple[float, float]:
    """Velocities after an elastic collision in one dimension."""
    total = masses[0] + masses[1]
    mean = (masses[0] * speeds[0] + masses[1] * speeds[1]) / total
    return 2 * mean - speeds[0], 2 * mean - speeds[1]


def _collide(scene: Scene, left: int, right: int) -> tuple[Track, Track]:
    """Two actors between two posts, from event to event."""
    pair = (scene.actors[left], scene.actors[right])
    masses = (mass(pair[0]), mass(pair[1]))
    sides = (reach(pair[0], (1.0, 0.0)), reach(pair[1], (1.0, 0.0)))
    xs = [start_of(scene, left), start_of(scene, right)]
    ends = (xs[0], xs[1])
    vs = [ROLL_SPEED * 0.8 * pair[0].tempo, -ROLL_SPEED * 0.8 * pair[1].tempo]
    time = pair[0].phase_s
    knots = ([(time, xs[0], vs[0])], [(time, xs[1], vs[1])])
    touches: tuple[list[Touch], list[Touch]] = ([], [])

    def mark(which: int, surface: Surface, speed: float) -> None:
        knots[which].append((time, xs[which], vs[which]))
        touches[which].append(Touch(time_s=time, x=xs[which], surface=surface, speed=speed))

    while time < scene.duration_s + 1 and max(map(abs, vs)) > ROLL_REST_SPEED:
        waits = [math.inf, math.inf, math.inf]
        if vs[0] > vs[1]:
            waits[0] = (xs[1] - xs[0] - sides[0] - sides[1]) / (vs[0] - vs[1])
        for which, out in ((0, -1.0), (1, 1.0)):
            if vs[which] * out > 0:
                waits[1 + which] = (ends[which] - xs[which]) / vs[which]
        wait = max(0.0, min(waits))
        event = waits.index(min(waits))
        if math.isinf(wait):
            break
        time += wait
        xs = [x + v * wait for x, v in zip(xs, vs, strict=True)]
        if event == 0:
            speed = vs[0] - vs[1]
            vs = list(elastic(masses, (vs[0], vs[1])))
            mark(0, "actor", speed)
            mark(1, "actor", speed)
        else:
            which = event - 1
            xs[which], speed = ends[which], abs(vs[which])
            vs[which] *= -PAIR_RESTITUTION
            mark(which, "post", speed)
    lane = lane_of(scene, left)
    posts = tuple(
        Post(x=x + n * s, normal=-n, height=_post_height(actor), lane=lane)
        for x, n, s, actor in zip(ends, (-1.0, 1.0), sides, pair, strict=True)
    )
    first, second = (
        Track(pieces=_rolled(pair[k], knots[k]), touches=tuple(touches[k]), posts=(posts[k],))
        for k in range(2)
    )
    return first, second


@dataclass(frozen=True, kw_only=True, slots=True)
class Pendulum:
    """The numbers of one swing."""

    x: float
    """Stage x of the pivot."""
    y: float
    """Height of the pivot."""
    rate: float
    """Radians of phase a second."""
    half_s: float
    """Time from the far extreme to the post."""


def pendulum(scene: Scene, index: int) -> Pendulum:
    """The pivot, the pace and the time to the post of a swinging actor."""
    actor = scene.actors[index]
    rate = SWING_RATE * actor.tempo
    low = floor_y(scene, lane_of(scene, index)) + 0.14 + 1.05 * reach(actor, (0.0, -1.0))
    return Pendulum(
        x=start_of(scene, index),
        y=low + ROPE_LENGTH,
        rate=rate,
        half_s=math.acos(-SWING_STOP) / rate,
    )


def _swing(scene: Scene, index: int) -> Track:
    actor, rope = scene.actors[index], pendulum(scene, index)
    sign, lane = sign_of(actor), lane_of(scene, index)
    stop = SWING_STOP * actor.height
    x = rope.x + sign * ROPE_LENGTH * math.sin(stop)
    outward = (math.cos(stop), -math.sin(stop))  # right, seen from the turned actor
    side = reach(actor, outward) if sign > 0 else reach(actor, (-outward[0], outward[1]))
    speed = actor.height * rope.rate * math.sqrt(1 - SWING_STOP**2) * ROPE_LENGTH
    touches: list[Touch] = []
    time = actor.phase_s + rope.half_s
    while time < scene.duration_s + 1:
        touches.append(Touch(time_s=time, x=x, surface="post", speed=speed))
        time += 2 * rope.half_s
    height = rope.y - ROPE_LENGTH - floor_y(scene, lane) + 0.6 * radius(actor)
    post = Post(x=x + sign * side, normal=-sign, height=height, lane=lane)
    return Track(touches=tuple(touches), posts=(post,))


@lru_cache(maxsize=512)
def tracks(scene: Scene) -> tuple[Track, ...]:
    """Motion, contacts and posts of every actor of a scene."""
    simple = {"bounce": _bounce, "jump": _jump, "spin": _spin, "roll": _roll, "swing": _swing}
    found: dict[int, Track] = {}
    for index, actor in enumerate(scene.actors):
        if index in found:
            continue
        if actor.action != "collide":
            found[index] = simple[actor.action](scene, index)
            continue
        if actor.partner is None:
            raise ValueError(f"actor {index} collides and must have a partner, got None")
        pair = sorted((index, actor.partner), key=lambda k: scene.actors[k].start_x)
        found[pair[0]], found[pair[1]] = _collide(scene, pair[0], pair[1])
    return tuple(found[index] for index in range(len(scene.actors)))
