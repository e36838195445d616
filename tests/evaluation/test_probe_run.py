import torch

from openreels.evaluation.probe_run import (
    EXPORT_FILE,
    PHASES,
    WORLD_FILE,
    WORLD_PHASES,
    run_probes,
    run_world_probe,
)
from openreels.evaluation.train_probes import ProbeTraining
from openreels.evaluation.train_world_probe import WorldProbeTraining
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.models.probe.world import WorldProbe
from openreels.models.probe.world_config import WorldProbeConfig
from openreels.weights.checkpoint import load_network, read_network_header

TINY = ProbeTraining(track_clips=8, num_frames=17)
CONFIG = ProbeConfig(width=8)


def test_probes_are_trained_one_by_one_within_the_limit_and_gone_on_with(tmp_path):
    def until_pixel(progress):
        return progress.part == "pixel"

    words = {"config": CONFIG, "training": TINY}
    assert not run_probes(tmp_path, time_limit_s=1.0, watch=until_pixel, **words)
    path = tmp_path / EXPORT_FILE
    assert read_network_header(path).metadata["trained"] == ["sound"]
    first = load_network(path, kind=StageProbe)
    seen = []
    assert run_probes(tmp_path, time_limit_s=1.0, watch=lambda p: bool(seen.append(p)), **words)
    assert read_network_header(path).metadata["trained"] == list(PHASES)
    assert {p.part for p in seen} == {"pixel", "track"}
    probe = load_network(path, kind=StageProbe)
    assert probe.config == CONFIG
    for name, value in probe.state_dict().items():
        kept = torch.equal(value, first.state_dict()[name])
        if name.startswith("sound."):
            assert kept, name
    assert any(
        not torch.equal(value, first.state_dict()[name])
        for name, value in probe.state_dict().items()
        if name.startswith("pixels.")
    )
    assert run_probes(tmp_path, watch=lambda p: True, **words)  # nothing is left to do


def test_the_probe_of_looks_and_voices_is_trained_and_kept_the_same_way(tmp_path):
    words = {"config": WorldProbeConfig(width=8), "training": WorldProbeTraining(scenes=2)}
    assert not run_world_probe(tmp_path, watch=lambda p: True, **words)
    assert not (tmp_path / WORLD_FILE).exists()
    assert run_world_probe(tmp_path, time_limit_s=0.3, **words)
    header = read_network_header(tmp_path / WORLD_FILE)
    assert header.metadata["trained"] == list(WORLD_PHASES)
    assert load_network(tmp_path / WORLD_FILE, kind=WorldProbe).config == words["config"]
