"""Draws the contact sheets of docs/stage.md from the Stage world itself.

python docs/make_sheets.py [--out docs/img]
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from drawing import sheet
from einops import rearrange
from PIL import Image, ImageDraw

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.stage.captions_edits import instruction
from openreels.stage.edits import EDITS, Edit, change_mask, possible_edits, sample_edit
from openreels.stage.looks import close_up
from openreels.stage.physics import contacts
from openreels.stage.reference_views import (
    face_double,
    motion_double,
    place_picture,
    style_picture,
    subject_views,
)
from openreels.stage.references import Still, render_still
from openreels.stage.render import render_masks, render_moments, render_video
from openreels.stage.scene import (
    ACTIONS,
    COLOURS,
    EFFECTS,
    EXPRESSIONS,
    MATERIALS,
    PLACES,
    SHAPES,
    SIZES,
    STYLES,
    TIMES_OF_DAY,
    Actor,
    Effect,
    Face,
    Overlay,
    Scene,
    Shot,
)
from openreels.stage.sound import render_audio
from openreels.stage.storyboard import render_storyboard
from openreels.stage.world import WorldSettings, sample_scene

STILL = ClipShape(num_frames=1, height=128, width=128)
CLIP = ClipShape(num_frames=25, height=96, width=96)
SMALL = ClipShape(num_frames=5, height=64, width=64, fps=4)
EMPTY = WorldSettings(actor_odds=(1.0, 0.0, 0.0), cameras=("static",), duration_s=1.5)


def subject(**changes: object) -> Scene:
    """A scene with one actor that stands in the middle of a room by day, but for ``changes``."""
    base = sample_scene(0, 0, settings=EMPTY)
    actor = Actor(
        shape="ball",
        colour="blue",
        material="rubber",
        size="large",
        action="spin",
        start_x=0.0,
        direction="right",
        tempo=1.0,
        phase_s=0.5,
        height=0.05,
    )
    words = {k: v for k, v in changes.items() if k in Actor.__dataclass_fields__}
    others = {k: v for k, v in changes.items() if k not in words}
    scene = replace(base, actors=(replace(actor, **words),), place="room", time_of_day="day")
    return replace(scene, camera="static", **others)


def pictures(scenes: Sequence[Scene], shape: ClipShape = STILL) -> list[list[Image.Image]]:
    """Frames of scenes as pictures."""
    frames = rearrange(render_video(scenes, shape), "b c f h w -> b f h w c")
    data = ((frames + 1) * 127.5).round().to(torch.uint8).numpy()
    return [[Image.fromarray(frame) for frame in clip] for clip in data]


def words_sheet(path: Path) -> None:
    """Shapes by material, colours, and sizes."""
    rows = []
    for material in MATERIALS:
        scenes = [subject(shape=s, material=material, colour="orange") for s in SHAPES]
        rows.append([
            (clip[0], f"{material} {shape}")
            for clip, shape in zip(pictures(scenes), SHAPES, strict=True)
        ])
    sizes = pictures([subject(size=size, shape="star", colour="purple") for size in SIZES])
    rows.append([(clip[0], size) for clip, size in zip(sizes, SIZES, strict=True)])
    colours = pictures([subject(colour=colour, shape="cube") for colour in COLOURS])
    pairs = [(clip[0], colour) for clip, colour in zip(colours, COLOURS, strict=True)]
    rows += [pairs[:5], pairs[5:]]
    sheet(rows).save(path, optimize=True)


def places_sheet(path: Path) -> None:
    """Every place by day, at dusk and by night."""
    rows = []
    for time in TIMES_OF_DAY:
        scenes = [
            replace(subject(shape="ring", colour="yellow"), place=place, time_of_day=time)
            for place in PLACES
        ]
        rows.append([
            (clip[0], f"{place}, {time}")
            for clip, place in zip(pictures(scenes), PLACES, strict=True)
        ])
    sheet(rows).save(path, optimize=True)


def first_with(action: str) -> Scene:
    """The first scene of a world whose subject does something, with a camera at rest."""
    settings = WorldSettings(duration_s=1.5, collide_odds=0.5, cameras=("static",))
    scenes = (sample_scene(5, index, settings=settings) for index in range(10_000))
    return next(
        scene
        for scene in scenes
        if scene.actors[0].action == action
        and len(scene.actors) <= 2
        and len(contacts(scene)) >= (2 if action != "spin" else 1)
    )


def actions_sheet(path: Path) -> None:
    """Eight moments of each action."""
    rows = []
    for action in ACTIONS:
        clip = pictures([first_with(action)], CLIP)[0]
        chosen = np.linspace(0, len(clip) - 1, 8).round().astype(int)
        rows.append([(clip[i], f"{action}, {i / CLIP.fps:.2f} s" if i else action) for i in chosen])
    sheet(rows).save(path, optimize=True)


def truth_sheet(path: Path) -> None:
    """Frames and masks around the first contact of a scene, and the sound there."""
    scene = first_with("collide")
    clip = pictures([scene], CLIP)[0]
    masks = render_masks([scene], CLIP)[0]
    touch = next(c for c in contacts(scene) if c.surface == "actor")
    middle = round(touch.time_s * CLIP.fps)
    chosen = [min(max(i, 0), len(clip) - 1) for i in range(middle - 3, middle + 4)]
    shades = torch.arange(1, len(masks) + 1) * (255 // len(masks))
    drawn = (masks * shades[:, None, None, None]).amax(0).to(torch.uint8).numpy()
    rows = [
        [(clip[i], f"{i / CLIP.fps:.3f} s") for i in chosen],
        [(Image.fromarray(drawn[i]).convert("RGB"), "visible pixels") for i in chosen],
    ]
    wave = render_audio([contacts(scene)], round(1.5 * SAMPLE_RATE_HZ), [scene.index])[0]
    width = sum(picture.width + 4 for picture, _ in rows[0]) - 4
    first, last = ((middle + d) / CLIP.fps for d in (-3.5, 3.5))
    part = wave[:, max(0, int(first * SAMPLE_RATE_HZ)) : int(last * SAMPLE_RATE_HZ)].abs().amax(0)
    bins = torch.nn.functional.adaptive_max_pool1d(part[None], width)[0]
    picture = Image.new("RGB", (width, 60), "white")
    draw = ImageDraw.Draw(picture)
    for x, level in enumerate((bins / bins.max().clamp_min(1e-6) * 28).tolist()):
        draw.line((x, 30 - level, x, 30 + level), fill=(70, 70, 70))
    for touch in contacts(scene):
        x = (touch.time_s - first) / (last - first) * width
        draw.line((x, 0, x, 60), fill=(220, 90, 20))
    rows.append([(picture, "sound; lines are the contacts of truth.json")])
    sheet(rows).save(path, optimize=True)


def enlarged(picture: Image.Image) -> Image.Image:
    """A picture at twice its size, pixel by pixel."""
    size = (2 * picture.width, 2 * picture.height)
    return picture.resize(size, Image.Resampling.NEAREST)


def looks_sheet(path: Path) -> None:
    """Weather, styles, faces, overlays and a scene of three shots, at the model's own size."""
    star = {"shape": "star", "colour": "yellow", "size": "medium"}
    rows: list[list[tuple[Image.Image, str]]] = []
    scenes = [
        (subject(**star, place=place, weather=weather), f"{weather}, {place}")
        for weather in ("rain", "snow")
        for place in ("meadow", "street", "desert")
    ]
    rows.append(drawn(scenes))
    scenes = [
        (subject(colour="red", shape=shape, place=place, style=style), style)
        for style in STYLES[1:]
        for shape, place in (("ball", "meadow"), ("star", "street"))
    ]
    rows.append(drawn(scenes))
    scenes = [
        (subject(shape=shape, colour=colour, face=Face(expression=expression)), expression)
        for expression, shape, colour in zip(
            EXPRESSIONS, SHAPES, ("cyan", "red", "yellow", "pink"), strict=False
        )
    ]
    talking = Face(expression="neutral", mouth=((0.0, 0.9), (1.0, 0.4)))
    scenes += [(subject(colour="green", face=talking), "mouth open")]
    scenes += [
        (subject(colour="orange", action="roll", height=0.6, face=Face(expression="happy")), "roll")
    ]
    rows.append(drawn(scenes))
    overlays = (
        Overlay(kind="words", text="HELLO", spot="top"),
        Overlay(kind="subtitle", text="LOOK AT ME", spot="bottom"),
        Overlay(kind="watermark", text="SAMPLE", spot="bottom right"),
        Overlay(kind="logo", text="heart", spot="top left"),
        Overlay(kind="logo", text="crown", spot="top right"),
        Overlay(kind="logo", text="bolt", spot="bottom left"),
    )
    rows.append(
        drawn([
            (subject(place=place, overlays=(overlay,)), overlay.kind)
            for overlay, place in zip(overlays, PLACES, strict=True)
        ])
    )
    rows.append(shots_row())
    sheet(rows).save(path, optimize=True)


def drawn(scenes: Sequence[tuple[Scene, str]]) -> list[tuple[Image.Image, str]]:
    """A row of first frames with their labels."""
    still = ClipShape(num_frames=1, height=64, width=64)
    clips = pictures([scene for scene, _ in scenes], still)
    return [(enlarged(clip[0]), label) for clip, (_, label) in zip(clips, scenes, strict=True)]


def shots_row() -> list[tuple[Image.Image, str]]:
    """Frames of a scene with two cuts."""
    face = Face(expression="surprised")
    scene = subject(shape="star", colour="yellow", action="jump", size="medium", face=face)
    actor = replace(scene.actors[0], height=0.2, phase_s=0.1)
    scene = replace(scene, actors=(actor,), duration_s=1.5)
    zoom, x, y = close_up(scene, 0, (0.5, 1.0)) or (1.0, 0.0, 0.0)
    near = Shot(start_s=0.5, place="beach", camera="static", focus=0, zoom=zoom, x=x, y=y)
    scene = replace(scene, shots=(near, Shot(start_s=1.0, place="street", camera="pan right")))
    clip = pictures([scene], ClipShape(num_frames=9, height=64, width=64, fps=6))[0]
    return [(enlarged(clip[i]), f"{i / 6:.2f} s") for i in (1, 2, 3, 5, 6, 8)]


def edits_sheet(path: Path) -> None:
    """One edit of each kind: before, after, and the mask of what changed."""
    settings = WorldSettings(
        weather_share=0.2, face_share=0.6, words_share=0.3, subtitle_share=0.3, logo_share=0.4,
        duration_s=1.0,
    )  # fmt: skip
    cells, wanted = list[list[tuple[Image.Image, str]]](), list(EDITS)
    for index in range(1000):
        scene = sample_scene(21, index, settings=settings)
        kind = next((kind for kind in wanted if kind in possible_edits(scene)), None)
        if kind is not None:
            wanted.remove(kind)
            cells.append(edit_row(sample_edit(scene, 1, kind)))
    rows = [[part for cell in cells[i : i + 2] for part in cell] for i in range(0, len(cells), 2)]
    sheet(rows).save(path, optimize=True)


def edit_row(edit: Edit) -> list[tuple[Image.Image, str]]:
    """The pictures of one edit."""
    before, after = pictures([edit.source, edit.target], SMALL)
    mask = (change_mask(edit, SMALL)[2].numpy() * 200).astype(np.uint8)
    return [
        (enlarged(before[2]), edit.kind),
        (enlarged(after[2]), instruction(edit, 0)[:44]),
        (enlarged(Image.fromarray(mask).convert("RGB")), ""),
    ]


def shown(pixels: torch.Tensor) -> Image.Image:
    """One frame in [-1, 1] as a picture."""
    data = ((rearrange(pixels, "c h w -> h w c") + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(data.numpy())


def references_sheet(path: Path) -> None:
    """A scene and what can stand for parts of it, and every effect."""
    settings = WorldSettings(duration_s=1.5, actor_odds=(1.0, 0.0, 0.0), cameras=("static",))
    drawn_scene = sample_scene(7, 3, settings=settings)
    scene = replace(
        drawn_scene, actors=(replace(drawn_scene.actors[0], face=Face(expression="happy")),)
    )
    views = [shown(render_still(view, SMALL)) for view in subject_views(scene, 0, 5)]
    rows = [
        [
            (enlarged(p), label)
            for p, label in zip(
                [pictures([scene], SMALL)[0][0], *views],
                ["a scene", *(f"its actor, view {k}" for k in range(1, 6))],
                strict=True,
            )
        ]
    ]
    times = (0.0, 0.5, 1.0)
    for moved, label in ((scene, "the scene"), (motion_double(scene, 0), "its motion")):
        stills = render_moments(moved, times, SMALL)[0]
        if len(rows) == 1:
            rows.append([])
        rows[1] += [
            (enlarged(shown(p)), f"{label}, {t:.1f} s") for p, t in zip(stills, times, strict=True)
        ]
    styled = replace(scene, style="paper-cut")
    board = render_storyboard(scene, SMALL)
    rows.append([
        (enlarged(shown(render_still(Still(scene=scene, empty=True), SMALL))), "background"),
        (enlarged(shown(render_still(place_picture(scene), SMALL))), "place, other light"),
        (enlarged(pictures([styled], SMALL)[0][0]), "a styled scene"),
        (enlarged(shown(render_still(style_picture(styled), SMALL))), "its style"),
        (enlarged(pictures([face_double(scene, 0)], SMALL)[0][0]), "its expression"),
        (shown(board), "storyboard"),
    ])
    for kind in EFFECTS:
        here = subject(colour="orange", shape="star", duration_s=1.5, height=0.2)
        here = replace(here, effects=(Effect(kind=kind, actor=0, start_s=0.3, duration_s=1.0),))
        stills = render_moments(here, (0.3, 0.55, 0.8, 1.05, 1.3, 1.49), SMALL)[0]
        rows.append([(enlarged(shown(p)), kind if not k else "") for k, p in enumerate(stills)])
    sheet(rows).save(path, optimize=True)


def main() -> None:
    """Draw all sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "img")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    words_sheet(folder / "stage-words.png")
    places_sheet(folder / "stage-places.png")
    actions_sheet(folder / "stage-actions.png")
    truth_sheet(folder / "stage-truth.png")
    looks_sheet(folder / "stage-looks.png")
    edits_sheet(folder / "stage-edits.png")
    references_sheet(folder / "stage-references.png")


if __name__ == "__main__":
    main()
