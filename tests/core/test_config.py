import dataclasses
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.config import from_dict, from_json, to_dict, to_json


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    axes: tuple[int, int] = (1, 2)
    theta: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outer:
    name: str
    mode: Literal["fast", "std"] = "fast"
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    maybe: int | None = None
    table: dict[str, float] = dataclasses.field(default_factory=dict)
    flag: bool = False


@given(
    st.builds(
        Outer,
        name=st.text(max_size=20),
        mode=st.sampled_from(["fast", "std"]),
        inner=st.builds(
            Inner, theta=st.floats(allow_nan=False, allow_infinity=False), axes=st.just((3, 4))
        ),
        many=st.lists(st.just(Inner(axes=(5, 6))), max_size=3).map(tuple),
        maybe=st.none() | st.integers(),
        table=st.dictionaries(st.text(max_size=3), st.floats(-1, 1), max_size=3),
        flag=st.booleans(),
    )
)
def test_json_round_trip_is_the_identity(record):
    assert from_json(Outer, to_json(record)) == record
    assert from_dict(Outer, to_dict(record)) == record


def test_missing_fields_are_refused_unless_allowed():
    assert from_json(Outer, '{"name": "a"}', allow_missing=True) == Outer(name="a")
    with pytest.raises(ValueError, match=r"^mode is missing"):
        from_json(Outer, '{"name": "a"}')
    with pytest.raises(ValueError, match=r"^name is missing"):
        from_json(Outer, "{}", allow_missing=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"naem": 1}, r"^naem is not a field of Outer"),
        ({"inner": {"axes": [1, 2], "thetaa": 1.0}}, r"^inner\.thetaa is not a field of Inner"),
        ({"inner": {"axes": [1, "x"]}}, r"^inner\.axes\[1\] must be a whole number, got the text"),
        ({"inner": {"axes": [1, 2, 3]}}, r"^inner\.axes must have 2 entries, got 3"),
        ({"inner": 3}, r"^inner must be a JSON object, got the number 3"),
        ({"many": [{"axes": [1, 2]}, {"theta": "a"}]}, r"^many\[1\]\.theta must be a number"),
        ({"many": {}}, r"^many must be a list, got an object"),
        ({"mode": "slow"}, r"^mode must be one of fast, std, got 'slow'"),
        ({"mode": ["fast"]}, r"^mode must be one of fast, std"),
        ({"maybe": 1.0}, r"^maybe must be a whole number"),
        ({"maybe": True}, r"^maybe must be a whole number, got true"),
        ({"flag": 1}, r"^flag must be true or false"),
        ({"table": {"k": "v"}}, r"^table\.k must be a number"),
        ({"name": None}, r"^name must be text, got null"),
        ({"inner": {"theta": float("nan")}}, r"^inner\.theta must be a finite number"),
        ({"inner": {"theta": 10**400}}, r"^inner\.theta must be a finite number, got a whole"),
        ({"table": {"k": -(10**400)}}, r"^table\.k must be a finite number, got a whole"),
    ],
)
def test_wrong_values_name_the_full_path(change, message):
    with pytest.raises(ValueError, match=message):
        from_dict(Outer, {"name": "a", **change}, allow_missing=True)


@pytest.mark.parametrize("text", ["", "{", "[1]", "nonsense", '{"name": "a", "name": "b"}'])
def test_text_that_is_not_one_json_object_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|written twice"):
        from_json(Outer, text, allow_missing=True)


def test_hostile_json_is_refused():
    with pytest.raises(ValueError, match=r"nested too deeply|fails at"):
        from_json(Outer, "[" * 200_000)
    with pytest.raises(ValueError, match="may have"):
        from_json(Outer, " " * 2_000_000)
