import json

import pytest

from openreels.cli.console import make_folder, print_json, progress_bars


def test_progress_is_told_on_stderr_only(capfd):
    with progress_bars() as progress:
        progress("encode", 0, 3)
        progress("encode", 3, 3)
        progress("decode", 1, 2)
        progress("train", 1, 2, "loss 0.5")
    streams = capfd.readouterr()
    assert streams.out == ""
    assert streams.err == "encode: 0/3\nencode: 3/3\ntrain: 1/2 loss 0.5\n"


def test_a_terminal_gets_bars(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars() as progress:
        progress("encode", 0, 3)
        progress("encode", 2, 3)
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "encode" in streams.err
    assert "2/3" in streams.err


def test_json_is_one_line(capfd):
    print_json({"a": "ü\n", "b": None})
    text = capfd.readouterr().out
    assert text.count("\n") == 1
    assert json.loads(text) == {"a": "ü\n", "b": None}


def test_folders_are_made_or_refused(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="a folder that can be made"):
        make_folder(tmp_path / "file")
