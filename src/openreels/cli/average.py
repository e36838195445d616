"""``openreels average``: the mean of two files of weights."""

from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import print_json


def average(
    first: Annotated[Path, typer.Argument(help="Weights or low-rank changes (.safetensors).")],
    second: Annotated[Path, typer.Argument(help="The same of a run with the same beginning.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Of the second; the first has the rest.")
    ] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the mean of two files of weights: what one run learnt and another kept."""
    from openreels.weights.average import average_files

    average_files(first, second, output, share=share)
    if as_json:
        print_json({"path": str(output), "share": share})
    else:
        typer.echo(str(output))
