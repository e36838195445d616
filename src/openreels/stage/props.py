"""Props: cut-out pictures with recorded sounds that stand, enter and call at exact times.

The pictures and sounds are no part of this project: they are read from packages that are installed
for it (``pipelines.prop_pack``), so everything else works without them. ``props.json`` lists each
with its licence; all are CC0 or CC-BY. Props give results that a judge can recognise who knows
nothing of this world. All numbers are ours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from openreels.core.arrays import Waveform
from openreels.core.seeding import generator
from openreels.core.shapes import ClipShape
from openreels.stage.acoustics import add_sounds, check_batch, ear_gains, ear_onsets, soft_limit
from openreels.stage.geometry import FLOOR_MARGIN, half_size
from openreels.stage.overlays import axes
from openreels.stage.places import render_place
from openreels.stage.scene import PLACES, TIMES_OF_DAY, Actor, Direction, Place, Scene, TimeOfDay

LICENCES = frozenset({"CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-2.5", "CC-BY-2.0", "PD"})
"""Licences that a picture or sound of a prop may have."""
ENTRY_S = 0.6
"""Time in which a prop comes in from outside."""
_HOP = 0.14
_HOP_S = 0.25
_LEAST_GAP_S = 0.45
_GAIN = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class PropEntry:
    """One row of the table: what a prop is, and which files of the packages it is made of."""

    name: str
    """Noun."""
    picture: str
    """Name of its picture."""
    sound: str
    """Name of its sound."""
    verb: str
    """What it does when it sounds."""
    rare_verb: str
    """The same, for evaluation only."""
    picture_licence: str
    """Licence of the picture."""
    sound_licence: str
    """Licence of the sound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prop:
    """A prop as tensors."""

    entry: PropEntry
    """What it is."""
    picture: Float[Tensor, "4 h w"]
    """Red, green, blue and opacity in [0, 1]."""
    sound: Float[Tensor, " s"]
    """One channel at 44.1 kHz, heard from its first sample on, at most 1 in size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PropActor:
    """One prop of a scene."""

    name: str
    """Which prop."""
    x: float
    """Where it stands, -1 left edge to 1 right edge."""
    height: float
    """Its height in stage units."""
    calls: tuple[float, ...]
    """Exact times at which it begins to sound, in seconds from the start of the clip."""
    enters: Direction | None = None
    """Edge from which it comes in before its first call; None is there from the start."""
    enter_s: float = 0.0
    """When it starts to come in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PropScene:
    """A scene of props."""

    seed: int
    index: int
    actors: tuple[PropActor, ...]
    """From left to right in order of the draw; the first calls first."""
    place: Place
    time_of_day: TimeOfDay
    aspect_ratio: str = "1:1"
    duration_s: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PropCall:
    """One moment at which a prop begins to sound."""

    time_s: float
    """Exact time, in seconds from the start of the clip."""
    name: str
    """Which prop."""
    x: float
    """Its place in the picture at that time, -1 to 1."""


@cache
def prop_table() -> Mapping[str, PropEntry]:
    """Every prop by name.

    Raises:
        ValueError: If an entry has a licence that is not allowed.
    """
    rows = json.loads(files("openreels.stage").joinpath("props.json").read_text("utf-8"))["props"]
    table = {row["name"]: PropEntry(**row) for row in rows}
    for entry in table.values():
        if not {entry.picture_licence, entry.sound_licence} <= LICENCES:
            raise ValueError(
                f"a prop must be free to use ({', '.join(sorted(LICENCES))}), got "
                f"{entry.picture_licence} and {entry.sound_licence} for {entry.name}; leave it out"
            )
    return table


def sample_prop_scene(
    seed: int, index: int, *, duration_s: float = 2.0, aspect_ratio: str = "1:1"
) -> PropScene:
    """Draw a scene of one or two props that call in turn.

    Args:
        seed: Seed of the world.
        index: Index of the scene.
        duration_s: Length in seconds, at least 2.
        aspect_ratio: Shape of the stage.

    Returns:
        The same scene for the same arguments; it needs no package.

    Raises:
        ValueError: If the length is too short for two props to call.
    """
    if duration_s < 2:
        raise ValueError(f"a scene of props lasts at least 2 seconds, got {duration_s}")
    draw = generator(seed, "props", index)
    dice = torch.rand(16, generator=draw, dtype=torch.float64).tolist()
    names = list(prop_table())
    picked = torch.randperm(len(names), generator=draw)[: 1 + (dice[0] < 0.5)].tolist()
    actors, now = list[PropActor](), 0.15 + 0.15 * dice[1]
    share = duration_s / len(picked)
    for number, choice in enumerate(picked):
        some = dice[2 + 6 * number : 8 + 6 * number]
        enters: Direction | None = None
        if some[0] < 0.4 and now + ENTRY_S + 0.4 < duration_s:
            enters = "left" if some[1] < 0.5 else "right"
        first = now + (ENTRY_S if enters else 0.0)
        room = (number + 1) * share - first - 0.1
        gap = _LEAST_GAP_S + 0.1 * some[3]
        count = 1 + int(some[2] * min(3, 1 + int(max(0.0, room) / gap)))
        calls = tuple(first + k * gap for k in range(count) if first + k * gap < duration_s - 0.1)
        middle = (-1 + (2 * number + 1) / len(picked)) * 0.62
        actors.append(
            PropActor(
                name=names[choice],
                x=middle + 0.16 * (some[4] - 0.5),
                height=0.62 + 0.3 * some[5],
                calls=calls,
                enters=enters,
                enter_s=now,
            )
        )
        now = max((number + 1) * share, calls[-1] + _LEAST_GAP_S)
    return PropScene(
        seed=seed,
        index=index,
        actors=tuple(actors),
        place=PLACES[int(dice[14] * len(PLACES))],
        time_of_day=TIMES_OF_DAY[int(dice[15] * len(TIMES_OF_DAY))],
        aspect_ratio=aspect_ratio,
        duration_s=duration_s,
    )


def prop_places(
    scene: PropScene, times: Float[Tensor, " t"]
) -> tuple[Float[Tensor, "a t"], Float[Tensor, "a t"]]:
    """Place every prop: x from -1 to 1 in the picture, and its hop above the floor."""
    times = times.double()
    xs, hops = list[Tensor](), list[Tensor]()
    for actor in scene.actors:
        x, hop = torch.full_like(times, actor.x), torch.zeros_like(times)
        if actor.enters:
            gone = ((times - actor.enter_s) / ENTRY_S).clamp(0, 1)
            outside = -1.9 if actor.enters == "left" else 1.9
            x = outside + (actor.x - outside) * (1 - (1 - gone) ** 2)
        for call in actor.calls:
            u = ((times - call) / _HOP_S).clamp(0, 1)
            hop = hop + _HOP * 4 * u * (1 - u)
        xs.append(x)
        hops.append(hop)
    return torch.stack(xs), torch.stack(hops)


def prop_calls(scene: PropScene) -> tuple[PropCall, ...]:
    """Every call of a scene, in order of time."""
    found = list[PropCall]()
    for number, actor in enumerate(scene.actors):
        if actor.calls:
            x = prop_places(scene, torch.tensor(actor.calls, dtype=torch.float64))[0][number]
            found += [
                PropCall(time_s=call, name=actor.name, x=max(-1.0, min(1.0, place)))
                for call, place in zip(actor.calls, x.tolist(), strict=True)
            ]
    return tuple(sorted(found, key=lambda call: call.time_s))


def render_props(
    scene: PropScene,
    props: Mapping[str, Prop],
    shape: ClipShape,
    device: str | torch.device = "cpu",
) -> tuple[Float[Tensor, "3 F H W"], Bool[Tensor, "a F H W"]]:
    """Render a scene of props and their masks.

    Args:
        scene: The scene.
        props: The props by name, as ``pipelines.prop_pack.read_props`` gives them.
        shape: Size and frame rate.
        device: Where to render.

    Returns:
        Pixels in [-1, 1]; True where a prop covers a pixel by more than half and none is in front.
    """
    clip = render_place(_stage(scene), shape, device).clone()
    times = torch.arange(shape.num_frames, dtype=torch.float64) / shape.fps
    xs, hops = (track.to(device, torch.float32) for track in prop_places(scene, times))
    across, up = axes(shape, device)
    half_width, half_height = half_size(scene.aspect_ratio)
    size = (len(scene.actors), shape.num_frames, shape.height, shape.width)
    masks = torch.zeros(size, dtype=torch.bool, device=device)
    for number, actor in enumerate(scene.actors):
        low = FLOOR_MARGIN - half_height + hops[number]
        middle = (xs[number] * half_width, low + actor.height / 2)
        drawn = _placed(props[actor.name], actor.height, middle, (across, up))
        colour, cover = drawn[:, :3], drawn[:, 3:]
        clip = clip * (1 - rearrange(cover, "f c h w -> c f h w")) + rearrange(
            2 * colour - cover, "f c h w -> c f h w"
        )
        masks[number] = cover[:, 0] > 0.5
        masks[:number] &= ~masks[number]
    return clip.clamp(-1, 1), masks


def _stage(scene: PropScene) -> Scene:
    """The same place as a scene of the world; its actor is never drawn."""
    stand_in = Actor(
        shape="ball", colour="red", material="rubber", size="small", action="spin", start_x=0.0,
        direction="right", tempo=1.0, phase_s=0.0, height=0.1,
    )  # fmt: skip
    return Scene(
        seed=scene.seed, index=scene.index, actors=(stand_in,), place=scene.place,
        time_of_day=scene.time_of_day, camera="static", aspect_ratio=scene.aspect_ratio,
        duration_s=scene.duration_s,
    )  # fmt: skip


def _placed(
    prop: Prop, height: float, middle: tuple[Tensor, Tensor], at: tuple[Tensor, Tensor]
) -> Float[Tensor, "f 4 H W"]:
    """A picture at a place of each frame, its colours times its opacity."""
    picture = torch.cat((prop.picture[:3] * prop.picture[3:], prop.picture[3:]))[None]
    pixel = float(at[0][1] - at[0][0])
    tall = max(2, round(height / pixel))
    wide = max(2, round(tall * picture.shape[3] / picture.shape[2]))
    small = functional.interpolate(
        picture, (tall, wide), mode="bilinear", antialias=True, align_corners=False
    ).to(at[0].device)
    width = height * wide / tall
    u = (at[0][None, :] - middle[0][:, None]) * 2 / width
    v = (middle[1][:, None] - at[1][None, :]) * 2 / height
    frames, rows, columns = len(u), v.shape[1], u.shape[1]
    grid = torch.stack(
        (u[:, None].expand(-1, rows, -1), v[:, :, None].expand(-1, -1, columns)), dim=-1
    )
    return functional.grid_sample(small.expand(frames, -1, -1, -1), grid, align_corners=False)


def render_prop_sounds(
    scenes: Sequence[PropScene], props: Mapping[str, Prop], num_samples: int
) -> Waveform:
    """Mix the calls of scenes; each begins at its exact time, from its place.

    Args:
        scenes: The scenes.
        props: The props by name.
        num_samples: Length of every clip in samples.

    Returns:
        Sound in [-1, 1], silent before the first call.
    """
    check_batch(len(scenes), len(scenes), num_samples)
    mix = torch.zeros(len(scenes), 2, num_samples)
    for clip, scene in enumerate(scenes):
        for call in prop_calls(scene):
            first = ear_onsets([call.time_s], [call.x]).first
            gains = torch.tensor(ear_gains(call.x))[None, :, None]
            add_sounds(mix, [clip], first, _GAIN * props[call.name].sound * gains)
    return soft_limit(mix)
