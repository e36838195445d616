import json
import math

import pytest

from openreels.evaluation.compare import (
    bootstrap,
    compare,
    comparison_table,
    is_bench,
    read_bench,
    write_comparison,
)


def run(ours: float, single: list[float] | None) -> dict:
    rows = [{"task": "text", "figure": "colour", "ours": ours}]
    if single is None:
        return {"rows": rows}
    return {"rows": rows, "examples": [{"task": "text", "figure": "colour", "ours": single}]}


def test_a_constant_difference_of_pairs_has_an_interval_of_no_width():
    values = [0.1, 0.9, 0.5, 0.3]
    found = bootstrap(values, [v + 0.2 for v in values])
    assert found.difference == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2)
    assert found.high == pytest.approx(0.2)


def test_the_interval_of_the_mean_is_as_wide_as_theory_says():
    values = [float(k % 2) for k in range(400)]
    found = bootstrap([0.0] * 400, values)
    half = 1.96 * 0.5 / math.sqrt(400)
    assert found.difference == 0.5
    assert found.low == pytest.approx(0.5 - half, abs=0.015)
    assert found.high == pytest.approx(0.5 + half, abs=0.015)


def test_what_could_not_be_measured_is_left_out_in_pairs():
    found = bootstrap([None, 0.0, 1.0, math.nan], [5.0, 1.0, 2.0, 9.0])
    assert (found.difference, found.low, found.high) == (1.0, 1.0, 1.0)
    assert math.isnan(bootstrap([1.0], [2.0]).low)
    assert bootstrap([1.0], [2.0]).difference == 1.0
    assert math.isnan(bootstrap([], []).difference)


def test_lists_of_other_lengths_are_drawn_apart():
    found = bootstrap([0.0, 1.0] * 20, [1.0, 2.0] * 30)
    assert found.difference == pytest.approx(1.0)
    assert found.low < 1 < found.high


def test_runs_side_by_side(tmp_path):
    rows = compare(run(0.5, [0.0, 1.0, 0.5]), run(0.75, [0.25, 1.25, 0.75]))
    assert rows[0]["difference"] == pytest.approx(0.25)
    assert rows[0]["clear"] is True
    bare = compare(run(0.5, None), run(0.75, None))
    assert bare[0]["difference"] == pytest.approx(0.25)
    assert bare[0]["clear"] is False
    assert comparison_table(rows).splitlines()[2].startswith("| text | colour | 0.500 | 0.750 |")
    result = write_comparison(tmp_path, bare, ("old", "new"))
    assert json.loads((tmp_path / "compare.json").read_text()) == result
    assert result["rows"][0]["low"] is None
    assert "old" in (tmp_path / "compare.html").read_text()


def test_a_figure_of_one_run_alone_has_no_difference():
    rows = compare({"rows": []}, run(0.5, None))
    assert math.isnan(rows[0]["a"])
    assert math.isnan(rows[0]["difference"])


def test_what_is_no_bench_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a comparison needs two"):
        read_bench(tmp_path)
    (tmp_path / "bench.json").write_text("{}")
    assert is_bench(tmp_path)
    with pytest.raises(ValueError, match="holds rows"):
        read_bench(tmp_path)
    (tmp_path / "bench.json").write_text(json.dumps(run(0.5, None)))
    assert read_bench(tmp_path) == read_bench(tmp_path / "bench.json")
    assert not is_bench(tmp_path / "none")
