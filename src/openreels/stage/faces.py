"""Faces on actors: eyes, brows and a mouth that opens in time; they turn with the actor."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.stage.actors import Surface
from openreels.stage.paint import Colour3, mix, rgb, step
from openreels.stage.scene import Actor, Expression, Face, Scene, Shape
from openreels.stage.speech import mouth_opening

_WHITE: Colour3 = (0.99, 0.99, 0.99)
_INK: Colour3 = (0.06, 0.05, 0.08)
_MOUTH: Colour3 = (0.30, 0.03, 0.07)
_TONGUE: Colour3 = (0.93, 0.42, 0.44)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Where the parts of a face are on a shape, in radii."""

    eye_x: float
    eye_y: float
    eye: float
    mouth_y: float
    mouth: float
    """Half width of the mouth."""
    room: float
    """Half height of a mouth wide open."""


_LAYOUTS: dict[Shape, _Layout] = {
    "ball": _Layout(eye_x=0.35, eye_y=0.22, eye=0.26, mouth_y=-0.40, mouth=0.44, room=0.34),
    "cube": _Layout(eye_x=0.37, eye_y=0.26, eye=0.27, mouth_y=-0.40, mouth=0.46, room=0.34),
    "pyramid": _Layout(eye_x=0.25, eye_y=0.02, eye=0.22, mouth_y=-0.40, mouth=0.40, room=0.22),
    "star": _Layout(eye_x=0.25, eye_y=0.14, eye=0.22, mouth_y=-0.28, mouth=0.34, room=0.24),
    "ring": _Layout(eye_x=0.50, eye_y=0.50, eye=0.22, mouth_y=-0.77, mouth=0.40, room=0.22),
}
_BENDS: dict[Expression, float] = {"neutral": 0.0, "happy": 0.34, "sad": -0.34, "surprised": 0.0}
"""How far the corners of the mouth lie above its middle, in radii."""
_REST: dict[Expression, float] = {"neutral": 0.0, "happy": 0.12, "sad": 0.0, "surprised": 0.65}
"""Opening of a silent mouth."""


def opening(face: Face, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """How far a mouth is open: its keys, joined by straight lines, held before and after.

    Args:
        face: Its keys are used; without keys the mouth rests as the expression has it.
        times: Seconds from the start of the clip.

    Returns:
        Openings in [0, 1].
    """
    if not face.mouth:
        return torch.full_like(times, _REST[face.expression])
    level = torch.full_like(times, face.mouth[0][1])
    for (start, low), (end, high) in zip(face.mouth, face.mouth[1:], strict=False):
        level = level + (high - low) * ((times - start) / (end - start)).clamp(0, 1)
    return level


def mouth(scene: Scene, index: int, times: Float[Tensor, " t"]) -> Float[Tensor, " t"]:
    """How far the mouth of an actor is open in a scene.

    Args:
        scene: The scene.
        index: Which actor; it has a face.
        times: Seconds from the start of the clip.

    Returns:
        ``speech.mouth_opening`` of what it says, closed between its lines; the opening of its face
        if it says nothing.

    Raises:
        ValueError: If the actor has no face.
    """
    face = scene.actors[index].face
    if face is None:
        raise ValueError(f"the {scene.actors[index].shape} has no face to open; give it one")
    lines = [line for line in scene.lines if line.actor == index]
    if not lines:
        return opening(face, times)
    openings = torch.stack([mouth_opening(line, times.cpu()) for line in lines])
    return openings.amax(0).to(times)


def _eyes(face: Face, layout: _Layout, at: Surface, soft: Tensor) -> tuple[Tensor, Tensor]:
    """Covers of the whites and of the pupils and brows."""
    wide = 1.18 if face.expression == "surprised" else 1.0
    across = at.u.abs() - layout.eye_x
    rise = at.v - layout.eye_y
    far = (across**2 + (rise * 0.92) ** 2).sqrt()
    white = step(layout.eye * wide - far, soft)
    pupil_y = rise + (0.25 * layout.eye if face.expression == "sad" else 0.0)
    pupil = (across + 0.12 * layout.eye) ** 2 + pupil_y**2
    pupil = step(0.56 * layout.eye - pupil.sqrt(), soft)
    if face.expression == "happy":  # the lower lids rise
        white = white * step(rise + 0.55 * layout.eye, soft)
    if face.expression in {"sad", "surprised"}:
        slant = -0.55 * across if face.expression == "sad" else -0.9 * across**2 / layout.eye
        lift = 1.18 if face.expression == "sad" else 1.62
        brow = 0.075 - (rise - lift * layout.eye - slant).abs()
        ends = 0.9 * layout.eye - across.abs()
        pupil = torch.maximum(pupil, step(torch.minimum(brow, ends), soft))
    return white, pupil


def _mouth(face: Face, layout: _Layout, at: Surface, opened: Tensor) -> tuple[Tensor, Tensor]:
    """Distance inside the mouth, positive inside, and height above its lower lip, in radii."""
    round_ = 0.62 if face.expression == "surprised" else 1.0
    width = layout.mouth * (round_ - 0.30 * opened * round_)
    along = (at.u / width).clamp(-1, 1)
    middle = layout.mouth_y + _BENDS[face.expression] * layout.mouth * (along**2 - 0.45)
    half = (0.075 + (layout.room - 0.075) * opened) * (1 - along**2).clamp(min=0.0).sqrt()
    inside = torch.minimum(half - (at.v - middle).abs(), width - at.u.abs())
    return inside, at.v - (middle - half)


def draw_face(
    actor: Actor, at: Surface, colour: Tensor, opened: Tensor, soft: Tensor
) -> tuple[Tensor, Tensor]:
    """Draw the face of an actor onto its colours.

    Args:
        actor: An actor with a face.
        at: Places on the actor, shape ``(f, h, w)``.
        colour: Its colours in [0, 1], shape ``(f, 3, h, w)``.
        opened: How far the mouth is open in each frame, in [0, 1], shape ``(f,)``.
        soft: Radii of about one pixel, broadcasting with ``(f, h, w)``.

    Returns:
        Colours and where the face covers the actor, shape ``(f, 1, h, w)``.

    Raises:
        ValueError: If the actor has no face.
    """
    if actor.face is None:
        raise ValueError(f"the {actor.shape} has no face to draw; give it one")
    layout = _LAYOUTS[actor.shape]
    white, ink = _eyes(actor.face, layout, at, soft)
    gap = opened.view(-1, 1, 1)
    inside, above = _mouth(actor.face, layout, at, gap)
    mouth = step(inside + 0.02, soft)
    tongue = mouth * step(0.55 * layout.room * gap - above, soft) * (gap > 0.15)
    colour = mix(colour, rgb(_WHITE, colour), white[:, None])
    colour = mix(colour, rgb(_INK, colour), ink[:, None])
    colour = mix(colour, rgb(_MOUTH, colour), mouth[:, None])
    colour = mix(colour, rgb(_TONGUE, colour), 0.9 * tongue[:, None])
    return colour, torch.maximum(torch.maximum(white, ink), mouth)[:, None]
