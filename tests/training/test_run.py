import json
import os
import signal
import subprocess
import sys
import time

import pytest

from openreels.training.run import load_recipe, run_recipe
from openreels.weights.tensors import read_header

RECIPE = """
from dataclasses import replace
from openreels.training.config import *
from openreels.training.recipes import tiny

CLIP = ClipConfig(duration_s=0.5, short_side=32)

def recipe():
    (run,) = tiny()
    model = replace(run.model, width=24, mlp_width=24, num_single=1, rope_widths=(4, 4, 4))
    data = PrecomputeConfig(folder="data/x", clip=CLIP, count=3, shard_size=2, codecs=run.codecs)
    return data, replace(
        run, model=model, data=(ShardData(folder="data/x"),), steps={steps}, log_every=1
    )
"""


def write(tmp_path, steps):
    path = tmp_path / "mine.py"
    path.write_text(RECIPE.replace("{steps}", str(steps)))
    return str(path)


def test_a_recipe_file_precomputes_and_trains(tmp_path):
    reports = []
    recipe = write(tmp_path, 2)
    assert run_recipe(recipe, out=tmp_path / "out", report=reports.append)
    assert [(r.part, r.done, r.total) for r in reports] == [
        ("data/x", 1, 2), ("data/x", 2, 2), ("tiny", 1, 2), ("tiny", 2, 2),
    ]  # fmt: skip
    assert reports[-1].values["loss"] > 0
    assert (tmp_path / "out" / "tiny" / "mmdit.safetensors").exists()
    assert run_recipe(recipe, out=tmp_path / "out", report=reports.append)
    assert len(reports) == 4
    assert not run_recipe(write(tmp_path, 9), out=tmp_path / "other", time_limit_s=0.0)
    assert not (tmp_path / "other").exists()


def test_sigterm_saves_and_the_next_call_goes_on(tmp_path):
    recipe, out = write(tmp_path, 10**6), tmp_path / "out"
    code = (
        "import torch; torch.set_num_threads(1);"
        "from openreels.training.run import run_recipe;"
        f"raise SystemExit(3 if run_recipe({recipe!r}, out={str(out)!r}) else 0)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    log = out / "tiny" / "log.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 1):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    step = read_header(out / "tiny" / "state.safetensors")["step"]
    assert step == json.loads(log.read_text().splitlines()[-1])["step"] >= 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no recipe file"),
        ("x = 1", r"must define a function recipe\(\)"),
        ("def recipe():\n    return 3", "must return records of training.config"),
    ],
)
def test_files_without_a_recipe_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load_recipe(str(path))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"one of .*\btiny, stage\b.* got .huge."):
        load_recipe("huge")
