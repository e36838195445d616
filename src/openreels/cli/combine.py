"""``openreels combine``: the sum of low-rank changes, each in a part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from openreels.cli.console import print_json
from openreels.cli.parsing import parse_lora

Parts: TypeAlias = Annotated[
    list[str], typer.Argument(help="FILE or FILE=SCALE: changes, and how much of them.")
]
Output: TypeAlias = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
Base: TypeAlias = Annotated[
    Path | None, typer.Option(help="Weights that they change; the shipped ones by default.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def combine(
    parts: Parts,
    output: Output,
    base: Base = None,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Of the result; the largest of theirs by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the sum of low-rank changes, each in a part, as one file of one rank."""
    from openreels.weights.checkpoint import shipped_path
    from openreels.weights.combine import combine_files

    read = [parse_lora(text, option="combine") for text in parts]
    combine_files(base or shipped_path("mmdit"), read, output, rank=rank)
    tell_parts(output, read, as_json=as_json)


def tell_parts(output: Path, parts: Sequence[tuple[str, float]], *, as_json: bool) -> None:
    """Print what was written, and of what.

    Args:
        output: The file.
        parts: Files of low-rank changes, and how much of each.
        as_json: Whether as one JSON object; else the path alone.
    """
    if as_json:
        print_json({
            "path": str(output),
            "parts": [{"path": path, "share": share} for path, share in parts],
        })
    else:
        typer.echo(str(output))
