"""Option values with a form of their own: ``1.5=a.png``, ``@tag=a.png,b.png``, ``30m``."""

import math
import re
from typing import Any

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_keyframe(text: str) -> dict[str, Any]:
    """``SECONDS=IMAGE`` or ``auto=IMAGE``.

    Args:
        text: Value of ``--keyframe``.

    Returns:
        The fields of a ``Keyframe``.

    Raises:
        ValueError: If the form is another.
    """
    when, image = _halves(text, option="--keyframe", form="SECONDS=IMAGE or auto=IMAGE")
    if when == "auto":
        return {"time_s": None, "image": image}
    try:
        return {"time_s": float(when), "image": image}
    except ValueError as error:
        raise ValueError(
            f"--keyframe takes SECONDS=IMAGE or auto=IMAGE, got {text!r}; {when!r} is no number"
        ) from error


def parse_reference(text: str) -> dict[str, Any]:
    """``@TAG=IMAGE,IMAGE``.

    Args:
        text: Value of ``--ref``.

    Returns:
        The fields of a ``Reference``.
    """
    tag, images = _halves(text, option="--ref", form="@TAG=IMAGE or @TAG=IMAGE,IMAGE")
    return {"tag": tag, "images": [image.strip() for image in images.split(",")]}


def parse_tagged(text: str, *, option: str) -> dict[str, Any]:
    """``@TAG=FILE``.

    Args:
        text: Value of the option.
        option: Its name, for the message.

    Returns:
        The fields of a ``TaggedFile``.
    """
    tag, path = _halves(text, option=option, form="@TAG=FILE")
    return {"tag": tag, "path": path}


def parse_lora(text: str, *, option: str = "--lora") -> tuple[str, float]:
    """``FILE`` or ``FILE=SCALE``.

    What follows the last ``=`` belongs to the path where it looks like the end of one: it is no
    number, and holds a ``/`` or ends in ``.safetensors``.

    Args:
        text: Value of the option.
        option: Its name, for the message.

    Returns:
        Path of a file of low-rank changes, and how much of them is added.

    Raises:
        ValueError: If the scale is no number, or infinite.
    """
    head, equals, tail = text.rpartition("=")
    path, scale = (head, tail) if equals else (tail, "1")
    try:
        share = float(scale)
    except ValueError:
        share = math.nan
        if "/" in tail or tail.endswith(".safetensors"):
            path, share = text, 1.0
    if not path.strip() or not math.isfinite(share):
        raise ValueError(
            f"{option} takes FILE or FILE=SCALE, got {text!r}; the scale must be a finite number"
        )
    return path, share


def parse_time(text: str) -> float:
    """Seconds, or a number with s, m or h: ``90``, ``30m``, ``1.5h``, ``1h30m``.

    Args:
        text: Value of ``--time-limit``.

    Returns:
        Seconds.

    Raises:
        ValueError: If the form is another, or no time is left.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh]?)", text)
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or seconds <= 0:
        raise ValueError(
            f"--time-limit takes seconds or a time such as 30m or 1.5h, got {text!r}; write it so"
        )
    return seconds


def _halves(text: str, *, option: str, form: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (equals and left.strip() and right.strip()):
        raise ValueError(f"{option} takes {form}, got {text!r}; write it in that form")
    return left.strip(), right.strip()
