"""The page of a bench run: the table and the clips, playable without a network."""

import html
import math
from collections.abc import Sequence
from pathlib import Path

from openreels.evaluation.clips import PlayedClip

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: right }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left } tr:nth-child(even) { background: #8881 }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem }
video { width: 100%; image-rendering: pixelated; background: #000 } figure { margin: 0 }
figcaption { font-size: .85rem } small { color: #777 }
"""


def write_report(path: Path, result: dict[str, object], clips: Sequence[PlayedClip]) -> None:
    """Write one self-contained HTML page beside the folder of clips.

    Args:
        path: The page.
        result: What ``run_bench`` returns.
        clips: The clips to show, with files relative to the page.

    Raises:
        ValueError: If the result has no rows.
    """
    rows = result["rows"]
    if not isinstance(rows, list):
        raise ValueError("a bench result needs a list of rows")
    columns = ("task", "figure", "ours", "ceiling", "floor", "detector")
    head = "".join(f"<th>{c}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(c))}</td>" for c in columns) + "</tr>" for row in rows
    )
    shown = "".join(
        f'<figure><video src="{html.escape(clip.file)}" controls loop preload="metadata"></video>'
        f"<figcaption>{html.escape(clip.title)}<br><small>{html.escape(clip.note)}</small>"
        "</figcaption></figure>"
        for clip in clips
    )
    aside = ("rows", "examples", "refused", "notes")
    facts = ", ".join(f"{k}: {v}" for k, v in result.items() if k not in aside)
    refused = result.get("refused")
    said = refused.items() if isinstance(refused, dict) else ()
    lines = [f"refused: {name}: {sentence}" for name, sentence in said]
    notes = result.get("notes")
    lines += [str(note) for note in notes] if isinstance(notes, list) else []
    told = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>StageBench</title>"
        f"<style>{_STYLE}</style><h1>StageBench</h1><p>{html.escape(facts)}</p>"
        "<p>Ceiling: true clips through the autoencoders. Floor: clips against the wrong prompt, "
        "and against the sound of another clip. Detector: the instruments on true clips.</p>"
        f"<table><tr>{head}</tr>{body}</table>"
        f"{f'<h2>Notes</h2><ul>{told}</ul>' if told else ''}"
        f"<h2>Clips</h2><div class='clips'>{shown}</div></html>"
    )
    path.write_text(page, encoding="utf-8")


def _cell(value: object) -> str:
    """A number with three digits, or nothing for nan and None."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3f}"
    return "" if value is None else html.escape(str(value))
