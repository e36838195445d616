from dataclasses import replace

import pytest

from openreels.stage.reading import read
from openreels.stage.said import NamedThing


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ({"shape": "ball", "colour": "red", "action": "bounce"}, True),
        ({"handle": "hero", "action": "bounce"}, True),
        ({"handle": "hero", "like": "dance"}, True),
        ({"shape": "ball", "colour": "red"}, False),
        ({"shape": "ball", "action": "bounce"}, False),
        ({"colour": "red", "action": "bounce"}, False),
    ],
)
def test_a_thing_is_whole_with_looks_and_an_action(said, whole):
    assert NamedThing(**said).is_whole is whole


def test_a_frame_or_a_storyboard_shows_who_is_where():
    reading = read("A red rubber ball bounces in a meadow by day.")
    assert not reading.is_shown
    assert reading.things[0].is_whole
    for kind, shows in (("frame_of", True), ("story_of", True), ("place_of", False)):
        assert replace(reading, shown={kind: "it"}).is_shown is shows
