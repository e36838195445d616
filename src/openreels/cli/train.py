"""``openreels train``: run a recipe, and go on where it stopped."""

from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import make_folder, progress_bars
from openreels.cli.parsing import parse_time


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="Name of a recipe (probe, world-probe: of the bench), or .py file."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/RECIPE.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop and save after it: 3600, 30m, 1.5h.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from the saved state, if any.")
    ] = True,
) -> None:
    """Train from a recipe; Ctrl-C saves, the same command goes on."""
    limit_s = None if time_limit is None else parse_time(time_limit)
    if recipe in {"probe", "world-probe"}:
        folder = make_folder(Path("runs") / recipe if out is None else out)
        _train_probes(recipe, folder, limit_s, resume)
        return
    from openreels.training.run import Progress, load_recipe, run_recipe

    load_recipe(recipe)
    folder = make_folder(Path("runs") / Path(recipe).stem if out is None else out)
    with progress_bars() as bars:

        def report(progress: Progress) -> None:
            loss = progress.values.get("loss")
            note = "" if loss is None else f"loss {loss:.4f}"
            bars(progress.part, progress.done, progress.total, note)

        finished = run_recipe(
            recipe, out=folder, time_limit_s=limit_s, resume=resume, report=report
        )
    _tell_end(folder, finished)


def _tell_end(folder: Path, finished: bool) -> None:
    how = "done" if finished else "stopped and saved; run the same command to go on"
    typer.echo(f"{folder}: {how}")


def _train_probes(recipe: str, folder: Path, limit_s: float | None, resume: bool) -> None:
    from openreels.evaluation import probe_run
    from openreels.evaluation.probe_run import REPORTS, ProbeProgress
    from openreels.training.run import stop_on_signals

    files = {"probe": probe_run.EXPORT_FILE, "world-probe": probe_run.WORLD_FILE}
    runs = {"probe": probe_run.run_probes, "world-probe": probe_run.run_world_probe}
    if not resume:
        (folder / files[recipe]).unlink(missing_ok=True)
    with progress_bars() as bars, stop_on_signals() as asked:

        def watch(progress: ProbeProgress) -> bool:
            bars(f"{progress.part} probe", progress.done, REPORTS)
            return asked()

        finished = runs[recipe](folder, time_limit_s=limit_s, watch=watch)
    _tell_end(folder, finished)
