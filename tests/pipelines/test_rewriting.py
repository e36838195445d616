import pytest

from openreels.core.prompt import TAGS, parse
from openreels.pipelines.rewriting import INSTRUCTION, MAX_ANSWER_CHARS, accept, cleaned

TALK = "@ann says <dialogue>Good  morning</dialogue>@Audio-0"


def test_the_task_names_every_tag_and_is_itself_no_prompt():
    assert all(f"<{tag}>" in INSTRUCTION for tag in TAGS)
    with pytest.raises(ValueError, match="must be closed"):
        parse(INSTRUCTION.split("picture")[0])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("a ball", "a ball"),
        ('  "a ball"\n', "a ball"),
        ("\u201ca ball\u201d", "a ball"),
        ('"a" and "b"', '"a" and "b"'),
        ("```\na ball\n```", "a ball"),
        ("```text\na\nball\n```", "a ball"),
        ("<think>a ball? <sfx></think>\n\na ball", "a ball"),
        ("", ""),
    ],
)
def test_what_models_put_around_an_answer_goes(answer, text):
    assert cleaned(answer) == text


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("a ball", "A red ball bounces. <sfx>a dull thud</sfx>"),
        (TALK, "@ann in a park: <dialogue>Good morning</dialogue>@Audio-0 <bgm>soft</bgm>"),
        ("<text>OPEN</text>", "A sign <text>OPEN</text> at night"),
    ],
)
def test_a_prompt_that_keeps_what_was_given_is_taken(prompt, answer):
    assert accept(prompt, answer).prompt == answer
    assert accept(prompt, answer).notes == ()


@pytest.mark.parametrize(
    ("prompt", "answer", "why"),
    [
        ("a ball", " ", "is empty"),
        ("a ball", "<think>hm", "breaks a rule (a tag must be one of"),
        ("a ball", "a <sfx>ball", "breaks a rule (every tag must be closed"),
        ("a ball", "x" * 4001, "is too long"),
        ("a ball", "x " * 1281, "is too long"),
        ("a ball", "x" * (MAX_ANSWER_CHARS + 1), "is too long"),
        ("a ball", "@ann and a ball", "names @ann, not those of the prompt"),
        (TALK, "<dialogue>Good morning</dialogue>@Audio-0", "names @Audio-0, not those"),
        ("@ann", "a woman", "names no handle, not those of the prompt"),
        (
            TALK,
            "@ann says <dialogue>Good day</dialogue>@Audio-0",
            "changes the words of <dialogue>",
        ),
        ("<text>OPEN</text>", "an open shop", "changes the words of <text>"),
    ],
)
def test_anything_else_leaves_the_prompt_with_a_note(prompt, answer, why):
    enhanced = accept(prompt, answer)
    assert enhanced.prompt == prompt
    (note,) = enhanced.notes
    assert note.startswith("the prompt was not enhanced: the rewritten one ")
    assert why in note
    assert "\n" not in note
