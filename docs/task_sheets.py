"""The sheet of a page of tasks: what is given, what was made, its sound, in one small picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawing import (
    FRAME_PX,
    FRAMES,
    GAP_PX,
    Labelled,
    draw_spectrogram,
    draw_waveform,
    mark,
    moments,
    picture_of,
    save_reduced,
    scaled,
    sheet,
)
from jaxtyping import UInt8
from matplotlib import pyplot as plt
from PIL import Image
from task_facts import Facts

from openreels.conditioning.material import Material, gather
from openreels.conditioning.plans import Plan, plan
from openreels.core.request import GenerationRequest
from openreels.core.shapes import BASE_FPS, frames_in_latent
from openreels.media.clip import Clip

LIMIT_BYTES = 42_000
SHEET_PX = FRAMES * (FRAME_PX + GAP_PX)
PLOT_DPI, PLOT_INCHES = 100, (SHEET_PX / 100, 2.6)
STRIPE_PX = 6

Frames = UInt8[np.ndarray, "F H W 3"]


def hatched(frames: Frames, known: np.ndarray, *, through: float) -> Frames:
    """Stripes where nothing is given; what is there shines through, 0 not at all."""
    rows, columns = np.indices(frames.shape[1:3])
    stripes = np.where((rows + columns) // STRIPE_PX % 2, 246, 222)[None, ..., None]
    mixed = through * frames + (1 - through) * stripes
    return np.where(known[..., None], frames, mixed.round().astype(np.uint8))


def given_frames(request: GenerationRequest, material: Material) -> Frames | None:
    """What the model is given, frame by frame of the result; None where that is nothing.

    It is what ``conditioning.plans`` lays out: the same pixels and the same mask.
    """
    laid = plan(request, material)
    shown = laid.follows if laid.changed is None else laid.changed
    if shown is not None:
        return shown.numpy()
    if laid.known is None:
        return None
    known = laid.known.numpy()
    window = _window(laid)
    drawn = hatched(window, known, through=0.45 if request.edit_region else 0.0)
    around = (laid.around.before, drawn, laid.around.after)
    return np.concatenate([np.asarray(part) for part in around if part is not None])


def _window(laid: Plan) -> Frames:
    if laid.clip is not None:
        return laid.clip.numpy()
    shape = laid.shape
    frames = np.zeros((shape.num_frames, shape.height, shape.width, 3), np.uint8)
    for index, picture in laid.stills:
        covered = frames_in_latent(index)
        frames[covered.start : covered.stop] = picture.numpy()
    return frames


def shown_moments(request: GenerationRequest, clip: Clip) -> list[int]:
    """Even times, as many as there is room for; the nearest of them is moved to each keyframe."""
    num_frames, (height, width) = clip.num_frames, _frames(clip).shape[1:3]
    room = SHEET_PX // (round(FRAME_PX * width / height) + GAP_PX)
    chosen = moments(num_frames, min(room, num_frames))
    for keyframe in request.keyframes:
        if keyframe.time_s is not None:
            wanted = min(round(keyframe.time_s * clip.fps), num_frames - 1)
            near = min(range(len(chosen)), key=lambda k: abs(chosen[k] - wanted))
            chosen[near] = wanted
    return chosen


def labelled(frames: Frames, indices: Sequence[int], seconds: Sequence[float]) -> list[Labelled]:
    """Frames with their seconds."""
    pairs = zip(indices, seconds, strict=True)
    return [(scaled(frames[min(i, len(frames) - 1)]), f"{time_s:.2f} s") for i, time_s in pairs]


def titled(row: list[Labelled], word: str) -> list[Labelled]:
    """A row whose first label has a word before it."""
    return [(row[0][0], f"{word}, {row[0][1]}"), *row[1:]]


def _frames(clip: Clip) -> Frames:
    if clip.frames is None:
        raise ValueError("a clip with frames is needed, got sound alone")
    return clip.frames


def reference_row(request: GenerationRequest, material: Material) -> list[Labelled]:
    """The pictures that a prompt names, with their tags."""
    pictures = [
        (picture, reference.tag)
        for reference, images in zip(request.references, material.references, strict=True)
        for picture in images
    ]
    if request.grid is not None and material.grid is not None:
        pictures.append((material.grid, request.grid.tag))
    return [(scaled(picture.numpy()), tag) for picture, tag in pictures]


def sound_plot(clip: Clip, facts: Facts) -> Image.Image:
    """Waveform over spectrogram with marks at what is heard and seen."""
    figure, (upper, lower) = plt.subplots(
        2,
        1,
        figsize=PLOT_INCHES,
        sharex=True,
        height_ratios=(2, 3),
        layout="constrained",
    )
    draw_waveform(upper, clip)
    draw_spectrogram(lower, clip)
    for axes in (upper, lower):
        mark(axes, [event.time_s for event in facts.heard], facts.seen_s)
        axes.tick_params(labelsize=7)
        axes.yaxis.label.set_size(8)
    if upper.get_legend_handles_labels()[0]:
        upper.legend(fontsize=6, loc="upper right", ncols=4)
    lower.set_xlabel("seconds", fontsize=8)
    return picture_of(figure, PLOT_DPI)


def draw(request: GenerationRequest, clips: Sequence[Clip], facts: Facts, path: Path) -> int:
    """Draw the sheet of a page.

    Args:
        request: What was asked; its files can be read.
        clips: What was made, for pictures one a seed.
        facts: What is heard and seen in the first.
        path: Where the picture is written.

    Returns:
        Its bytes.
    """
    material, rows = gather(request), list[list[Labelled]]()
    if references := reference_row(request, material):
        rows.append(references)
    if request.kind == "image":
        rows.append(_pictures(request, material, clips))
    elif request.kind == "clip":
        indices = shown_moments(request, clips[0])
        seconds = [float(index / clips[0].fps) for index in indices]
        given = given_frames(request, material)
        if given is not None:
            places = [round(time_s * BASE_FPS) for time_s in seconds]
            rows.append(titled(labelled(given, places, seconds), "given"))
        rows.append(titled(labelled(_frames(clips[0]), indices, seconds), "made"))
    if clips[0].waveform is not None:
        rows.append([(sound_plot(clips[0], facts), "")])
    return save_reduced(sheet(rows), path, colours=256, limit_bytes=LIMIT_BYTES)


def _pictures(
    request: GenerationRequest, material: Material, clips: Sequence[Clip]
) -> list[Labelled]:
    given = given_frames(request, material)
    row = [] if given is None else [(scaled(given[0]), "given")]
    for offset, clip in enumerate(clips):
        if clip.frames is not None:
            row.append((scaled(clip.frames[0]), f"seed {request.seed + offset}"))
    return row
