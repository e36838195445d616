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


def test_two_results_are_compared(openreels, tmp_path):
    for name, ours in (("a", [0.0, 1.0, 0.0]), ("b", [1.0, 1.0, 1.0])):
        rows = [{"task": "text", "figure": "colour", "ours": sum(ours) / 3}]
        single = [{"task": "text", "figure": "colour", "ours": ours}]
        (tmp_path / f"{name}.json").write_text(json.dumps({"rows": rows, "examples": single}))
    result = openreels("bench", "--compare", "a.json", "b.json", "-o", "both")
    assert result.status == 0, result.err
    assert "| text | colour | 0.333 | 1.000 | 0.667 |" in result.out
    assert json.loads((tmp_path / "both" / "compare.json").read_text())["a"] == "a.json"
    assert (tmp_path / "both" / "compare.html").is_file()


def test_a_comparison_with_nothing_is_refused(openreels, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    for pair in (("a.json", "stage"), ("none", "stage")):
        result = openreels("bench", "--compare", *pair, "-o", "both")
        assert result.status == 2
        assert result.err.count("\n") == 1
        assert not (tmp_path / "both").exists()


@pytest.mark.weights
@pytest.mark.skipif(not PROBE_FILE.is_file(), reason="the probes of StageBench are not installed")
def test_a_row_of_tasks_is_measured_or_refused(openreels, tmp_path, tiny_model):
    words = ("--count", 2, "--task-count", 1, "--duration", 1, "--steps", 1, "--preset", tiny_model)
    tasks = "text camera,edit colour"
    result = openreels("bench", *words, "--tasks", tasks, "-o", "report", "--json")
    assert result.status == 0, result.err
    told = json.loads(result.out)
    assert {row["task"] for row in told["rows"]} == {"text camera", "edit colour"}
    colour = next(r for r in told["rows"] if r["figure"] == "success")
    assert colour["floor"] == 0
    assert isinstance(told.get("refused", {}).get("edit colour", ""), str)
