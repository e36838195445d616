"""What enhancers that ask a language model share: the task they set, and what they accept."""

import re
from collections import Counter

from openreels.core.prompt import VERBATIM, Prompt, parse
from openreels.core.prompt_rules import MAX_PROMPT_TOKENS, count_tokens
from openreels.core.protocols import Enhanced
from openreels.core.request import MAX_PROMPT_CHARS

INSTRUCTION = """\
You rewrite prompts for a model that makes short video clips with sound.
Answer with the new prompt and nothing else, in the language of the prompt, on one line.
Say first what is seen: who or what, looks, actions in order, place, light, camera. Then say what is
heard. Add plausible details where the prompt is silent; contradict nothing that it says.
Mark words with these tags and no others, never one inside another: <text> for words seen in the
picture, <sfx> for sound effects, <dialogue> for speech, <singing> for song, <bgm> for music. Close
every tag, e.g. <sfx>rain on a tin roof</sfx>.
Keep every name that starts with @ as it is, and invent none. Copy letter for letter what stands in
<text>, <dialogue>, <singing> and <voice_ref>, with the @ name right after the closing tag.
Use at most 200 words."""
"""The task, in our own words. Not given by the paper: what its enhancer is told."""
MAX_ANSWER_CHARS = 20_000
"""Longest answer that is looked at; an accepted prompt is far shorter."""

_THOUGHT = re.compile(r"<think>.*?</think>", re.S)
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.S)
_QUOTES = {'"': '"', "\u201c": "\u201d"}


def accept(prompt: str, answer: str) -> Enhanced:
    """Take the answer of a language model, if it is a prompt that keeps what it must keep.

    Args:
        prompt: What was asked to be rewritten; a valid prompt.
        answer: What came back.

    Returns:
        The answer without what models put around it; or the prompt with a note that says why not.
    """
    text = cleaned(answer[:MAX_ANSWER_CHARS])
    reason = "is too long" if len(answer) > MAX_ANSWER_CHARS else _fault(prompt, text)
    return unchanged(prompt, f"the rewritten one {reason}") if reason else Enhanced(text)


def unchanged(prompt: str, why: str) -> Enhanced:
    """The prompt as it is, with a note.

    Args:
        prompt: The prompt.
        why: What went wrong.

    Returns:
        Both.
    """
    return Enhanced(prompt, (f"the prompt was not enhanced: {' '.join(why.split())}",))


def cleaned(answer: str) -> str:
    """Take away thoughts, a code fence and quotation marks around an answer; put it on one line."""
    text = _THOUGHT.sub(" ", answer).strip()
    fenced = _FENCE.match(text)
    text = (fenced[1] if fenced else text).strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1]
    return " ".join(text.split())


def _fault(prompt: str, text: str) -> str:
    """Why a rewritten prompt cannot be used; empty if it can."""
    if not text:
        return "is empty"
    if len(text) > MAX_PROMPT_CHARS or count_tokens(text) > MAX_PROMPT_TOKENS:
        return "is too long"
    try:
        after = parse(text)
    except ValueError as error:
        return f"breaks a rule ({error})"
    before = parse(prompt)
    if set(before.handles) != set(after.handles):
        return f"names {', '.join(after.handles) or 'no handle'}, not those of the prompt"
    lost = _verbatim(before) - _verbatim(after)
    if lost:
        tag = next(iter(lost))[0]
        return f"changes the words of <{tag}>"
    return ""


def _verbatim(prompt: Prompt) -> Counter[tuple[str, str, str | None]]:
    """Spans whose words are given letter for letter."""
    spans = (span for span in prompt.spans if span.tag in VERBATIM)
    return Counter((span.tag, " ".join(span.text.split()), span.bound) for span in spans)
