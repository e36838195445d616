"""A recipe from its first part to its last; what the ``train`` command calls.

SIGTERM and SIGINT finish the step (or the shard), save and return: nothing is lost.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

from openreels.training.companions import Companion, train_companion
from openreels.training.config import PrecomputeConfig, TrainConfig
from openreels.training.loop import Limits, train
from openreels.training.precompute import precompute
from openreels.training.recipes import RECIPES, Part
from openreels.training.refiner_config import RefinerPairsConfig
from openreels.training.refiner_data import precompute_pairs

logger = logging.getLogger(__name__)

REPORT_EVERY = 20
"""Steps between reports of the networks around the transformer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a run reports while it goes on."""

    part: str
    """Name of the part: a training run or a bucket's folder."""
    done: int
    """Steps or shards done."""
    total: int
    """Steps or shards in all; a time limit may end the run earlier."""
    values: dict[str, float]
    """Logged numbers of a training step; empty for shards."""


def load_recipe(name_or_path: str) -> tuple[Part, ...]:
    """Find a recipe by name, or as the function ``recipe`` of a Python file.

    Args:
        name_or_path: A key of ``recipes.RECIPES`` or a path that ends in ``.py``.

    Returns:
        Its parts.

    Raises:
        ValueError: If there is no such recipe, or it returns something else.
    """
    if not name_or_path.endswith(".py"):
        if name_or_path not in RECIPES:
            raise ValueError(
                f"a recipe must be one of {', '.join(RECIPES)} or a .py file, got {name_or_path!r}"
            )
        return RECIPES[name_or_path]()
    path = Path(name_or_path)
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"there is no recipe file at {path}; check the path")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    recipe = getattr(module, "recipe", None)
    if not callable(recipe):
        raise ValueError(f"{path} must define a function recipe() that returns its parts; add it")
    made: Any = recipe()
    parts: tuple[Any, ...] = made if isinstance(made, tuple) else (made,)
    if not parts or not all(isinstance(part, Part) for part in parts):
        raise ValueError(
            f"recipe() of {path} must return records of training.config or training.companions, "
            f"got {parts}"
        )
    return parts


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a question; only the main thread may hear them.

    Yields:
        Whether one of them came.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the interpreter's signature
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_recipe(
    name_or_path: str,
    *,
    out: str | Path,
    time_limit_s: float | None = None,
    resume: bool = True,
    report: Callable[[Progress], None] | None = None,
) -> bool:
    """Run a recipe, going on where an earlier call stopped.

    Args:
        name_or_path: A name of ``recipes.RECIPES`` or a Python file with a function ``recipe``.
        out: Folder of the recipe: data, and a folder a training run with its state, exported
            weights and log.
        time_limit_s: Seconds for the whole call; the learning rate falls towards their end. None
            for no limit.
        resume: False trains anew although ``out`` has a state; precomputed latents are kept.
        report: Called with the progress.

    Returns:
        Whether every part came to its end; False when a signal or the limit stopped an earlier one.
    """
    parts = load_recipe(name_or_path)
    began = time.monotonic()
    with stop_on_signals() as asked:

        def left() -> float | None:
            return None if time_limit_s is None else time_limit_s - (time.monotonic() - began)

        def over() -> bool:
            rest = left()
            return asked() or (rest is not None and rest <= 0)

        for part in parts:
            if over() or not _run_part(part, Path(out), (left, over, asked), resume, report):
                logger.info("stopped; run the same command again to go on")
                return False
    return True


Questions = tuple[Callable[[], float | None], Callable[[], bool], Callable[[], bool]]
"""Seconds left; whether to stop; whether a signal came."""


def _run_part(
    part: Part,
    out: Path,
    questions: Questions,
    resume: bool,
    report: Callable[[Progress], None] | None,
) -> bool:
    left, over, asked = questions
    if isinstance(part, PrecomputeConfig | RefinerPairsConfig):

        def shards(done: int, total: int) -> None:
            if report is not None:
                report(Progress(part=part.folder, done=done, total=total, values={}))

        if isinstance(part, RefinerPairsConfig):
            return precompute_pairs(part, out, report=shards, stop=over)
        return precompute(part, out, report=shards, stop=over)

    if not isinstance(part, TrainConfig):
        return _run_companion(part, out, (left, over, asked), resume, report)

    def steps(step: int, values: dict[str, float]) -> None:
        if report is not None:
            report(Progress(part=part.name, done=step, total=part.steps, values=values))

    limits = Limits(time_limit_s=left(), stop=lambda _: asked())
    return train(part, out, resume=resume, limits=limits, report=steps).finished


def _run_companion(
    part: Companion,
    out: Path,
    questions: Questions,
    resume: bool,
    report: Callable[[Progress], None] | None,
) -> bool:
    left, _, asked = questions

    def watch(done: int, total: int, values: Mapping[str, float]) -> bool:
        if report is not None and (done % REPORT_EVERY == 0 or done == total):
            report(Progress(part=part.name, done=done, total=total, values=dict(values)))
        return asked()

    return train_companion(part, out, time_limit_s=left(), resume=resume, watch=watch)
