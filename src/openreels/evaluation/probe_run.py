"""A training of the probes in a folder: one probe after the other, each saved when it is done."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from openreels.evaluation.train_probes import (
    ProbeTraining,
    train_pixel_probe,
    train_sound_probe,
    train_track_probe,
)
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.weights.checkpoint import load_network, read_network_header, save_network

EXPORT_FILE = "probe.safetensors"
PHASES = {"sound": train_sound_probe, "pixel": train_pixel_probe, "track": train_track_probe}
"""Trainings in order; the track probe reads what the pixel probe sees."""
REPORTS = 50
"""Reports a probe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeProgress:
    """What a training of the probes reports."""

    part: str
    """Which probe."""
    done: int
    """Share of its time that is over, in ``REPORTS`` parts."""


def run_probes(
    out: Path,
    *,
    config: ProbeConfig | None = None,
    training: ProbeTraining | None = None,
    time_limit_s: float | None = None,
    watch: Callable[[ProbeProgress], bool] = lambda _: False,
) -> bool:
    """Train the probes of StageBench, going on after the last probe that a call finished.

    A probe that is interrupted starts again; each takes minutes.

    Args:
        out: Folder of the weights file ``probe.safetensors``; when the file is there, it is gone on
            from.
        config: Sizes; the shipped ones by default.
        training: Data and processor time of each probe; the shipped ones by default.
        time_limit_s: Processor seconds for what is left; all probes get less of it in proportion.
        watch: Told of the progress; True ends the call.

    Returns:
        Whether all probes are trained.
    """
    training, path = training or ProbeTraining(), out / EXPORT_FILE
    if path.is_file():
        probe = load_network(path, kind=StageProbe)
        done = list(read_network_header(path).metadata["trained"])
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            probe, done = StageProbe(config or ProbeConfig()), []
    left = [name for name in PHASES if name not in done]
    training = _within(training, left, time_limit_s)
    for name in left:
        asked = _Asked(name, watch)
        PHASES[name](probe.train(), replace(training, watch=asked))
        if asked.ended:
            return False
        done.append(name)
        save_network(path, probe, metadata={"recipe": "probe", "trained": done})
    return True


class _Asked:
    """Reports now and then, and remembers that it ended a training."""

    def __init__(self, part: str, watch: Callable[[ProbeProgress], bool]) -> None:
        self.ended = False
        self._part, self._watch, self._told = part, watch, -1

    def __call__(self, share: float) -> bool:
        done = int(share * REPORTS)
        if done > self._told:
            self._told = done
            self.ended = self._watch(ProbeProgress(part=self._part, done=done))
        return self.ended


def _within(training: ProbeTraining, names: list[str], limit_s: float | None) -> ProbeTraining:
    fields = {name: f"{name}_seconds" for name in PHASES}
    needed = sum(getattr(training, fields[name]) for name in names)
    if limit_s is None or needed <= limit_s:
        return training
    factor = max(limit_s, 1e-6) / needed
    seconds = {field: factor * getattr(training, field) for field in fields.values()}
    return replace(training, **seconds)
