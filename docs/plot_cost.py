"""Draws what a clip costs against its resolution and its length, from the plans themselves.

python docs/plot_cost.py [-o docs/img/cost.png]
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl

from openreels.core.request import RESOLUTIONS, GenerationRequest
from openreels.pipelines.machines import MACHINES, UTILISATION
from openreels.pipelines.plan import find_model, plan
from openreels.pipelines.plan_records import PlanOptions

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

PRESETS = ("5b", "14b")
REQUEST = GenerationRequest(prompt="a clip", aspect_ratio="16:9", resolution="1080p", duration_s=5)
SIZES = [name for name, side in RESOLUTIONS.items() if side >= 256]
SECONDS = (1, 2, 3, 5, 7, 10, 12, 15)
LOOKS = {
    "direct": ("C3", "-"),
    "direct, sparse": ("C3", "--"),
    "cascade": ("C0", "-"),
    "cascade, sparse": ("C0", "--"),
}
PETA = 1e15


def costs(preset: str, requests: Sequence[GenerationRequest]) -> dict[str, list[float]]:
    """Operations in 10^15 of every way, one a request."""
    model, options = find_model(preset), PlanOptions()
    found: dict[str, list[float]] = {name: [] for name in LOOKS}
    for request in requests:
        for way in plan(model, request, options).strategies:
            found[way.name].append(way.total_flops / PETA)
    return found


def draw(axes: Axes, points: Sequence[float], ways: dict[str, list[float]]) -> None:
    """Draw the ways over their points, and hours of one GPU at the right."""
    for name, values in ways.items():
        colour, line = LOOKS[name]
        axes.plot(points, values, line, color=colour, marker=".", label=name)
    axes.set_yscale("log")
    axes.grid(alpha=0.25)
    machine = next(machine for machine in MACHINES if machine.name == "H200 SXM")
    an_hour = machine.tflops * 1e12 * UTILISATION * 3600 / PETA
    right = axes.secondary_yaxis(
        "right", functions=(lambda cost: cost / an_hour, lambda hours: hours * an_hour)
    )
    right.set_ylabel(f"hours of one {machine.name} at {UTILISATION:.0%}", fontsize=8)


def main() -> None:
    """Plan, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/img/cost.png"))
    options = parser.parse_args()
    figure, grid = plt.subplots(
        len(PRESETS), 2, figsize=(10.5, 3.6 * len(PRESETS)), layout="constrained"
    )
    by_size = [replace(REQUEST, resolution=name) for name in SIZES]
    by_length = [replace(REQUEST, duration_s=seconds) for seconds in SECONDS]
    for preset, (left, right) in zip(PRESETS, grid, strict=True):
        draw(left, range(len(SIZES)), costs(preset, by_size))
        left.set_xticks(range(len(SIZES)), SIZES)
        left.set_ylabel("operations, 10$^{15}$")
        left.set_title(f"{preset}, {REQUEST.duration_s} s at 16:9", fontsize=9)
        draw(right, SECONDS, costs(preset, by_length))
        right.set_xlabel("seconds")
        right.set_title(f"{preset}, {REQUEST.resolution} at 16:9", fontsize=9)
    grid[0][0].legend(fontsize=8)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)


if __name__ == "__main__":
    main()
