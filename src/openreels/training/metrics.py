"""What is logged: losses by branch, task and noise level, rates and norms, as JSON lines."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from openreels.training.batch import TrainingBatch
from openreels.training.step import StepLoss

NUM_SIGMA_BINS = 5
"""Noise levels are reported in so many equal bins of [0, 1]."""

logger = logging.getLogger(__name__)


class Meter:
    """Means over the steps since they were last taken."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, value: float) -> None:
        """Count one value."""
        self._sums[name] += value
        self._counts[name] += 1

    def add_loss(self, loss: StepLoss, batch: TrainingBatch) -> None:
        """Count the losses of a step: by branch, by task and by noise level."""
        self.add("loss", float(loss.total.detach()))
        if loss.keyframes is not None:
            self.add("keyframes/loss", float(loss.keyframes.detach().mean()))
        for branch, entropy in (("video", loss.truths.video), ("audio", loss.truths.audio)):
            if entropy is not None:
                self.add(f"{branch}/truth", float(entropy.detach()))
        for branch, part, levels in (
            ("video", loss.parts.video, batch.levels.video),
            ("audio", loss.parts.audio, batch.levels.audio),
        ):
            if part is None:
                continue
            bins = (levels * NUM_SIGMA_BINS).long().clamp(max=NUM_SIGMA_BINS - 1).tolist()
            for value, task, level in zip(part.tolist(), batch.tasks, bins, strict=True):
                self.add(f"{branch}/loss", value)
                self.add(f"{branch}/task/{task}", value)
                low, high = level / NUM_SIGMA_BINS, (level + 1) / NUM_SIGMA_BINS
                self.add(f"{branch}/sigma/{low:.1f}-{high:.1f}", value)

    def take(self) -> dict[str, float]:
        """Means by name, and start anew."""
        means = {name: total / self._counts[name] for name, total in sorted(self._sums.items())}
        self._sums.clear()
        self._counts.clear()
        return means


@runtime_checkable
class _Writer(Protocol):
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def close(self) -> None: ...


def _tensorboard(folder: Path) -> _Writer | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.warning(
            "no TensorBoard log is written; install openreels[train] to have one beside log.jsonl"
        )
        return None
    return SummaryWriter(str(folder))


class RunLog:
    """``log.jsonl``, a line each ``log_every`` steps, and the same numbers for TensorBoard.

    Args:
        folder: Folder of the run.
        step: Step from which the run goes on; later lines of an interrupted run are cut.
        tensorboard: Whether to write its files too.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool = True) -> None:
        self.path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            lines = self.path.read_text().splitlines()
            kept = [line for line in lines if _step_of(line) <= step]
            self.path.write_text("".join(f"{line}\n" for line in kept))
        self._writer = _tensorboard(folder / "tensorboard") if tensorboard else None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        line = {"step": step} | {name: float(f"{value:.6g}") for name, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            self._writer.close()


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError):
        return float("inf")
