"""The ``openreels`` command: its subcommands, and how errors are told. No network is imported."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from openreels import __version__
from openreels.cli.average import average
from openreels.cli.bench import bench
from openreels.cli.combine import combine
from openreels.cli.generate import generate
from openreels.cli.inspect import inspect
from openreels.cli.merge import merge
from openreels.cli.pack import pack
from openreels.cli.plan import plan
from openreels.cli.refine import refine
from openreels.cli.stage import stage_app
from openreels.cli.train import train
from openreels.core.errors import MissingExtraError

_STOPPED = 130
"""Exit status after Ctrl-C."""
_FULL = (
    "there is not enough memory for this; choose a shorter duration, a smaller resolution or a "
    "smaller batch"
)

app = typer.Typer(
    name="openreels",
    help="Make clips with synchronised sound from prompts, pictures, clips and masks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
app.command()(generate)
app.command()(refine)
app.add_typer(stage_app, name="stage")
app.command()(plan)
app.command()(bench)
app.command()(train)
app.command()(average)
app.command()(combine)
app.command()(merge)
app.command()(pack)
app.command()(inspect)


def _show_version(asked: bool) -> bool:
    if asked:
        typer.echo(__version__)
        raise typer.Exit
    return asked


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make clips with synchronised sound from prompts, pictures, clips and masks."""
    del version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: Words after ``openreels``; None takes those of the process.

    Returns:
        Exit status: 0 is done, 2 is wrong input or too little memory (told in one sentence on
        stderr), 130 is Ctrl-C.

    Raises:
        RuntimeError: If the program has a mistake.
    """
    words = None if arguments is None else list(arguments)
    try:
        status = app(words, standalone_mode=False)
    except TyperException as error:
        return _tell(_usage(error), status=2)
    except (ValueError, MissingExtraError) as error:
        return _tell(" ".join(str(error).split()), status=2)
    except OSError as error:
        return _tell(f"{error.filename or 'a file'}: {error.strerror or error}", status=2)
    except MemoryError:
        return _tell(_FULL, status=2)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        return _tell(_FULL, status=2)
    except (typer.Abort, KeyboardInterrupt):
        status = _STOPPED
    if status == _STOPPED:
        return _tell("stopped; no half-written file is left", status=_STOPPED)
    return status if isinstance(status, int) else 0


def run() -> None:
    """Run the process's command line and exit with its status."""
    sys.exit(main())


def _usage(error: TyperException) -> str:
    message = error.format_message() if hasattr(error, "format_message") else str(error)  # type: ignore[attr-defined]
    message = " ".join(message.split()).rstrip(".")
    return f"{message}; see openreels --help" if message else ""


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out; torch says so in words, and has a class for devices alone."""
    told = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return any(each in told for each in words)


def _tell(message: str, *, status: int) -> int:
    if message:
        typer.echo(f"error: {message}", err=True)
    return status
