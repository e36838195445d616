"""``openreels bench``: measure a model on scenes whose truth is known."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from openreels.cli.console import make_folder, print_json, progress_bars


def bench(
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")],
    suite: Annotated[str, typer.Option(help="stage, the procedural world.")] = "stage",
    tasks: Annotated[str | None, typer.Option(help="Parts, with commas between them.")] = None,
    count: Annotated[int, typer.Option(help="Held-out prompts.", min=2, max=10_000)] = 100,
    task_count: Annotated[int, typer.Option(help="Clips of each other task.", min=0, max=1000)] = 8,
    duration: Annotated[float, typer.Option(help="Seconds of a clip.", min=1, max=15)] = 2.0,
    mode: Annotated[Literal["fast", "std", "pro"], typer.Option(help="Amount of work.")] = "std",
    steps: Annotated[int | None, typer.Option(help="Denoising steps.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first clip.", min=0)] = 0,
    preset: Annotated[str, typer.Option(help="stage, or a folder of weights.")] = "stage",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Generate, measure, and write bench.json and index.html."""
    if suite != "stage":
        raise ValueError(f"the suite must be stage, got {suite!r}; leave it out")
    from openreels.evaluation.bench import run_bench, table
    from openreels.evaluation.config import PARTS, BenchConfig
    from openreels.pipelines.model import load

    config = BenchConfig(
        count=count,
        task_count=task_count,
        tasks=PARTS if tasks is None else tuple(part.strip() for part in tasks.split(",")),
        duration_s=duration,
        mode=mode,
        steps=steps,
        seed=seed,
    )
    components = load(preset).components
    make_folder(out)
    with progress_bars() as progress:
        result = run_bench(components, out, config, progress)
    if as_json:
        print_json(result)
        return
    rows = result["rows"]
    typer.echo(table(rows) if isinstance(rows, list) else "")
    typer.echo(f"report: {out / 'index.html'}")
