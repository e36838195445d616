"""The text of one page of a task, and of the index."""

import re
import textwrap

from task_facts import Facts
from task_index import INDEX, PAGES_BY_NAME
from task_record import IndexRow, TaskPage
from task_text import Bench, bench_table, command_of, number, snippet_of

_EXPLAINED = "../stagebench.md"
_PAGE = """\
# {title}

{text}

*{row}.*

```bash
{command}
```

```python
{snippet}
```

{start}![{title}: {alt}](img/{name}.png)

{caption}

{events}
## How it is measured

{measured}

## What fails

{fails}

---

Made by `python docs/make_tasks.py {name}` with the weights `{weights}`: {how}.
Not chosen among several. [All tasks](README.md)
"""


def page_text(page: TaskPage, facts: Facts, bench: Bench, fails: tuple[str, str]) -> str:
    """The whole page.

    Args:
        page: Its row of the table.
        facts: What is known of the clip on its sheet.
        bench: Figures.
        fails: Digest of the weights that were looked at, and the paragraph written by hand.
    """
    start = ""
    if page.request.paths:
        command = f"`python docs/make_tasks.py {page.name} --sources .`"
        start = f"{command} writes the files that it starts from.\n\n"
    return _PAGE.format(
        title=page.title,
        text="\n\n".join(map(wrapped, (page.text, *(() if page.trained else (_UNTRAINED,))))),
        row=page.row,
        command=command_of(page.request, page.out),
        snippet=snippet_of(page.request, page.out),
        start=start,
        alt="what is given and what was made" if page.request.paths else "what was made",
        name=page.name,
        caption=wrapped(page.caption),
        events=_events(page, facts),
        measured=_measured(page, bench),
        fails=_fails(page, facts, fails),
        weights=facts.weights,
        how=", ".join(part for part in (facts.size, f"{facts.steps} steps") if part),
    )


def wrapped(text: str) -> str:
    """Text in lines of at most 110 characters; code stays on one line."""
    whole = re.sub(r"`[^`]+`", lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.fill(whole, 110, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def _events(page: TaskPage, facts: Facts) -> str:
    if page.request.kind == "image":
        return _told(facts)
    lines = list[str]()
    if page.request.kind == "clip":
        lines.append(f"| seen | {'; '.join(facts.objects) or 'nothing that the probe knows'} |")
        lines.append(f"| contacts seen | {_times(facts.seen_s)} |")
    if page.request.sound:
        heard = ", ".join(f"{one.time_s:.2f} s {one.sounds_like}" for one in facts.heard)
        lines.append(f"| sounds heard | {heard or 'none'} |")
    table = "\n".join(["| by the probes of StageBench | |", "|---|---|", *lines, ""])
    return "\n".join(part for part in (table, _told(facts)) if part)


def _told(facts: Facts) -> str:
    told = [f"The enhancer made of the prompt: *{facts.prompt}*"] if facts.prompt else []
    told += [f"The command told: {note}." for note in facts.notes]
    return "".join(f"{wrapped(one)}\n\n" for one in told)


def _times(seconds: tuple[float, ...]) -> str:
    return ", ".join(f"{one:.2f} s" for one in seconds) or "none"


def _measured(page: TaskPage, bench: Bench) -> str:
    rows = bench.of(page.bench, page.figures)
    command = f"`openreels bench -o bench --tasks {_quoted(page.bench)}`" if page.bench else ""
    parts = [wrapped(page.measured)] if page.measured else []
    if rows:
        file = f"[{bench.file.rpartition('/')[2]}]({bench.file})"
        told = wrapped(f"{command}; figures of {file}, explained in [stagebench.md]({_EXPLAINED}).")
        parts.append(f"{told}\n\n{bench_table(rows)}")
    elif command:
        parts.append(f"{command}; not measured yet ([stagebench.md]({_EXPLAINED})).")
    return "\n\n".join(parts)


def _quoted(rows: tuple[str, ...]) -> str:
    joined = ",".join(rows)
    return f'"{joined}"' if " " in joined else joined


def _fails(page: TaskPage, facts: Facts, fails: tuple[str, str]) -> str:
    weights, text = fails
    if not text:
        return f"Not looked at yet ([what-fails.md](what-fails.md) has no section `{page.name}`)."
    if weights == facts.weights:
        return text
    return f"{text}\n\n*Written of other weights ({weights or 'not said which'}) than the sheet.*"


_INDEX = """\
# Tasks

{intro}

{fails}

{tables}
"""
_INTRO = (
    "Every task of the paper, row by row: whether the shipped weights were trained for it enough "
    "to follow it, its page, and one figure of StageBench between its floor and its ceiling "
    "({bench}). "
)
_FAILS = (
    "What fails in each is on its page and in [what-fails.md](what-fails.md). Pages are made by "
    "`python docs/make_tasks.py`, which runs the command that the page shows."
)
_UNTRAINED = (
    "**The shipped weights are not trained for it, or too little**: the result does not follow "
    "what is given or asked. Below is what they do."
)


def index_text(bench: Bench, made: set[str]) -> str:
    """The index.

    Args:
        bench: Figures.
        made: Names of the pages that there are.
    """
    tables = []
    for title, rows in INDEX.items():
        lines = [f"## {title}", "", "| task | trained | command | page | made | floor | ceiling |"]
        lines.append("|---|---|---|---|---|---|---|")
        lines += [_index_row(row, bench, made) for row in rows]
        tables.append("\n".join(lines))
    file = f"[{bench.file.rpartition('/')[2]}]({bench.file})" if bench.file else "none yet"
    return _INDEX.format(
        intro=wrapped(_INTRO.format(bench=file)),
        fails=wrapped(_FAILS),
        tables="\n\n".join(tables),
    )


def _index_row(row: IndexRow, bench: Bench, made: set[str]) -> str:
    page = PAGES_BY_NAME.get(row.page)
    link = f"[{page.title}]({row.page}.md)" if page is not None and row.page in made else ""
    found = bench.of((row.bench,), (row.figure,)) if row.bench else []
    cells = ["", "", ""]
    if found:
        cells = [number(found[0].get(name)) for name in ("ours", "floor", "ceiling")]
        cells[0] = f"{row.figure} **{cells[0]}**"
    trained = "yes" if row.trained else "no"
    return f"| {row.task} | {trained} | {row.options} | {link} | {' | '.join(cells)} |"
