import math

import pytest
import torch

from openreels.core.request import GenerationRequest
from openreels.evaluation.cases import make_case
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.figures import Instruments
from openreels.evaluation.run_rows import run_rows, typical_of
from openreels.media.clip import Clip, read_clip
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe

TOOLS = Instruments(probe=StageProbe(ProbeConfig(width=8)).eval())


class Unchanged:
    """Gives the source of an edit back."""

    def generate(self, request: GenerationRequest) -> Clip:
        if request.edit is None:
            raise ValueError("this maker edits, got no clip to edit; give one")
        return read_clip(request.edit)


def same(pixels, waveform, shape):
    return pixels, waveform


def test_a_row_has_ours_between_floor_and_ceiling_and_single_values(tmp_path):
    config = BenchConfig(duration_s=1.0, task_count=2, tasks=("edit colour", "text camera"))
    seen = []
    with torch.no_grad():
        found = run_rows(
            Unchanged(), same, TOOLS, tmp_path, config, lambda *words: seen.append(words)
        )
    rows = {(r["task"], r["figure"]): r for r in found.rows}
    success = rows["edit colour", "success"]
    assert (success["ours"], success["ceiling"], success["floor"]) == (0.0, 1.0, 0.0)
    assert rows["edit colour", "trace of the source"]["ours"] == pytest.approx(1, abs=0.1)
    assert len(list((tmp_path / "clips").glob("edit-colour-*.mp4"))) == len(found.played) == 2
    assert seen[-1] == ("text camera", 2, 2)
    single = {(e["task"], e["figure"]): e for e in found.examples}
    assert len(single["edit colour", "success"]["ours"]) == 2
    assert found.refused == {"text camera": "this maker edits, got no clip to edit; give one"}
    camera = rows["text camera", "camera right"]
    assert math.isnan(camera["ours"])
    assert camera["ceiling"] == 1.0


def test_the_floor_of_a_generated_clip_is_another_scene(tmp_path):
    config = BenchConfig(duration_s=1.0, task_count=1, tasks=("storyboard",))
    with torch.no_grad():
        found = run_rows(Unchanged(), same, TOOLS, tmp_path, config)
    row = found.rows[0]
    assert row["ceiling"] == 100
    assert row["floor"] < 25
    assert make_case("storyboard", 0, config).source is None


def test_medians_of_times_and_means_of_the_rest():
    assert typical_of("lip sync off ms", [1.0, 2.0, 90.0]) == 2.0
    assert typical_of("sung pitch off cents", [1.0, math.nan, 3.0, 2.0]) == 2.0
    assert typical_of("colour kept", [1.0, 0.0, math.nan]) == 0.5
    assert math.isnan(typical_of("colour kept", []))
