"""Actors and scenes of which a test says only what it is about."""

import pytest

from openreels.stage.scene import Actor, Scene


@pytest.fixture(scope="session")
def make_actor():
    """A bouncing red ball, or what it is changed to."""

    def make(**changes):
        fields = {
            "shape": "ball",
            "colour": "red",
            "material": "rubber",
            "size": "medium",
            "action": "bounce",
            "start_x": 0.0,
            "direction": "right",
            "tempo": 1.0,
            "phase_s": 0.1,
            "height": 0.6,
        }
        return Actor(**(fields | changes))

    return make


@pytest.fixture(scope="session")
def make_scene():
    """Actors in a room by day, or where it is changed to."""

    def make(*actors, **changes):
        fields = {
            "seed": 0,
            "index": 0,
            "place": "room",
            "time_of_day": "day",
            "camera": "static",
        }
        return Scene(actors=actors, **(fields | changes))

    return make


@pytest.fixture(scope="session")
def check_synonyms():
    """A check that a table has every word, each with synonyms that belong to no other."""

    def check(words, table, least=2):
        assert set(table) == set(words)
        common = [word for entry in table.values() for word in entry.common]
        rare = [word for entry in table.values() for word in entry.rare]
        assert len(set(common)) == len(common)
        assert len(set(rare)) == len(rare)
        assert not set(common) & set(rare)
        assert all(len(entry.common) >= least and entry.rare for entry in table.values())

    return check
