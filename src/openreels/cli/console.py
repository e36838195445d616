"""What commands share: progress bars on stderr, output folders, whole JSON lines."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import typer


@runtime_checkable
class Progress(Protocol):
    """What is told how far a command is."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show the stage, units done, units in all, and a few words."""
        ...


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Draw one bar a stage on stderr while the block runs; lines where stderr is no terminal.

    Yields:
        A callback: stage, units done, units in all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _tell_line
        return
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, Any] = {}
    with Bars(*columns, console=console) as bars:

        def show(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(
                tasks[stage], completed=done, total=total, description=f"{stage} {note}".rstrip()
            )

        yield show


def _tell_line(stage: str, done: int, total: int, note: str = "") -> None:
    if note or done in (0, total):
        typer.echo(f"{stage}: {done}/{total} {note}".rstrip(), err=True)


def print_json(values: Mapping[str, object]) -> None:
    """Print one JSON object on stdout."""
    typer.echo(json.dumps(values, ensure_ascii=False))


def make_folder(path: Path) -> Path:
    """Make an output folder where there is none, and see that it can be written to.

    Raises:
        ValueError: If the path is a file or the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"the output must be a folder that can be made, got {path} ({error.strerror}); "
            "choose another"
        ) from error
    return path
