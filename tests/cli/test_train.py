import pytest

from openreels.weights.checkpoint import read_network_header

RECIPE = """
from dataclasses import replace
from openreels.training.config import ClipConfig, StageData
from openreels.training.recipes import tiny

def recipe():
    (run,) = tiny()
    model = replace(run.model, width=24, mlp_width=24, num_single=1, rope_widths=(4, 4, 4))
    data = (StageData(count=1, clip=ClipConfig(duration_s=0.5, short_side=32)),)
    return replace(run, model=model, data=data, steps=2, log_every=1)
"""


def test_a_recipe_is_run_told_and_gone_on_with(openreels, tmp_path):
    (tmp_path / "mine.py").write_text(RECIPE)
    result = openreels("train", "mine.py", "--out", "run", "--time-limit", "10m")
    assert result.status == 0, result.err
    assert result.out == "run: done\n"
    assert "tiny: 2/2 loss " in result.err
    assert read_network_header(tmp_path / "run" / "tiny" / "mmdit.safetensors").network == "mmdit"
    again = openreels("train", "mine.py", "--out", "run")
    assert (again.status, again.out) == (0, "run: done\n")
    assert "loss" not in again.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "a recipe must be one of"),
        (["none.py"], "there is no recipe file at none.py"),
        (["tiny", "--time-limit", "soon"], "--time-limit takes seconds or a time"),
        (["tiny", "--out", "/proc/run"], "a folder that can be made"),
    ],
)
def test_wrong_input_is_one_sentence(openreels, tmp_path, words, message):
    result = openreels("train", *words)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
