"""``openreels combine``: the sum of low-rank changes, each in a part."""

from pathlib import Path
from typing import Annotated

import typer

from openreels.cli.console import print_json
from openreels.cli.parsing import parse_lora


def combine(
    parts: Annotated[
        list[str], typer.Argument(help="FILE or FILE=SCALE: changes, and how much of them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    base: Annotated[
        Path | None, typer.Option(help="Weights that they change; the shipped ones by default.")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Of the result; the largest of theirs by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the sum of low-rank changes, each in a part, as one file of one rank."""
    from openreels.weights.checkpoint import shipped_path
    from openreels.weights.combine import combine_files

    read = [parse_lora(text, option="combine") for text in parts]
    combine_files(base or shipped_path("mmdit"), read, output, rank=rank)
    if as_json:
        print_json({
            "path": str(output),
            "parts": [{"path": path, "share": share} for path, share in read],
        })
    else:
        typer.echo(str(output))
