"""``openreels plan``: what a generation costs, before any of it is run."""

from typing import Annotated

import typer

from openreels.cli.console import print_json
from openreels.core.config import from_dict, to_dict
from openreels.core.request import ASPECT_RATIOS, MODES, RESOLUTIONS, GenerationRequest


def plan(
    preset: Annotated[str, typer.Option(help="tiny, stage, 5b, 14b, or a folder.")] = "stage",
    resolution: Annotated[str, typer.Option(metavar="|".join(RESOLUTIONS))] = "256p",
    duration: Annotated[float, typer.Option(help="Seconds, 1 to 15.")] = 5.0,
    aspect_ratio: Annotated[str, typer.Option(metavar="|".join(ASPECT_RATIOS))] = "16:9",
    fps: Annotated[int | None, typer.Option(help="Frames a second; 32, at 64p 16.")] = None,
    mode: Annotated[str, typer.Option(help="Steps and solver.", metavar="|".join(MODES))] = "std",
    steps: Annotated[int | None, typer.Option(help="Denoising steps; the mode's.")] = None,
    guidance: Annotated[float | None, typer.Option(help="1 is off, for all.")] = None,
    no_sound: Annotated[bool, typer.Option("--no-sound", help="No audio branch.")] = False,
    text_tokens: Annotated[int | None, typer.Option(help="Prompt tokens.")] = None,
    keyframes: Annotated[
        int | None, typer.Option(help="Of the base; one in 2 s if it makes any.")
    ] = None,
    refiner_steps: Annotated[int, typer.Option(help="Evaluations of the refiner.")] = 4,
    sparsity: Annotated[float, typer.Option(help="Share of cubes left out; 0 is dense.")] = 0.875,
    tflops: Annotated[float | None, typer.Option(help="Measured speed of your machine.")] = None,
    utilisation: Annotated[float, typer.Option(help="Share of the peak of a GPU.")] = 0.4,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell tokens, operations, memory and seconds: direct and cascade, dense and sparse."""
    given = {
        "prompt": "a plan needs no prompt",
        "resolution": resolution,
        "duration_s": duration,
        "aspect_ratio": aspect_ratio,
        "mode": mode,
        "steps": steps,
        "guidance_scale": guidance,
        "audio_guidance_scale": guidance,
        "sync_guidance_scale": None if guidance != 1 else 1,
        "sound": not no_sound,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    request = from_dict(GenerationRequest, fields, allow_missing=True)
    from openreels.pipelines.plan import find_model
    from openreels.pipelines.plan import plan as make_plan
    from openreels.pipelines.plan_records import PlanOptions

    options = PlanOptions(
        fps=fps,
        text_tokens=text_tokens,
        keyframes=keyframes,
        refiner_steps=refiner_steps,
        sparsity=sparsity,
        tflops=tflops,
        utilisation=utilisation,
    )
    made = make_plan(find_model(preset), request, options)
    if as_json:
        print_json(to_dict(made))
        return
    from openreels.cli.plan_tables import show

    show(made)
