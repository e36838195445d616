import pytest

from openreels.evaluation.config import BenchConfig


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
