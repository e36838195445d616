"""``openreels refine``: a clip to a finer one at twice the rate."""

import time
from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import print_json, progress_bars
from openreels.core.config import from_dict
from openreels.core.request import MODES, RESOLUTIONS, GenerationRequest, validate

_SIZES, _MODES = "|".join(RESOLUTIONS), "|".join(MODES)


def refine(
    clip: Annotated[Path, typer.Argument(help="The clip; it is read at 16 fps.")],
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output: .mp4 .webm .gif.")
    ] = None,
    preset: Annotated[str, typer.Option(help="stage, or a folder of weights.")] = "stage",
    resolution: Annotated[str, typer.Option(help="Shorter side.", metavar=_SIZES)] = "256p",
    prompt: Annotated[str, typer.Option(help="What is seen.")] = "a clip",
    mode: Annotated[str, typer.Option(help="Amount of work.", metavar=_MODES)] = "std",
    seed: Annotated[int, typer.Option(help="The same seed, the same clip.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a clip finer, with twice the frames; its sound stays as it is."""
    if out is None:
        raise ValueError("an output must be named, got none; add -o clip.mp4")
    fields = {"prompt": prompt, "mode": mode, "seed": seed, "resolution": resolution}
    request = validate(from_dict(GenerationRequest, fields, allow_missing=True))
    from openreels.media.files import check_readable, check_writable, kind_of_output

    check_readable(clip)
    if kind_of_output(check_writable(out)) != "clip":
        raise ValueError(
            f"a refined clip is written as .mp4, .webm or .gif, got {out.name!r}; choose one"
        )
    start = time.perf_counter()
    with progress_bars() as progress:
        progress("load", 0, 1)
        from openreels.pipelines.cascade import refine_clip
        from openreels.pipelines.model import load, read_low

        low = read_low(clip)
        components = load(preset).components
        progress("load", 1, 1)
        result, facts = refine_clip(components, low, request, tell=progress)
        progress("write", 0, 1)
        result.save(out)
        progress("write", 1, 1)
    frames = result.frames
    size = (0, 0) if frames is None else frames.shape[1:3]
    facts |= {
        "path": str(out),
        "width": size[1],
        "height": size[0],
        "num_frames": result.num_frames,
        "fps": int(result.fps),
        "seconds": round(result.duration_s, 4),
        "sample_rate_hz": None if result.waveform is None else result.sample_rate_hz,
        "seed": seed,
        "mode": mode,
        "total_s": round(time.perf_counter() - start, 3),
    }
    if as_json:
        print_json(facts)
        return
    for note in facts["notes"]:
        typer.echo(note, err=True)
    typer.echo(
        f"{out}: {facts['seconds']:.2f} s, {size[1]}x{size[0]}, {facts['fps']} fps, "
        f"{facts['refiner_steps']} step{'s'[: facts['refiner_steps'] > 1]}; "
        f"took {facts['total_s']:.1f} s"
    )
