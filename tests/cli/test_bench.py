import json

import pytest

from openreels.evaluation.bench import PROBE_FILE


@pytest.mark.weights
@pytest.mark.skipif(not PROBE_FILE.is_file(), reason="the probes of StageBench are not installed")
def test_a_model_is_measured_and_reported(openreels, tmp_path, tiny_model):
    words = ("--count", 2, "--task-count", 0, "--duration", 1, "--steps", 1, "--preset", tiny_model)
    result = openreels("bench", *words, "--tasks", "text", "-o", "report", "--json")
    assert result.status == 0, result.err
    told = json.loads(result.out)
    assert told["clips"] == 2
    assert {"figure", "ours", "ceiling", "floor"} <= told["rows"][0].keys()
    assert (tmp_path / "report" / "bench.json").is_file()
    assert (tmp_path / "report" / "index.html").is_file()
    assert "text: 2/2" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--suite", "moon"], "the suite must be stage, got 'moon'"),
        (["--tasks", "text,moon"], "tasks must be among"),
        (["--count", "1"], "--count"),
        (["--mode", "slow"], "--mode"),
        (["--preset", "none"], "a model is 'stage' or a folder of weights"),
    ],
)
def test_wrong_input_is_one_sentence(openreels, tmp_path, words, message):
    result = openreels("bench", "-o", "report", *words)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_is_refused(openreels, tiny_model):
    result = openreels("bench", "-o", "/proc/report", "--preset", tiny_model)
    assert result.status == 2
    assert "a folder that can be made" in result.err
