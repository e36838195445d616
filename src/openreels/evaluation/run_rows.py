"""Rows of the bench: every task of the Stage world, made, measured, between ceiling and floor."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from openreels.core.request import GenerationRequest
from openreels.core.shapes import ClipShape
from openreels.evaluation.cases import Case, Made, fitted, make_case, request_of
from openreels.evaluation.clips import PlayedClip, Progress, tensors_of
from openreels.evaluation.config import ROWS, BenchConfig
from openreels.evaluation.figures import Figures, Instruments, figures_of, lip_figures
from openreels.evaluation.metrics import median
from openreels.media.clip import Clip

COLUMNS = ("ours", "ceiling", "floor", "detector")


@runtime_checkable
class Maker(Protocol):
    """Anything that makes clips from requests, such as ``pipelines.model.Model``."""

    def generate(self, request: GenerationRequest, /) -> Clip:
        """Make a clip.

        Raises:
            ValueError: If it cannot do what is asked; the sentence is kept in the report.
        """
        ...


Decoded = Callable[[torch.Tensor, torch.Tensor, ClipShape], tuple[torch.Tensor, torch.Tensor]]
"""Takes the pixels and the sound of a true clip through the autoencoders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowResults:
    """What the rows gave."""

    rows: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    """Task, figure and the mean of each column, nan where it could not be measured."""
    examples: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    """The same with a list of single values in each column."""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Rows that the maker refused, with its sentence."""
    played: list[PlayedClip] = field(default_factory=list[PlayedClip])
    """The clips."""


def run_rows(
    maker: Maker,
    decoded: Decoded,
    tools: Instruments,
    out: Path,
    config: BenchConfig,
    progress: Progress | None = None,
) -> RowResults:
    """Make and measure every asked row.

    Args:
        maker: What is measured.
        decoded: The autoencoders, for the ceiling.
        tools: The probes and judges.
        out: Folder of the report; inputs and clips go below it.
        config: Which rows and how many examples each.
        progress: Called with the row, how many are done and how many there are.

    Returns:
        Means, single values, refusals and clips. A row that is refused has its ceiling, floor and
        detector all the same.
    """
    results = RowResults()
    (out / "clips").mkdir(parents=True, exist_ok=True)
    for name in (task for task in config.tasks if task in ROWS):
        values: dict[str, dict[str, list[float]]] = {}
        cases = [make_case(name, k, config) for k in range(max(2, config.task_count))]
        for number in range(config.task_count):
            case, other = cases[number], cases[(number + 1) % len(cases)]
            clips = _references_of(case, other, decoded)
            made = _make(maker, case, (out, name, number), config, results)
            if made is not None:
                clips["ours"] = made
            for column, clip in clips.items():
                found = figures_of(case, clip, tools)
                if column == "floor":
                    found |= _lips_of_a_stranger(case, other, tools, found)
                for figure, value in found.items():
                    values.setdefault(figure, {}).setdefault(column, []).append(value)
            if progress is not None:
                progress(name, number + 1, config.task_count)
        for figure, columns in values.items():
            head: dict[str, object] = {"task": name, "figure": figure}
            means = {c: typical_of(figure, columns.get(c, ())) for c in COLUMNS}
            results.rows.append(head | means)
            results.examples.append(head | {c: columns[c] for c in COLUMNS if c in columns})
    return results


def typical_of(figure: str, values: Sequence[float]) -> float:
    """One number for many: the median of what is in ms or cents, else the mean.

    Args:
        figure: Name of the figure; its last word is the unit.
        values: Single values; nan is left out.

    Returns:
        The number; nan of nothing.
    """
    kept = [value for value in values if not math.isnan(value)]
    if figure.endswith((" ms", " cents")):
        return median(kept)
    return sum(kept) / len(kept) if kept else math.nan


def _references_of(case: Case, other: Case, decoded: Decoded) -> dict[str, Made]:
    """The clips of the other columns: through the autoencoders, worthless, and true."""
    true, shape = case.target, case.shape
    pixels, wave = decoded(true.pixels, true.waveform, shape)
    floor = case.source or fitted(other.target, shape)
    return {"ceiling": Made(pixels=pixels, waveform=wave), "floor": floor, "detector": true}


def _lips_of_a_stranger(case: Case, other: Case, tools: Instruments, found: Figures) -> Figures:
    """The floor of what is said of lips: the true picture beside the voice of another clip.

    Lips of another clip agree with its own voice.
    """
    true, voice = case.target, fitted(other.target, case.shape).waveform
    lips = lip_figures(case, Made(pixels=true.pixels, waveform=voice), tools)
    return {name: value for name, value in lips.items() if name in found}


def _make(
    maker: Maker,
    case: Case,
    where: tuple[Path, str, int],
    config: BenchConfig,
    results: RowResults,
) -> Made | None:
    """Ask for a clip; None where it is refused."""
    out, name, number = where
    if name in results.refused:
        return None
    stem = f"{name.replace(' ', '-')}-{number:03d}"
    folder = out / "inputs" / stem
    folder.mkdir(parents=True, exist_ok=True)
    request = request_of(case, folder, config, number)
    try:
        clip = maker.generate(request)
    except ValueError as error:
        results.refused[name] = str(error)
        return None
    clip.save(out / "clips" / f"{stem}.mp4")
    results.played.append(
        PlayedClip(title=f"{name}: {request.prompt}", file=f"clips/{stem}.mp4", note="")
    )
    pixels, wave = tensors_of(clip)
    silent = torch.zeros(2, case.shape.num_samples)
    return fitted(Made(pixels=pixels, waveform=silent if wave is None else wave), case.shape)
