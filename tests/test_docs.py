"""The pages say what is there: links, snippets, commands, options, and the page of sources."""

import ast
import re
import runpy
from pathlib import Path

import pytest
import typer

from openreels.cli.main import app
from openreels.stage import scene
from openreels.training.recipes import RECIPES

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
CARD = ROOT / "src" / "openreels" / "weights" / "files" / "CARD.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_snippets_compile(page):
    for code in blocks(page, "python"):
        ast.parse(code)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_exist(page):
    command = typer.main.get_command(app)
    words = {n: c for n, c in command.commands.items() if not hasattr(c, "commands")}
    words |= {f"stage {n}": c for n, c in command.commands["stage"].commands.items()}
    known = {n: {o for p in c.params for o in p.opts + p.secondary_opts} for n, c in words.items()}
    for code in blocks(page, "bash"):
        for line in code.replace("\\\n", " ").splitlines():
            if not line.startswith("openreels "):
                continue
            called = next((n for n in known if line.startswith(f"openreels {n} ")), None)
            assert called, line
            plain = re.sub(r'"[^"]*"', "", line.partition("#")[0])
            assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", plain)) <= known[called], line
            if called == "train":
                recipe = plain.split()[2]
                assert recipe in RECIPES or recipe.endswith(".py"), line


@pytest.mark.parametrize("page", [*PAGES, CARD], ids=name)
def test_modules_and_functions_exist(page):
    """Dotted names such as ``stage.scene.Scene`` are modules, or names inside one."""
    rooms = "|".join(p.name for p in (ROOT / "src" / "openreels").iterdir() if p.is_dir())
    text = page.read_text(encoding="utf-8")
    for dotted in re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", text):
        place, parts = ROOT / "src" / "openreels", dotted.split(".")
        while parts and (place / parts[0]).is_dir():
            place /= parts.pop(0)
        file = (place / parts[0]).with_suffix(".py") if parts else place / "__init__.py"
        assert file.exists(), dotted
        source = file.read_text(encoding="utf-8")
        for word in parts[1:]:
            assert re.search(rf"^\s*(def|class) {word}\b|^\s*{word}\b ?[:=]", source, re.M), dotted


def test_the_file_map_of_the_readme_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    assert len(paths) > 10
    for path in paths:
        if "/" in path:
            assert (ROOT / path).exists(), path
    rooms = {p.name for p in (ROOT / "src" / "openreels").iterdir() if (p / "__init__.py").exists()}
    assert rooms == {Path(p).name for p in paths if p.startswith("src/")}


def test_the_page_of_sources_is_up_to_date():
    made = runpy.run_path(str(ROOT / "docs" / "collect_sources.py"))["page"]()
    written = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    assert made == written, "run python docs/collect_sources.py"


@pytest.mark.parametrize(
    "words",
    [scene.SHAPES, scene.COLOURS, scene.MATERIALS, scene.SIZES, scene.ACTIONS, scene.PLACES],
    ids=lambda words: words[0],
)
def test_the_page_of_the_world_has_every_word(words):
    assert ", ".join(words) in (ROOT / "docs" / "stage.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=name)
def test_benchmarks_say_how_they_are_run(script):
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert f"python benchmarks/{script.name}" in text
    assert f"python benchmarks/{script.name}" in (ROOT / "docs" / "results.md").read_text()
