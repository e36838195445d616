"""Draws the loss curves of one run, or of runs that follow one another, from their log.jsonl.

python docs/plot_log.py runs/stage_short/log.jsonl [more logs] -o docs/img/loss.png
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Rows = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Logs:
    """Logs put one after the other."""

    rows: Rows
    """Numbers by name; ``step`` counts on from one run to the next."""
    borders: tuple[float, ...]
    """Steps at which a new run begins, after the first."""
    hours: float
    """Time that the logged steps took; 0 if the logs do not say."""


def read_logs(paths: Sequence[Path]) -> Logs:
    """Read logs in order.

    Raises:
        ValueError: If no line of a log has a step and another number.
    """
    rows: Rows = []
    borders: list[float] = []
    offset = seconds = 0.0
    for path in paths:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [line for line in lines if "step" in line and len(line) > 1]
        if not found:
            raise ValueError(f"{path} must hold lines with a step, got none; give a run's log")
        if rows:
            borders.append(offset)
        last = 0.0
        for line in found:
            numbers = {k: float(v) for k, v in line.items() if isinstance(v, int | float)}
            seconds += numbers.get("seconds/step", 0.0) * (numbers["step"] - last)
            last = numbers["step"]
            rows.append(numbers | {"step": last + offset})
        offset += last
    return Logs(rows=rows, borders=tuple(borders), hours=seconds / 3600)


def series(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of the lines that have a number of that name."""
    pairs = [(row["step"], row[name]) for row in rows if name in row]
    steps, values = np.array(pairs, dtype=float).reshape(-1, 2).T
    return steps, values


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Gaussian average over neighbours on both sides; ``width`` is a share of all values."""
    places = np.arange(len(values))
    spread = max(width * len(values), 1e-3)
    weights = np.exp(-0.5 * ((places[:, None] - places) / spread) ** 2)
    return weights @ values / weights.sum(1)


def draw(axes: Axes, logs: Logs, names: dict[str, str], width: float) -> None:
    """Draw some numbers over the steps: pale as logged, dark as averaged."""
    for index, (name, label) in enumerate(names.items()):
        steps, values = series(logs.rows, name)
        colour = f"C{index}" if len(names) < 4 else plt.cm.viridis(0.9 * index / (len(names) - 1))
        axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.7)
        axes.plot(steps, smooth(values, width), color=colour, linewidth=1.4, label=label)
    for border in logs.borders:
        axes.axvline(border, color="0.5", linewidth=0.8, linestyle=":")
    axes.set_xlabel("step")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7)


def panels_of(rows: Rows) -> dict[str, dict[str, str]]:
    """Titles, and the numbers and labels under each: by branch, then by noise level."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    branches = {n: n.partition("/")[0] for n in ("video/loss", "audio/loss") if n in names}
    if not branches:
        skipped = {"step", "s", "rate", "lr", "seconds/step"}
        return {"training": {n: n for n in names if n not in skipped}}
    panels = {"mean squared error of the velocity": branches}
    for branch in ("video", "audio"):
        levels = sorted(n for n in names if n.startswith(f"{branch}/sigma/"))
        if levels:
            panels[f"{branch}, by noise level"] = {n: n.rpartition("/")[2] for n in levels}
    return panels


def main() -> None:
    """Read, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--width", type=float, default=0.02, help="of the average, of the run")
    options = parser.parse_args()
    logs = read_logs(options.logs)
    panels = panels_of(logs.rows)
    figure, grid = plt.subplots(
        1, len(panels), figsize=(5.2 * len(panels), 3.8), squeeze=False, layout="constrained"
    )
    for axes, (title, names) in zip(grid[0], panels.items(), strict=True):
        draw(axes, logs, names, options.width)
        axes.set_title(title, fontsize=9)
    if logs.hours:
        figure.suptitle(f"{logs.rows[-1]['step']:.0f} steps, {logs.hours:.2f} hours", fontsize=9)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)


if __name__ == "__main__":
    main()
