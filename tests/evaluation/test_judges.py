import pytest
import torch

from openreels.evaluation import judges
from openreels.evaluation.judges import JUDGES, JudgeEntry, find_judges


def test_a_judge_whose_package_is_missing_is_left_out_with_one_line(monkeypatch):
    entry = JudgeEntry(
        packages=("moon-ear", "openreels"), modules=("moon_ear", "openreels"), make=object
    )
    monkeypatch.setattr(judges, "JUDGES", {"ear": entry})
    assert find_judges() == ((), ("the ear is left out: install moon-ear to have it",))


def test_a_package_that_does_not_load_is_told(monkeypatch):
    def broken():
        raise ImportError("no library")

    entry = JudgeEntry(packages=("openreels",), modules=("openreels",), make=broken)
    monkeypatch.setattr(judges, "JUDGES", {"ear": entry})
    found, notes = find_judges()
    assert found == ()
    assert notes == ("the ear is left out: its packages do not load (no library)",)


@pytest.mark.parametrize("name", JUDGES)
def test_every_judge_names_a_package_for_each_module(name):
    entry = JUDGES[name]
    assert len(entry.packages) == len(entry.modules) > 0


def test_likeness_of_words():
    assert judges._alike("Go left", "GOLEFT") == 1
    assert judges._alike("", "") == 1
    assert judges._alike("abc", "xyz") == 0


def test_sound_for_judges_is_mono_at_16_khz():
    assert judges._mono(torch.rand(2, 44_100)).shape == (16_000,)
