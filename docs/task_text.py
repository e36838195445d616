"""The words of the pages of tasks: a request as a command line and as Python, tables of figures."""

import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile

DOCS = Path(__file__).parent
PAGES = DOCS / "tasks"
WIDTH = 100

OPTIONS = {
    "duration_s": "--duration",
    "aspect_ratio": "--aspect-ratio",
    "resolution": "--resolution",
    "mode": "--mode",
    "seed": "--seed",
    "steps": "--steps",
    "guidance_scale": "--guidance",
    "audio_guidance_scale": "--audio-guidance",
    "sync_guidance_scale": "--sync-guidance",
    "negative_prompt": "--negative-prompt",
    "first_frame": "--first-frame",
    "last_frame": "--last-frame",
    "keyframes": "--keyframe",
    "references": "--ref",
    "voices": "--voice",
    "grid": "--grid",
    "audio_refs": "--audio-ref",
    "ref_video": "--ref-video",
    "extend": "--extend",
    "extend_before": "--extend-before",
    "edit": "--edit",
    "edit_region": "--edit-region",
    "keep_audio": "--keep-audio",
    "sound": "--no-sound",
    "refine": "--no-refine",
    "enhance": "--no-enhance",
}
"""Options of ``openreels generate`` by the field that they set, in the order of a page."""
_GIVEN_FIRST = ("first_frame", "last_frame", "keyframes", "references", "voices", "grid",
                "audio_refs", "ref_video", "extend", "extend_before", "edit", "edit_region",
                "keep_audio")  # fmt: skip
_RECORDS = {
    "keyframes": "Keyframe",
    "references": "Reference",
    "voices": "TaggedFile",
    "grid": "TaggedFile",
    "audio_refs": "TaggedFile",
    "ref_video": "TaggedFile",
}


def set_fields(request: GenerationRequest) -> dict[str, Any]:
    """The fields of a request that are not those of an empty one, what is given first."""
    empty = GenerationRequest(prompt="")
    names = [*_GIVEN_FIRST, *(name for name in OPTIONS if name not in _GIVEN_FIRST)]
    return {n: getattr(request, n) for n in names if getattr(request, n) != getattr(empty, n)}


def command_of(request: GenerationRequest, out: str) -> str:
    """The command line that makes a request.

    Args:
        request: What is asked; its kind must be that of the suffix.
        out: The output.

    Returns:
        Lines of at most 100 characters where words allow it.
    """
    words = [f"openreels generate {_shell(request.prompt)}"]
    for name, value in set_fields(request).items():
        option = OPTIONS[name]
        if isinstance(value, bool):
            words.append(option)
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"{option} {shlex.quote(_argument(one))}" for one in values]
    lines = [""]
    for word in [*words, f"-o {out}"]:
        if lines[-1] and len(lines[-1]) + len(word) + 3 > WIDTH:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _argument(value: Any) -> str:  # noqa: ANN401 - a field of a request
    if isinstance(value, Keyframe):
        return f"{'auto' if value.time_s is None else f'{value.time_s:g}'}={value.image}"
    if isinstance(value, Reference):
        return f"{value.tag}={','.join(value.images)}"
    return f"{value.tag}={value.path}" if isinstance(value, TaggedFile) else str(value)


def _shell(prompt: str) -> str:
    return shlex.quote(prompt) if set(prompt) & set('"$`\\!') else f'"{prompt}"'


def snippet_of(request: GenerationRequest, out: str) -> str:
    """The Python that makes a request."""
    fields = set_fields(request)
    if request.kind != "clip":
        fields = {"kind": request.kind} | fields
    records = sorted({_RECORDS[name] for name in fields if name in _RECORDS})
    lines = ["import openreels"]
    if records:
        lines.append(f"from openreels.core.request import {', '.join(records)}")
    lines += ["", 'model = openreels.load("stage")', "clip = model.generate("]
    lines.append(f"    {_quoted(request.prompt)},")
    for name, value in fields.items():
        lines.append(f"    {name}={_python(value, column=4, before=len(name) + 2)},")
    return "\n".join([*lines, ")", f"clip.save({_quoted(out)})"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inside(value: Any) -> tuple[str, list[tuple[str, Any]]]:  # noqa: ANN401 - a field of a request
    """How a tuple or a record opens, and what is in it: words and values; empty for the rest."""
    if isinstance(value, tuple):
        return "(", [("", one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        given = {name: getattr(value, name) for name in value.__dataclass_fields__}
        parts = [(f"{name}=", one) for name, one in given.items() if one is not None]
        return f"{type(value).__name__}(", parts
    return "", []


def _flat(value: Any) -> str:  # noqa: ANN401 - a field of a request
    """A value in Python on one line."""
    opening, parts = _inside(value)
    if not opening:
        return _quoted(value) if isinstance(value, str) else repr(value)
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return f"{opening}{', '.join(word + _flat(one) for word, one in parts)}{comma})"


def _python(value: Any, *, column: int, before: int) -> str:  # noqa: ANN401 - a field of a request
    """A value in Python, over several lines where one has no room.

    Args:
        value: A string, a number, a record, or a tuple of these.
        column: Where its line starts.
        before: Characters before and after it on that line.

    Returns:
        The text, in the form that the formatter of the project gives it.
    """
    flat, (opening, parts) = _flat(value), _inside(value)
    if not opening or column + before + len(flat) <= WIDTH:
        return flat
    inner = column + 4
    lines = [f"{word}{_python(one, column=inner, before=len(word) + 1)}," for word, one in parts]
    return "\n".join([opening, *(" " * inner + line for line in lines), " " * column + ")"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A result of StageBench."""

    file: str
    """Path from the pages of tasks; empty where there is none."""
    rows: tuple[dict[str, Any], ...]
    """Task, figure and columns."""

    @staticmethod
    def newest(folder: Path = DOCS / "bench") -> "Bench":
        """The result with the highest number."""
        found = {
            int(m[1]): path
            for path in folder.glob("stage-*.json")
            if (m := re.fullmatch(r"stage-(\d+)", path.stem))
        }
        if not found:
            return Bench(file="", rows=())
        path = found[max(found)]
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return Bench(file=f"../bench/{path.name}", rows=tuple(rows))

    def of(self, tasks: tuple[str, ...], figures: tuple[str, ...]) -> list[dict[str, Any]]:
        """The rows of some tasks; with figures, these alone."""
        rows = [row for row in self.rows if row["task"] in tasks]
        return [row for row in rows if not figures or row["figure"] in figures]


def number(value: float | None) -> str:
    """A figure with as many digits as it deserves; empty where it was not measured."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def bench_table(rows: list[dict[str, Any]]) -> str:
    """Figures as a Markdown table."""
    lines = ["| row | figure | made | ceiling | floor |", "|---|---|---|---|---|"]
    for row in rows:
        values = (number(row.get(name)) for name in ("ours", "ceiling", "floor"))
        lines.append(f"| `{row['task']}` | {row['figure']} | {' | '.join(values)} |")
    return "\n".join(lines)


def what_fails(path: Path = PAGES / "what-fails.md") -> dict[str, tuple[str, str]]:
    """Read the paragraphs that are written by hand.

    Args:
        path: A page with a section ``## NAME`` for each page, whose first line may be
            ``<!-- weights: DIGEST -->``, the weights that were looked at.

    Returns:
        For each name the digest, empty if none is given, and the text.
    """
    found: dict[str, tuple[str, str]] = {}
    for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        seen = re.search(r"<!-- weights: (\w+) -->\n", body)
        text = body.replace(seen[0], "") if seen else body
        found[name.strip()] = (seen[1] if seen else "", text.strip())
    return found
