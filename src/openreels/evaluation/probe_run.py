"""A training of the probes in a folder: one probe after the other, each saved when it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from openreels.evaluation.train_probes import (
    ProbeTraining,
    train_pixel_probe,
    train_sound_probe,
    train_track_probe,
)
from openreels.evaluation.train_world_probe import (
    WorldProbeTraining,
    train_looks,
    train_voices,
)
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.weights.checkpoint import load_network, read_network_header, save_network

EXPORT_FILE = "probe.safetensors"
PHASES = {"sound": train_sound_probe, "pixel": train_pixel_probe, "track": train_track_probe}
"""Trainings in order; the track probe reads what the pixel probe sees."""
WORLD_FILE = "world_probe.safetensors"
WORLD_PHASES = {"look": train_looks, "voice": train_voices}
"""Trainings of the probe of looks and voices, in order."""
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
    run = _Run(out / EXPORT_FILE, PHASES, training or ProbeTraining(), "probe")
    return run.go_on(lambda: StageProbe(config or ProbeConfig()), time_limit_s, watch)


def run_world_probe(
    out: Path,
    *,
    config: WorldProbeConfig | None = None,
    training: WorldProbeTraining | None = None,
    time_limit_s: float | None = None,
    watch: Callable[[ProbeProgress], bool] = lambda _: False,
) -> bool:
    """Train the probe of looks and voices, as ``run_probes`` trains the others.

    Args:
        out: Folder of the weights file ``world_probe.safetensors``.
        config: Sizes; the shipped ones by default.
        training: Data and processor time; the shipped ones by default.
        time_limit_s: Processor seconds for what is left.
        watch: Told of the progress; True ends the call.

    Returns:
        Whether all of it is trained.
    """
    run = _Run(out / WORLD_FILE, WORLD_PHASES, training or WorldProbeTraining(), "world-probe")
    return run.go_on(lambda: WorldProbe(config or WorldProbeConfig()), time_limit_s, watch)


@dataclass(frozen=True, slots=True)
class _Run:
    """Phases of one network in one file."""

    path: Path
    phases: Mapping[str, Callable[[Any, Any], None]]
    training: ProbeTraining | WorldProbeTraining
    recipe: str

    def go_on(
        self,
        make: Callable[[], nn.Module],
        limit_s: float | None,
        watch: Callable[[ProbeProgress], bool],
    ) -> bool:
        if self.path.is_file():
            probe = load_network(self.path)
            done = list(read_network_header(self.path).metadata["trained"])
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.training.seed)
                probe, done = make(), []
        left = [name for name in self.phases if name not in done]
        training = _within(self.training, left, limit_s)
        for name in left:
            asked = _Asked(name, watch)
            self.phases[name](probe.train(), replace(training, watch=asked))
            if asked.ended:
                return False
            done.append(name)
            save_network(self.path, probe, metadata={"recipe": self.recipe, "trained": done})
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


def _within(
    training: ProbeTraining | WorldProbeTraining, names: list[str], limit_s: float | None
) -> ProbeTraining | WorldProbeTraining:
    fields = {name: f"{name}_seconds" for name in names}
    needed = sum(getattr(training, field) for field in fields.values())
    if limit_s is None or needed <= limit_s:
        return training
    factor = max(limit_s, 1e-6) / needed
    seconds = {field: factor * getattr(training, field) for field in fields.values()}
    return replace(training, **seconds)
