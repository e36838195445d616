"""Two bench runs side by side: differences with intervals by the bootstrap."""

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from openreels.core.seeding import generator

DRAWS = 2000
"""Draws of the bootstrap."""
_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A difference of means and where it may lie."""

    difference: float
    """Mean of the second less that of the first."""
    low: float
    """Lower end of the 95 % interval; nan where there are fewer than two values."""
    high: float
    """Upper end."""


def bootstrap(
    first: Sequence[float | None], second: Sequence[float | None], *, seed: int = 0
) -> Interval:
    """Estimate a difference of means from single values.

    Lists of the same length are pairs, the same prompt and seed each, and are drawn together;
    others are drawn apart. The interval is the one of percentiles.

    Args:
        first: Values of the first run; None and nan are what could not be measured.
        second: Values of the second.
        seed: Of the draws.

    Returns:
        The difference and its interval.
    """
    a, b = _numbers(first), _numbers(second)
    rng = generator(seed, "bootstrap")
    if len(a) == len(b):
        both = ~(a.isnan() | b.isnan())
        gaps = (b - a)[both]
        means, middle = _means(gaps, rng), float(gaps.mean()) if len(gaps) else math.nan
        count = len(gaps)
    else:
        a, b = a[~a.isnan()], b[~b.isnan()]
        count = min(len(a), len(b))
        means = _means(b, rng) - _means(a, rng) if count else torch.zeros(0)
        middle = float(b.mean() - a.mean()) if count else math.nan
    if count < 2:
        return Interval(difference=middle, low=math.nan, high=math.nan)
    edge = (1 - _LEVEL) / 2
    return Interval(
        difference=middle,
        low=float(means.quantile(edge)),
        high=float(means.quantile(1 - edge)),
    )


def _numbers(values: Sequence[float | None]) -> torch.Tensor:
    return torch.tensor([math.nan if v is None else v for v in values], dtype=torch.float64)


def _means(values: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    if not len(values):
        return torch.zeros(0, dtype=torch.float64)
    return values[torch.randint(len(values), (DRAWS, len(values)), generator=rng)].mean(1)


def read_bench(path: Path) -> dict[str, Any]:
    """Read ``bench.json``, or that of a folder.

    Args:
        path: The file, or its folder.

    Returns:
        Its content.

    Raises:
        ValueError: If there is no such file or it holds no rows.
    """
    file = path / "bench.json" if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"a comparison needs two bench.json or folders of weights, got {path}; check the path"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise ValueError(
            f"a bench.json holds rows, got none in {file}; make one with openreels bench"
        )
    return found


def is_bench(path: Path) -> bool:
    """Whether a path is a result of the bench rather than weights."""
    return path.is_file() or (path / "bench.json").is_file()


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, object]]:
    """Put the figures of two runs side by side.

    Args:
        first: Content of a ``bench.json``.
        second: The same.

    Returns:
        A row for each figure of either: ``a`` and ``b`` as they stand in the runs, and where
        single values are kept the ``difference`` of their means with ``low`` and ``high``;
        ``clear`` tells whether the interval leaves out 0. Without single values the difference is
        that of the figures, without an interval.
    """
    rows: list[dict[str, object]] = []
    tables = [{(r["task"], r["figure"]): r for r in run["rows"]} for run in (first, second)]
    kept = [
        {(e["task"], e["figure"]): e.get("ours") or [] for e in run.get("examples", [])}
        for run in (first, second)
    ]
    for key in dict.fromkeys([*tables[0], *tables[1]]):
        a, b = (_value(table.get(key, {}).get("ours")) for table in tables)
        known = [k.get(key, []) for k in kept]
        interval = Interval(difference=b - a, low=math.nan, high=math.nan)
        if all(known):
            interval = bootstrap(known[0], known[1])
        clear = not math.isnan(interval.low) and (interval.low > 0 or interval.high < 0)
        rows.append({
            "task": key[0],
            "figure": key[1],
            "a": a,
            "b": b,
            "difference": interval.difference,
            "low": interval.low,
            "high": interval.high,
            "clear": clear,
        })
    return rows


def _value(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


_COLUMNS = ("task", "figure", "a", "b", "difference", "low", "high", "clear")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: right }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left } tr.clear { font-weight: 600 }
"""


def comparison_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    lines += ["| " + " | ".join(_cell(row[c]) for c in _COLUMNS) + " |" for row in rows]
    return "\n".join(lines)


def write_comparison(
    out: Path, rows: Sequence[Mapping[str, object]], names: tuple[str, str]
) -> dict[str, object]:
    """Write ``compare.json`` and ``compare.html`` into a folder.

    Args:
        out: The folder; it exists.
        rows: What ``compare`` gives.
        names: What the two runs are called.

    Returns:
        The content of ``compare.json``.
    """
    plain = [{k: _finite(v) for k, v in row.items()} for row in rows]
    result: dict[str, object] = {"a": names[0], "b": names[1], "rows": plain}
    (out / "compare.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    head = "".join(f"<th>{c}</th>" for c in _COLUMNS)
    body = "".join(
        f"<tr{' class=clear' if row['clear'] else ''}>"
        + "".join(f"<td>{html.escape(_cell(row[c]))}</td>" for c in _COLUMNS)
        + "</tr>"
        for row in rows
    )
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>StageBench: two runs</title>"
        f"<style>{_STYLE}</style><h1>StageBench: two runs</h1><p>a: {html.escape(names[0])}, "
        f"b: {html.escape(names[1])}. The difference is b less a, with a 95 % interval by the "
        "bootstrap over clips; bold where the interval leaves out 0.</p>"
        f"<table><tr>{head}</tr>{body}</table></html>"
    )
    (out / "compare.html").write_text(page, encoding="utf-8")
    return result


def _finite(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else ""
    return str(value)
