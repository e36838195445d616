import pytest

from openreels.stage.tidy import tidied


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ("a ball  rolls , by day .", "A ball rolls, by day."),
        ("a ball rolls, . the camera stays", "A ball rolls. The camera stays"),
        (", ; a ball rolls", "A ball rolls"),
        ("a ball,; rolls,", "A ball, rolls"),
        ("It is day. a ball rolls.", "It is day. A ball rolls."),
    ],
)
def test_what_was_not_said_leaves_no_trace(parts, whole):
    assert tidied(parts) == whole
    assert tidied(whole) == whole
