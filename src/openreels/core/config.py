"""Frozen dataclasses to strict JSON and back, for requests, recipes and checkpoints.

Unknown, missing and wrongly typed values are refused with the full path of the field; nothing is
converted in silence except a whole number where a fraction is asked for, and a list to a tuple.
"""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MAX_JSON_CHARS = 1_000_000
"""Longest JSON text that is parsed; a request or a config is a few thousand characters."""


def to_dict(record: object) -> dict[str, Any]:
    """Turn a dataclass into what ``json.dumps`` accepts: dicts, lists, numbers, text, None.

    Args:
        record: A dataclass instance; nested dataclasses, tuples and dicts are followed.

    Returns:
        A new dict with every field, in the order of the dataclass.

    Raises:
        ValueError: If ``record`` is not a dataclass instance.
    """
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise ValueError(f"a dataclass instance is needed, got {type(record).__name__}")
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def to_json(record: object) -> str:
    """Write a dataclass as indented JSON; the inverse of ``from_json``.

    Raises:
        ValueError: If ``record`` is not a dataclass instance or holds a number that is not finite.
    """
    return json.dumps(to_dict(record), indent=2, ensure_ascii=False, allow_nan=False)


def from_json(cls: type[T], text: str, *, allow_missing: bool = False) -> T:
    """Parse JSON text into a dataclass, strictly.

    Args:
        cls: The dataclass to build.
        text: A JSON object.
        allow_missing: Whether a field with a default may be left out.

    Returns:
        An instance of ``cls``.

    Raises:
        ValueError: If the text is not JSON, or as ``from_dict`` does.
    """
    if len(text) > MAX_JSON_CHARS:
        raise ValueError(
            f"the JSON of a {cls.__name__} may have {MAX_JSON_CHARS} characters, got {len(text)}; "
            "check that it is the right file"
        )
    try:
        data = json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"a {cls.__name__} must be written as JSON, got text that fails at line {error.lineno}"
            f", column {error.colno} ({error.msg}); correct it there"
        ) from error
    except RecursionError as error:
        raise ValueError(f"the JSON of a {cls.__name__} is nested too deeply") from error
    return from_dict(cls, data, allow_missing=allow_missing)


def from_dict(cls: type[T], data: object, *, path: str = "", allow_missing: bool = False) -> T:
    """Build a dataclass from plain values, strictly.

    Args:
        cls: The dataclass to build.
        data: A mapping of field names to plain values.
        path: Where ``data`` is in the whole document, for messages; empty at the top.
        allow_missing: Whether a field with a default may be left out.

    Returns:
        An instance of ``cls``.

    Raises:
        ValueError: Naming the full path of the first field that is unknown, missing or of the
            wrong type.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{path or cls.__name__} must be a JSON object, got {_kind(data)}")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for name in data:
        if name not in fields:
            raise ValueError(
                f"{_join(path, str(name))} is not a field of {cls.__name__}; "
                f"its fields are {', '.join(fields)}"
            )
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _parse(hints[name], data[name], _join(path, name), allow_missing)
        elif not (allow_missing and _has_default(field)):
            raise ValueError(f"{_join(path, name)} is missing; {cls.__name__} needs it")
    return cls(**values)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{type(value).__name__} cannot be written as JSON; use plain values")


def _parse(kind: object, value: object, path: str, allow_missing: bool) -> object:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _parse_union(get_args(kind), value, path, allow_missing)
    if origin is Literal:
        if isinstance(value, str | int | None) and value in get_args(kind):
            return value
        choices = ", ".join(str(choice) for choice in get_args(kind))
        raise ValueError(f"{path} must be one of {choices}, got {value!r}")
    if origin in (tuple, list):
        return _parse_sequence(kind, value, path, allow_missing)
    if origin is dict:
        return _parse_dict(kind, value, path, allow_missing)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_dict(kind, value, path=path, allow_missing=allow_missing)
    return _parse_scalar(kind, value, path)


def _parse_scalar(kind: object, value: object, path: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError as error:
            raise ValueError(
                f"{path} must be a finite number, got a whole number beyond the largest that fits; "
                "give a smaller one"
            ) from error
    right = value is None if kind in (None, types.NoneType) else type(value) is kind
    if not right:
        raise ValueError(f"{path} must be {_NAMES.get(kind, kind)}, got {_kind(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} must be a finite number, got {value}")
    return value


def _parse_union(kinds: tuple[Any, ...], value: object, path: str, allow_missing: bool) -> object:
    if value is None and types.NoneType in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    if set(kinds) == {int, float}:
        return _parse_scalar(float, value, path)
    if len(kinds) == 1:
        return _parse(kinds[0], value, path, allow_missing)
    for kind in kinds:
        try:
            return _parse(kind, value, path, allow_missing)
        except ValueError:
            continue
    names = " or ".join(str(_NAMES.get(kind, kind)) for kind in kinds)
    raise ValueError(f"{path} must be {names}, got {_kind(value)}")


def _parse_sequence(kind: object, value: object, path: str, allow_missing: bool) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{path} must be a list, got {_kind(value)}")
    kinds = get_args(kind)
    if get_origin(kind) is list or (len(kinds) == 2 and kinds[1] is Ellipsis):
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"{path} must have {len(kinds)} entries, got {len(value)}")
    items = [
        _parse(item_kind, item, f"{path}[{index}]", allow_missing)
        for index, (item_kind, item) in enumerate(zip(kinds, value, strict=True))
    ]
    return items if get_origin(kind) is list else tuple(items)


def _parse_dict(kind: object, value: object, path: str, allow_missing: bool) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} must be a JSON object, got {_kind(value)}")
    item_kind = get_args(kind)[1]
    return {
        str(key): _parse(item_kind, item, _join(path, str(key)), allow_missing)
        for key, item in value.items()
    }


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"{key} is written twice in one JSON object; keep one of them")
        data[key] = value
    return data


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list | tuple) else "an object"
