"""``openreels merge``: weights with low-rank changes in them, as one file."""

from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import print_json
from openreels.cli.parsing import parse_lora


def merge(
    parts: Annotated[
        list[str], typer.Argument(help="FILE or FILE=SCALE: changes, and how much of them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    base: Annotated[
        Path | None, typer.Option(help="Weights that they change; the shipped ones by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write weights with low-rank changes added to them, e.g. to train on from there."""
    from openreels.pipelines.low_rank import merge_files
    from openreels.weights.checkpoint import shipped_path

    read = [parse_lora(text, option="merge") for text in parts]
    merge_files(base or shipped_path("mmdit"), read, output)
    if as_json:
        print_json({
            "path": str(output),
            "parts": [{"path": path, "share": share} for path, share in read],
        })
    else:
        typer.echo(str(output))
