"""Sentences that were put together from parts, mended."""

import re

_SPACES = re.compile(r"\s+")
_BEFORE_STOP = re.compile(r"\s+(?=[,.;:])")
_STOPS = re.compile(r"[,;:.](?:\s*[,;:.])+")
_STARTS = re.compile(r"(?:^|(?<=\. ))[a-z]")


def tidied(text: str) -> str:
    """Mend spaces, doubled stops and capitals left by parts that were not said."""
    text = _BEFORE_STOP.sub("", _SPACES.sub(" ", text))
    text = _STOPS.sub(lambda run: "." if "." in run[0] else run[0][0], text)
    text = text.strip(" ,;:.") + ("." if text.rstrip().endswith(".") else "")
    return _STARTS.sub(lambda start: start[0].upper(), text)
