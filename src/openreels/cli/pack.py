"""``openreels pack``: a file of weights in eight bits."""

from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import print_json


def pack(
    file: Annotated[Path, typer.Argument(help="Weights or low-rank changes (.safetensors).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write weights with eight bits a number: half the size, read wherever the file was."""
    from openreels.weights.packing import pack_file

    before = file.stat().st_size if file.exists() else 0  # which the result may replace
    pack_file(file, output)
    if as_json:
        after = output.stat().st_size
        print_json({"path": str(output), "bytes": after, "bytes_before": before})
    else:
        typer.echo(str(output))
