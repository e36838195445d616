import torch

from openreels.evaluation.probe_run import EXPORT_FILE, PHASES, run_probes
from openreels.evaluation.train_probes import ProbeTraining
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
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
