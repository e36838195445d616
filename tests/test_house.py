"""The rules of the house that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "openreels"
FILES = sorted(SOURCE.rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def is_plain(path: Path) -> bool:
    """Whether a file has functions or classes of its own to test."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py"], ids=relative)
def test_every_source_file_is_tested_in_its_mirror(path):
    """A test file of its name, or one in the mirrored folder that imports it."""
    if not is_plain(path) or path.name == "__main__.py":
        return
    folder = ROOT / "tests" / path.parent.relative_to(SOURCE)
    module = "openreels." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    parent, _, name = module.rpartition(".")
    wanted = re.compile(rf"{re.escape(module)}\b|from {re.escape(parent)} import .*\b{name}\b")
    tests = [*folder.glob("test_*.py"), folder / "conftest.py"]
    assert (folder / f"test_{path.stem}.py").exists() or any(
        wanted.search(test.read_text(encoding="utf-8")) for test in tests if test.exists()
    ), f"{folder}/test_{path.stem}.py is missing"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_are_short_and_say_what_they_hold(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text)), "a file opens with a docstring"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_is_left_unfinished(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"NotImplementedError|TODO|FIXME|XXX", text)
    assert "import pickle" not in text
    assert "torch.load(" not in text


def test_help_needs_no_torch():
    code = (
        "import sys; from typer.testing import CliRunner; from openreels.cli.main import app; "
        "result = CliRunner().invoke(app, ['--help']); "
        "sys.exit(result.exit_code or int('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
