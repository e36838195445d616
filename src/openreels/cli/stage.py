"""``openreels stage``: clips of the procedural world, with everything that is true of them."""

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openreels.cli.console import make_folder, print_json, progress_bars
from openreels.core.request import RESOLUTIONS
from openreels.core.shapes import (
    BASE_FPS,
    MAX_DURATION_S,
    MIN_DURATION_S,
    ClipShape,
    frames_of_seconds,
    size_for,
)

if TYPE_CHECKING:
    from openreels.stage.edits import Edit
    from openreels.stage.sample import StageBatch
    from openreels.stage.scene import Scene, Truth
    from openreels.stage.world import WorldSettings

stage_app = typer.Typer(help="The procedural world: clips whose truth is known.")


@stage_app.callback()
def _stage() -> None:
    """The procedural world: clips whose truth is known."""


@stage_app.command()
def sample(
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder; one folder a clip in it.")],
    seed: Annotated[int, typer.Option(help="Seed of the world.", min=0)] = 0,
    count: Annotated[int, typer.Option(help="Number of clips.", min=1, max=10_000)] = 1,
    duration: Annotated[float, typer.Option(help="Seconds, 1 to 15.")] = 3.0,
    aspect_ratio: Annotated[str, typer.Option(help="Width to height.")] = "1:1",
    resolution: Annotated[str, typer.Option(help="Shorter side: 64p or 256p.")] = "64p",
    share: Annotated[
        list[str] | None,
        typer.Option(help="How often there is a look or a sound: NAME=0..1, or all=0..1."),
    ] = None,
    edits: Annotated[int, typer.Option(help="Edit pairs of each clip.", min=0, max=100)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Render scenes: clip.mp4, truth.json, masks of the actors and overlays, and edit pairs."""
    shape = _shape(duration, aspect_ratio, resolution)
    settings = world_settings(share or [])
    make_folder(out)
    with progress_bars() as progress:
        progress("render", 0, count)
        paths = []
        for index in range(count):
            folder = make_folder(out / f"{index:05d}")
            scene = write_sample(folder, seed=seed, index=index, shape=shape, settings=settings)
            write_edits(folder, scene, shape=shape, count=edits)
            paths.append(str(folder))
            progress("render", index + 1, count)
    if as_json:
        print_json({"path": str(out), "seed": seed, "samples": paths})
    else:
        typer.echo(f"{out}: {count} clips of {float(shape.duration_s):.2f} s, seed {seed}")


def world_settings(shares: list[str]) -> "WorldSettings":
    """Read the shares of looks and sounds.

    Args:
        shares: ``NAME=SHARE`` each, where the name is that of a share of ``WorldSettings`` without
            ``_share``, or ``all``; later ones win.

    Returns:
        Settings with those shares; all others are 0.

    Raises:
        ValueError: If there is no such share, or it is no number in [0, 1].
    """
    from openreels.stage.world import WorldSettings

    names = [f.name[:-6] for f in fields(WorldSettings) if f.name.endswith("_share")]
    found = dict[str, Any]()
    for text in shares:
        name, _, value = text.partition("=")
        if name not in (*names, "all"):
            raise ValueError(
                f"a share must be NAME=0..1 with a name of all, {', '.join(names)}, got {text!r}"
            )
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise ValueError(f"a share must be in [0, 1], got {text!r}; write e.g. {name}=0.5")
        found |= {f"{one}_share": number for one in (names if name == "all" else [name])}
    return WorldSettings(**found)


def write_sample(
    folder: Path,
    *,
    seed: int,
    index: int,
    shape: ClipShape,
    settings: "WorldSettings | None" = None,
) -> "Scene":
    """Render one scene and write what is known of it.

    Args:
        folder: An existing folder; ``clip.mp4``, ``truth.json``, for each actor ``mask-N.mp4``
            (its visible pixels) and ``mask-N.png`` (all it ever covers), and for each overlay
            ``overlay-N.png`` are written there.
        seed: Seed of the world.
        index: Index of the scene in that world.
        shape: Size and length.
        settings: What scenes the world holds; None for the plain world.

    Returns:
        The scene.
    """
    from openreels.media.clip import Clip
    from openreels.stage.overlays import render_overlay_masks
    from openreels.stage.render import render_masks
    from openreels.stage.sample import make_samples
    from openreels.stage.world import WorldSettings

    batch = make_samples(seed, [index], shape, settings or WorldSettings())
    truth = batch.truths[0]
    _write_clip(folder / "clip.mp4", batch, shape)
    _write_truth(folder / "truth.json", truth)
    for actor, mask in enumerate(render_masks([truth.scene], shape)[0]):
        moving, ever = _white(mask), _white(mask.any(dim=0, keepdim=True))
        Clip(frames=moving, fps=shape.fps).save(folder / f"mask-{actor}.mp4")
        Clip(frames=ever, fps=shape.fps).save(folder / f"mask-{actor}.png")
    for number, mask in enumerate(render_overlay_masks([truth.scene], shape)[0]):
        Clip(frames=_white(mask[:1]), fps=shape.fps).save(folder / f"overlay-{number}.png")
    return truth.scene


def write_edits(folder: Path, scene: "Scene", *, shape: ClipShape, count: int) -> None:
    """Write edit pairs of a scene.

    Args:
        folder: Where the clip before is; a folder ``edit-N`` for each pair is made there, with
            ``before.mp4``, ``after.mp4``, ``mask.mp4`` (what changed), ``edit.json`` (its kind,
            the instruction, the changed actor or overlay) and ``truth.json`` (of what is after).
        scene: The scene before.
        shape: Size and length.
        count: Number of pairs.
    """
    from openreels.media.clip import Clip
    from openreels.media.files import whole_file
    from openreels.stage.edits import change_mask, sample_edit
    from openreels.stage.sample import render_truths, truth_of

    for number in range(count):
        edit = sample_edit(scene, number)
        place = make_folder(folder / f"edit-{number}")
        for name, one in (("before", edit.source), ("after", edit.target)):
            batch = render_truths([truth_of(one)], shape)
            _write_clip(place / f"{name}.mp4", batch, shape)
        _write_truth(place / "truth.json", batch.truths[0])
        frames = _white(change_mask(edit, shape))
        Clip(frames=frames, fps=shape.fps).save(place / "mask.mp4")
        with whole_file(place / "edit.json") as part:
            part.write_text(_edit_json(edit) + "\n", encoding="utf-8")


def _edit_json(edit: "Edit") -> str:
    from openreels.stage.captions_edits import instruction

    told = {"kind": edit.kind, "instruction": instruction(edit, 0), "number": edit.number}
    return json.dumps(told, indent=2)


def _write_clip(path: Path, batch: "StageBatch", shape: ClipShape) -> None:
    from openreels.media.clip import Clip, frames_of

    waveform = batch.waveform[0].numpy()
    Clip(frames=frames_of(batch.pixels), fps=shape.fps, waveform=waveform).save(path)


def _write_truth(path: Path, truth: "Truth") -> None:
    from openreels.media.files import whole_file
    from openreels.stage.sample import truth_to_json

    with whole_file(path) as part:
        part.write_text(truth_to_json(truth) + "\n", encoding="utf-8")


def _white(mask: Any) -> Any:  # noqa: ANN401 - a tensor in, an array out: torch is not imported here
    return (mask[..., None].expand(*mask.shape, 3).byte() * 255).numpy()


def _shape(duration: float, aspect_ratio: str, resolution: str) -> ClipShape:
    if resolution not in ("64p", "256p"):
        raise ValueError(f"resolution must be 64p or 256p here, got {resolution!r}; choose one")
    if not MIN_DURATION_S <= duration <= MAX_DURATION_S:
        raise ValueError(
            f"duration must be {MIN_DURATION_S:g} to {MAX_DURATION_S:g} seconds, "
            f"got {duration:g}; choose a length in that range"
        )
    height, width = size_for(aspect_ratio, RESOLUTIONS[resolution])
    num_frames = frames_of_seconds(duration, BASE_FPS)
    return ClipShape(num_frames=num_frames, height=height, width=width, fps=BASE_FPS)
