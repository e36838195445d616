import pytest

from openreels.evaluation.config import GROUPS, PARTS, ROWS, BenchConfig, rows_named


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 1}, "count must be at least 2, got 1"),
        ({"task_count": -1}, "task_count must not be negative"),
        ({"tasks": ("text", "smell")}, "tasks must be among .* got smell"),
    ],
)
def test_wrong_numbers_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        BenchConfig(**fields)


def test_groups_stand_for_their_rows_and_each_row_runs_once():
    assert rows_named("text, first") == ("text", "first")
    assert rows_named("edits,edit colour") == GROUPS["edits"]
    assert rows_named("all") == (*PARTS, *ROWS)
    split = ("features", "references", "guided", "inpainting", "edits")
    assert sorted(row for name in split for row in GROUPS[name]) == sorted(ROWS)
    assert BenchConfig(tasks=rows_named("base,guided")).tasks == (*PARTS, *GROUPS["guided"])
    with pytest.raises(ValueError, match="got moon"):
        BenchConfig(tasks=rows_named("moon"))
