"""Makes docs/tasks: a page a task with its command, a sheet made by that command, and figures.

    python docs/make_tasks.py                    every page
    python docs/make_tasks.py first inpaint      these pages, and the index
    python docs/make_tasks.py --text             the words again, without making a clip
    python docs/make_tasks.py first --sources .  the files that the command of a page starts from

What fails is written by hand in docs/tasks/what-fails.md; the rest comes from task_table.py, the
newest docs/bench/stage-N.json and the clips.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from task_facts import Facts, digest_of, facts_of, read_facts, write_facts
from task_index import PAGES_BY_NAME
from task_pages import index_text, page_text
from task_record import TaskPage
from task_sheets import draw
from task_text import PAGES, Bench, what_fails

from openreels.evaluation.bench import PROBE_FILE
from openreels.models.probe.model import StageProbe
from openreels.pipelines.components import SHIPPED
from openreels.pipelines.model import Model, load
from openreels.weights.checkpoint import load_network


def write_sources(page: TaskPage, folder: Path) -> None:
    """Write what a page starts from, into a folder of its name.

    Raises:
        ValueError: If a file that the request names is not among them.
    """
    (folder / page.name).mkdir(parents=True, exist_ok=True)
    if page.sources is not None:
        page.sources(folder / page.name)
    for path in page.request.paths:
        if not (folder / path).exists():
            raise ValueError(f"{page.name} names {path}, which its sources do not write; add it")


def make_page(
    page: TaskPage, model: Model, probe: StageProbe, weights: str | Path, kept: Path | None
) -> Facts:
    """Run the command of a page and draw its sheet.

    Args:
        page: The page.
        model: The model.
        probe: The instruments of StageBench.
        weights: The shipped model or a folder, for the digest.
        kept: Where clips are kept; None is nowhere.

    Returns:
        What is known of the first clip.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_sources(page, Path())
        seeds = range(page.request.seed, page.request.seed + page.seeds)
        results = [model.run(replace(page.request, seed=seed)) for seed in seeds]
        clips = [result.clip for result in results]
        told = results[0].metadata
        kinds = {name: told[name] for name in ("referenced", "voiced", "cutting")}
        digest = digest_of(weights, **kinds)
        facts = facts_of(clips[0], told, probe, digest)
        size = draw(page.request, clips, facts, PAGES / "img" / f"{page.name}.png")
        if kept is not None:
            clips[0].save(kept / page.out)
    print(f"{page.name}: {size / 1000:.0f} kB", flush=True)  # noqa: T201
    return facts


def write_text(facts: dict[str, Facts]) -> None:
    """Write every page that has a sheet, and the index."""
    bench, fails = Bench.newest(), what_fails()
    for name, known in facts.items():
        page = PAGES_BY_NAME[name]
        text = page_text(page, known, bench, fails.get(name, ("", "")))
        (PAGES / f"{name}.md").write_text(text, encoding="utf-8")
    (PAGES / "README.md").write_text(index_text(bench, set(facts)), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line; make clips, sheets and pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="pages; all of them if none is named")
    parser.add_argument("--model", default=SHIPPED, help="stage, or a folder of weights")
    parser.add_argument("--text", action="store_true", help="write the words again, make no clip")
    parser.add_argument("--sources", type=Path, help="write what the commands start from, here")
    parser.add_argument("--clips", type=Path, help="keep the clips in this folder")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(PAGES_BY_NAME)
    if unknown:
        parser.error(f"pages are {', '.join(PAGES_BY_NAME)}, got {', '.join(sorted(unknown))}")
    chosen = [PAGES_BY_NAME[name] for name in options.names or PAGES_BY_NAME]
    if options.sources is not None:
        for page in chosen:
            write_sources(page, options.sources)
        return
    facts = read_facts(PAGES / "runs.json")
    if not options.text:
        kept = options.clips.absolute() if options.clips else None
        for folder in (PAGES / "img", kept):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        model, weights = load(options.model), options.model
        probe = load_network(PROBE_FILE, kind=StageProbe).eval()
        for page in chosen:
            facts[page.name] = make_page(page, model, probe, weights, kept)
            write_facts(PAGES / "runs.json", facts)
    write_text(facts)


if __name__ == "__main__":
    main()
