import json
from dataclasses import dataclass, field
from typing import Literal

import pytest

from openreels.core.config import from_json, to_json
from openreels.core.joint import Joint


@dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    axes: tuple[int, int, int] = (2, 4, 6)
    rate: float = 0.5

    def __post_init__(self):
        if self.rate < 0:
            raise ValueError(f"rate must be at least 0, got {self.rate}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outer:
    name: str
    kind: Literal["a", "b", 3] = "a"
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    maybe: float | None = None
    both: Joint[Inner] = field(default_factory=lambda: Joint(Inner(), Inner(rate=1.0)))
    weights: dict[str, float] = field(default_factory=dict)
    flag: bool = False
    pairs: tuple[tuple[str, float], ...] = ()


FULL = Outer(
    name="x",
    kind=3,
    inner=Inner(axes=(1, 2, 3), rate=0.1),
    many=(Inner(), Inner(rate=2.0)),
    maybe=1e-4,
    weights={"t2v": 0.25},
    flag=True,
    pairs=(("a", 1.0), ("b", 0.1)),
)


@pytest.mark.parametrize("config", [Outer(name="y"), FULL])
def test_round_trip_through_text_is_equal(config):
    assert from_json(Outer, json.loads(json.dumps(to_json(config))), complete=True) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nmae": 1}, r"Outer\.nmae is not a field"),
        ({"inner": {"axis": 1}}, r"Outer\.inner\.axis is not a field"),
        ({"inner": {"axes": [1, 2]}}, r"Outer\.inner\.axes must have 3 items, got 2"),
        ({"inner": {"axes": [1, 2, "3"]}}, r"Outer\.inner\.axes\[2\] must be of type int"),
        ({"many": [{}, {"rate": "x"}]}, r"Outer\.many\[1\]\.rate must be of type float"),
        ({"both": {"video": {}, "audio": {"rate": []}}}, r"Outer\.both\.audio\.rate"),
        ({"kind": "c"}, r"Outer\.kind must be one of 'a', 'b', 3"),
        ({"maybe": "1"}, r"Outer\.maybe must be of type float"),
        ({"weights": {"a": None}}, r"Outer\.weights\.a must be of type float"),
        ({"flag": 1}, r"Outer\.flag must be of type bool"),
        ({"inner": {"rate": -1.0}}, r"Outer\.inner: rate must be at least 0"),
        ({"inner": None}, r"Outer\.inner must be an object"),
        ({"maybe": float("nan")}, r"Outer\.maybe must be finite"),
    ],
)
def test_errors_name_the_full_path(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(Outer, {"name": "x"} | change)


def test_missing_fields_are_refused_without_default_or_when_complete():
    with pytest.raises(ValueError, match=r"Outer\.name is missing"):
        from_json(Outer, {})
    data = to_json(FULL)
    del data["inner"]["rate"]
    assert from_json(Outer, data).inner.rate == 0.5
    with pytest.raises(ValueError, match=r"Outer\.inner\.rate is missing"):
        from_json(Outer, data, complete=True)


def test_whole_numbers_become_floats_and_bools_do_not():
    assert isinstance(from_json(Inner, {"rate": 2}).rate, float)
    with pytest.raises(ValueError, match="float"):
        from_json(Inner, {"rate": True})


def test_values_without_json_form_are_refused():
    with pytest.raises(ValueError, match=r"Inner\.rate must be finite"):
        to_json(Inner(rate=float("inf")))
    with pytest.raises(ValueError, match="dataclass"):
        to_json({"a": 1})
