"""``openreels bench``: measure a model on scenes whose truth is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from openreels.cli.console import make_folder, print_json, progress_bars

if TYPE_CHECKING:
    from openreels.evaluation.config import BenchConfig


def bench(
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")],
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two bench.json, or two weights (stage, or folders), side by side."),
    ] = None,
    suite: Annotated[str, typer.Option(help="stage, the procedural world.")] = "stage",
    tasks: Annotated[
        str | None, typer.Option(help="Parts, rows and groups, with commas between them.")
    ] = None,
    count: Annotated[int, typer.Option(help="Held-out prompts.", min=2, max=10_000)] = 100,
    task_count: Annotated[int, typer.Option(help="Clips of each other row.", min=0, max=1000)] = 8,
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
    from openreels.evaluation.config import PARTS, BenchConfig, rows_named
    from openreels.pipelines.model import load

    config = BenchConfig(
        count=count,
        task_count=task_count,
        tasks=PARTS if tasks is None else rows_named(tasks),
        duration_s=duration,
        mode=mode,
        steps=steps,
        seed=seed,
    )
    if compare is not None:
        _compare(out, compare, config, as_json=as_json)
        return
    components = load(preset).components
    make_folder(out)
    with progress_bars() as progress:
        result = run_bench(components, out, config, progress)
    if as_json:
        print_json(result)
        return
    rows = result["rows"]
    typer.echo(table(rows) if isinstance(rows, list) else "")
    refused = result.get("refused")
    for name, sentence in refused.items() if isinstance(refused, dict) else ():
        typer.echo(f"refused: {name}: {sentence}")
    notes = result.get("notes")
    for note in notes if isinstance(notes, list) else ():
        typer.echo(f"note: {note}")
    typer.echo(f"report: {out / 'index.html'}")


def _compare(out: Path, pair: tuple[str, str], config: "BenchConfig", *, as_json: bool) -> None:
    """Read or make two runs, and put them side by side."""
    from openreels.evaluation.bench import run_bench
    from openreels.evaluation.compare import (
        compare,
        comparison_table,
        is_bench,
        read_bench,
        write_comparison,
    )
    from openreels.pipelines.model import load

    given = [is_bench(Path(name)) for name in pair]
    found = [read_bench(Path(n)) if known else None for n, known in zip(pair, given, strict=True)]
    loaded = [None if known else load(n) for n, known in zip(pair, given, strict=True)]
    make_folder(out)
    with progress_bars() as progress:
        for place, model in enumerate(loaded):
            if model is not None:
                folder = make_folder(out / "ab"[place])
                run_bench(model.components, folder, config, progress)
                found[place] = read_bench(folder)
    rows = compare(found[0] or {}, found[1] or {})
    result = write_comparison(out, rows, pair)
    if as_json:
        print_json(result)
        return
    typer.echo(comparison_table(rows))
    typer.echo(f"report: {out / 'compare.html'}")
