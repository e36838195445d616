"""``openreels inspect``: what is in a weights file, a request, a clip, a sound or a picture."""

from pathlib import Path
from typing import Annotated, Any

import typer

from openreels.cli.console import print_json
from openreels.core.config import to_dict
from openreels.core.request import validate

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def inspect(
    file: Annotated[Path, typer.Argument(help="A .safetensors, .json or media file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the facts of a file without running anything."""
    from openreels.media.files import check_readable

    check_readable(file)
    suffix = file.suffix.lower()
    if suffix == ".safetensors":
        facts = _weights(file)
    elif suffix == ".json":
        facts = _request(file)
    elif suffix in _PICTURES:
        facts = _picture(file)
    else:
        facts = _media(file)
    if as_json:
        print_json({"path": str(file), **facts})
        return
    for name, value in _flat(facts):
        typer.echo(f"{name}: {value}")


def _weights(file: Path) -> dict[str, Any]:
    from openreels.weights.lora import LoraHeader, read_any_header
    from openreels.weights.tensors import read_tensors, stored_types

    header = read_any_header(file)
    is_lora = isinstance(header, LoraHeader)
    tensors = read_tensors(file)[0].values()
    return {
        "kind": "low-rank changes" if is_lora else "weights",
        "network": header.network,
        "parameters": sum(tensor.numel() for tensor in tensors),
        "dtypes": list(stored_types(file)),
        "config": to_dict(header.config) if is_lora else header.config,
        "metadata": header.metadata,
    }


def _request(file: Path) -> dict[str, Any]:
    from openreels.cli.generate import read_request

    return {"kind": "request", **to_dict(validate(read_request(file)))}


def _picture(file: Path) -> dict[str, Any]:
    from openreels.media.image import read_image

    height, width = read_image(file).shape[:2]
    return {"kind": "picture", "width": width, "height": height}


def _media(file: Path) -> dict[str, Any]:
    from openreels.media.video import probe

    facts = to_dict(probe(file))
    return {"kind": "sound" if facts["width"] is None else "clip", **facts}


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        elif value not in (None, [], ""):
            rows.append((f"{prefix}{name}", value))
    return rows
