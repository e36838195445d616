"""``openreels stage``: clips of the procedural world, with everything that is true of them."""

from pathlib import Path
from typing import Annotated, Any

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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Render scenes: clip.mp4, truth.json, and a mask clip and picture for each actor."""
    shape = _shape(duration, aspect_ratio, resolution)
    make_folder(out)
    with progress_bars() as progress:
        progress("render", 0, count)
        paths = []
        for index in range(count):
            folder = make_folder(out / f"{index:05d}")
            write_sample(folder, seed=seed, index=index, shape=shape)
            paths.append(str(folder))
            progress("render", index + 1, count)
    if as_json:
        print_json({"path": str(out), "seed": seed, "samples": paths})
    else:
        typer.echo(f"{out}: {count} clips of {float(shape.duration_s):.2f} s, seed {seed}")


def write_sample(folder: Path, *, seed: int, index: int, shape: ClipShape) -> None:
    """Render one scene and write what is known of it.

    Args:
        folder: An existing folder; ``clip.mp4``, ``truth.json`` and for each actor ``mask-N.mp4``
            (its visible pixels) and ``mask-N.png`` (all it ever covers) are written there.
        seed: Seed of the world.
        index: Index of the scene in that world.
        shape: Size and length.
    """
    from openreels.media.clip import Clip, frames_of
    from openreels.media.files import whole_file
    from openreels.stage.render import render_masks
    from openreels.stage.sample import make_samples, truth_to_json

    batch = make_samples(seed, [index], shape)
    waveform = batch.waveform[0].numpy()
    clip = Clip(frames=frames_of(batch.pixels), fps=shape.fps, waveform=waveform)
    clip.save(folder / "clip.mp4")
    truth = batch.truths[0]
    with whole_file(folder / "truth.json") as part:
        part.write_text(truth_to_json(truth) + "\n", encoding="utf-8")
    for actor, mask in enumerate(render_masks([truth.scene], shape)[0]):
        moving, ever = _white(mask), _white(mask.any(dim=0, keepdim=True))
        Clip(frames=moving, fps=shape.fps).save(folder / f"mask-{actor}.mp4")
        Clip(frames=ever, fps=shape.fps).save(folder / f"mask-{actor}.png")


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
