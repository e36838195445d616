"""``openreels merge``: weights with low-rank changes in them, as one file."""

from openreels.cli.combine import AsJson, Base, Output, Parts, tell_parts
from openreels.cli.parsing import parse_lora


def merge(parts: Parts, output: Output, base: Base = None, as_json: AsJson = False) -> None:
    """Write weights with low-rank changes added to them, e.g. to train on from there."""
    from openreels.pipelines.low_rank import merge_files
    from openreels.weights.checkpoint import shipped_path

    read = [parse_lora(text, option="merge") for text in parts]
    merge_files(base or shipped_path("mmdit"), read, output)
    tell_parts(output, read, as_json=as_json)
