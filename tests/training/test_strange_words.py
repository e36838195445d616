import re
from random import Random

import pytest

from openreels.conditioning.prompts import message_of
from openreels.conditioning.references import SOURCE
from openreels.core.protocols import TextPart
from openreels.core.seeding import generator
from openreels.stage.reference_tasks import TASKS, Order, make_task
from openreels.training.config import TaskConfig
from openreels.training.dataset import ShardDataset
from openreels.training.lesson_batch import teach
from openreels.training.strange_words import (
    COMMON_WORDS,
    DECIDED_BY_VERBS,
    SAYS_NOTHING,
    strange_word,
    with_strange_words,
)

HELD_OUT = "take given swap restyle render relocate relight reshoot resize reshape recolour rebuild"


def replaced(text, name, seed=0):
    message = message_of(text, {"@video_1": SOURCE})
    return "".join(part.text for part in with_strange_words(message, name, Random(seed)))


def words(text):
    return re.findall(r"[A-Za-z@_1]+", text)


@pytest.mark.parametrize("kind", ["colour", "place", "shape", "size", "style", "weather"])
def test_only_words_that_say_nothing_are_replaced(kind):
    for number in range(6):
        text = make_task(f"edit {kind}", Order(seed=3, index=number, variant=number)).caption
        changed = words(replaced(text, f"edit {kind}", number))
        pairs = list(zip(words(text), changed, strict=True))
        gone = [old for old, new in pairs if old != new]
        assert 1 <= len(gone) <= 4
        assert {old.lower() for old in gone} <= SAYS_NOTHING


def test_a_verb_that_decides_stays():
    text = "Keep @video_1 and cut the red ball out."
    assert {replaced(text, "edit remove", seed).partition(" ")[2] for seed in range(9)} == {
        "@video_1 and cut the red ball out."
    }
    assert all("cut" in replaced(text, "edit remove", seed) for seed in range(9))
    assert any("cut" not in replaced(text, "edit style", seed) for seed in range(30))
    assert set(TASKS) >= DECIDED_BY_VERBS


def test_without_a_source_or_such_words_nothing_changes():
    assert replaced("@video_1: delete the red ball.", "edit remove") == (
        "@video_1: delete the red ball."
    )
    parts = (TextPart("red"), TextPart("make", tag=2))
    assert with_strange_words(parts, "style by reference", Random(0)) == parts


def test_names_of_references_and_their_numbers_stay():
    text = "Edit @video_1: replace the red ball with @make."
    message = message_of(text, {"@video_1": SOURCE, "@make": 2})
    for seed in range(20):
        strange = with_strange_words(message, "replace by reference", Random(seed))
        assert [part.tag for part in strange] == [part.tag for part in message]
        assert [part.text for part in strange if part.tag] == ["@video_1", "@make"]


def test_strange_words_are_many_and_none_that_a_held_out_instruction_has():
    drawn = {strange_word(Random(seed)) for seed in range(2000)}
    assert len(drawn) > 800
    assert drawn > set(COMMON_WORDS)
    kept = set(HELD_OUT.split())
    for name in ("edit style", "edit weather", "style by reference", "edit shape"):
        told = make_task(name, Order(seed=1, index=4, held_out=True)).caption
        kept |= set(words(told.lower())) - {"@video_1"}
    assert not kept & (set(COMMON_WORDS) - SAYS_NOTHING)


def test_lessons_get_them_by_their_share(lessons_of_edits):
    never = TaskConfig(text_dropout=0.0, reference_dropout=0.0)
    always = TaskConfig(text_dropout=0.0, reference_dropout=0.0, strange_words=1.0)
    plain = teach(lessons_of_edits, never, generator(0), sound=True).messages
    strange = teach(lessons_of_edits, always, generator(0), sound=True).messages
    again = teach(lessons_of_edits, always, generator(0), sound=True).messages
    differ = [_text(a) != _text(b) for a, b in zip(plain, strange, strict=True)]
    by_instruction = [lesson.by_instruction for lesson in lessons_of_edits]
    assert all(not one or asked for one, asked in zip(differ, by_instruction, strict=True))
    assert sum(differ) >= 1
    assert [_text(one) for one in strange] == [_text(one) for one in again]


def _text(message):
    return "".join(part.text for part in message if isinstance(part, TextPart))


@pytest.fixture(scope="module")
def lessons_of_edits(lessons_root):
    return ShardDataset(lessons_root).read(range(12)).lessons
