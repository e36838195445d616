"""Strict JSON in and out for frozen dataclass configs: nothing unknown, nothing of a wrong type."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

JsonValue = Any
"""What ``json.loads`` gives: dict, list, str, int, float, bool or None."""


def to_json(obj: object) -> dict[str, JsonValue]:
    """Turn a config dataclass into plain JSON values, every field written out.

    Args:
        obj: A dataclass instance; its fields are scalars, tuples, lists, string-keyed dicts and
            further dataclasses.

    Returns:
        A dict that ``json.dumps`` accepts and ``from_json`` reads back to an equal object.

    Raises:
        ValueError: If ``obj`` is not a dataclass or a value inside it has no JSON form.
    """
    if not dataclasses.is_dataclass(obj) or isinstance(obj, type):
        raise ValueError(f"only a dataclass instance can be written as a config, got {obj!r}")
    return _dump(obj, type(obj).__name__)


def _dump(value: object, path: str) -> JsonValue:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: _dump(getattr(value, f.name), f"{path}.{f.name}") for f in fields if f.init}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        return {key: _dump(item, f"{path}.{key}") for key, item in pairs.items()}
    if isinstance(value, tuple | list):
        items = cast("Sequence[object]", value)
        return [_dump(item, f"{path}[{i}]") for i, item in enumerate(items)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} must be finite to be written as JSON, got {value}")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(
        f"{path} must be a number, string, tuple, dict or dataclass to be written as JSON, "
        f"got {type(value).__name__}"
    )


def from_json(cls: type[T], data: JsonValue, *, complete: bool = False) -> T:
    """Build a config dataclass from JSON values, refusing whatever does not fit.

    Supports nested (also generic) dataclasses, tuples, lists, string-keyed dicts, ``Literal``,
    unions and ``None``. A whole number is taken where a float is asked; nothing else is converted.

    Args:
        cls: The dataclass to build.
        data: What ``json.loads`` gave.
        complete: Refuse missing fields even where the class has a default, as a weights file must:
            a default that changes later would silently change the network.

    Returns:
        An instance of ``cls``.

    Raises:
        ValueError: Naming the full path of the field that is unknown, missing, of a wrong type, or
            that the class itself refuses.
    """
    return _parse_dataclass(cls, data, cls.__name__, complete)


def _kind(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r}"


def _parse_dataclass(cls: Any, data: JsonValue, path: str, complete: bool) -> Any:  # noqa: ANN401 any type
    origin = get_origin(cls) or cls
    if not isinstance(data, Mapping):
        raise ValueError(f"{path} must be an object of {origin.__name__}, got {_kind(data)}")
    pairs = cast("Mapping[str, JsonValue]", data)
    hints = get_type_hints(origin)
    variables = dict(zip(getattr(origin, "__parameters__", ()), get_args(cls), strict=False))
    fields = {field.name: field for field in dataclasses.fields(origin) if field.init}
    unknown = [key for key in pairs if key not in fields]
    if unknown:
        raise ValueError(
            f"{path}.{unknown[0]} is not a field of {origin.__name__}; remove it, "
            f"or use one of: {', '.join(fields)}"
        )
    missing = [
        name
        for name, field in fields.items()
        if name not in pairs and (complete or not _has_default(field))
    ]
    if missing:
        raise ValueError(f"{path}.{missing[0]} is missing; {origin.__name__} needs it")
    values = {
        name: _parse(variables.get(hints[name], hints[name]), item, f"{path}.{name}", complete)
        for name, item in pairs.items()
    }
    try:
        return origin(**values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _parse(hint: Any, value: JsonValue, path: str, complete: bool) -> Any:  # noqa: ANN401 any type
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin is Literal:
        if not any(value == word and type(value) is type(word) for word in get_args(hint)):
            words = ", ".join(repr(word) for word in get_args(hint))
            raise ValueError(f"{path} must be one of {words}; got {_kind(value)}")
        return value
    if origin in {Union, UnionType}:
        return _parse_union(hint, value, path, complete)
    if dataclasses.is_dataclass(origin or hint):
        return _parse_dataclass(hint, value, path, complete)
    if (origin or hint) in {tuple, list, Sequence}:
        return _parse_sequence(hint, value, path, complete)
    if (origin or hint) in {dict, Mapping}:
        return _parse_dict(hint, value, path, complete)
    return _parse_scalar(hint, value, path)


def _parse_scalar(hint: Any, value: JsonValue, path: str) -> Any:  # noqa: ANN401 any type
    if hint in {None, NoneType}:
        if value is not None:
            raise ValueError(f"{path} must be null, got {_kind(value)}")
        return None
    if hint not in {str, int, float, bool}:
        raise ValueError(f"{path} has type {hint}, which a config cannot hold; use plain types")
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise ValueError(f"{path} must be of type {hint.__name__}, got {_kind(value)}")
    if hint is float and not math.isfinite(value):
        raise ValueError(f"{path} must be finite, got {value}")
    return value


def _parse_union(hint: Any, value: JsonValue, path: str, complete: bool) -> Any:  # noqa: ANN401 any type
    members = get_args(hint)
    if value is None and NoneType in members:
        return None
    errors: list[str] = []
    for member in members:
        if member is NoneType:
            continue
        try:
            return _parse(member, value, path, complete)
        except ValueError as error:
            errors.append(str(error))
    raise ValueError(" or ".join(errors))


def _parse_sequence(hint: Any, value: JsonValue, path: str, complete: bool) -> Any:  # noqa: ANN401 any type
    kind = list if (get_origin(hint) or hint) is list else tuple
    if not isinstance(value, list | tuple):
        raise ValueError(f"{path} must be a list, got {_kind(value)}")
    items = cast("Sequence[JsonValue]", value)
    args = get_args(hint) or (Any, ...)
    if kind is list or args[-1] is ... or get_origin(hint) is not tuple:
        hints = [args[0]] * len(items)
    else:
        hints = [arg for arg in args if arg != ()]
        if len(items) != len(hints):
            raise ValueError(f"{path} must have {len(hints)} items, got {len(items)}")
    parsed = [
        _parse(item_hint, item, f"{path}[{i}]", complete)
        for i, (item_hint, item) in enumerate(zip(hints, items, strict=True))
    ]
    return kind(parsed)


def _parse_dict(hint: Any, value: JsonValue, path: str, complete: bool) -> dict[str, Any]:  # noqa: ANN401 any type
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} must be an object, got {_kind(value)}")
    pairs = cast("Mapping[str, JsonValue]", value)
    key_hint, item_hint = get_args(hint) or (str, Any)
    return {
        _parse(key_hint, key, f"{path} key", complete): _parse(
            item_hint, item, f"{path}.{key}", complete
        )
        for key, item in pairs.items()
    }
