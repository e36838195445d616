"""What a prompt must keep with regard to its request: handles, voices, length."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from openreels.core.prompt import HANDLE, VERBATIM, Prompt, Span, parse

MAX_PROMPT_TOKENS = 1280
"""Longest prompt in tokens of the paper's encoder (from its public interface)."""
SOURCE_HANDLE = "@video_1"
"""Handle of the clip that is edited or extended, which a prompt may name. Not given by the paper:
its instruction edits take the source as the reference of that name."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
    r"|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """The handles that a request gives."""

    tags: tuple[str, ...] = ()
    """Every one that must occur in the prompt."""
    voices: tuple[str, ...] = ()
    """Those of subjects that have a voice sample."""
    sounds: tuple[str, ...] = ()
    """Those of other sound samples."""
    source: bool = False
    """Whether there is a clip to edit or extend, which ``SOURCE_HANDLE`` names."""


def count_tokens(text: str) -> int:
    """Estimate the length of a prompt in tokens.

    Not given by the paper: how its encoder splits words. Here a word counts as one, and so does
    every Chinese, Japanese or Korean character; punctuation is free.

    Args:
        text: A prompt.

    Returns:
        Words and such characters.
    """
    return sum(1 for _ in _WORD.finditer(text))


def broken_rules(text: str, named: Named) -> Iterator[str]:
    """Check a prompt against the handles of its request.

    Args:
        text: The prompt.
        named: What the request gives.

    Yields:
        One sentence for every broken rule, the most basic first.
    """
    tokens = count_tokens(text)
    if tokens > MAX_PROMPT_TOKENS:
        yield (
            f"a prompt may have about {MAX_PROMPT_TOKENS} tokens, got {tokens} words and "
            "characters; shorten it"
        )
    try:
        prompt = parse(text)
    except ValueError as error:
        yield str(error)
        return
    for rule in (_absent, _undefined, _voices, _samples):
        yield from rule(prompt, text, named)


def _absent(prompt: Prompt, text: str, named: Named) -> Iterator[str]:
    """Handles that the request gives and the prompt does not name."""
    for tag in named.tags:
        if tag in prompt.handles:
            continue
        span = next((s for s in prompt.spans if s.tag in VERBATIM and tag in s.text), None)
        bare = tag.removeprefix("@")
        if span is not None:
            yield (
                f"a handle among the words of <{span.tag}> would be {_use(span)}, got {tag} there; "
                f"put it right after </{span.tag}>, or into the prose"
            )
        elif re.search(rf"(?<![\w@-]){re.escape(bare)}(?![\w-])", text):
            yield f"a handle starts with @ in the prompt too, got {bare!r} there; write @{bare}"
        else:
            yield f"every tag must occur in the prompt, got {tag}; name {tag} there or leave it out"


def _undefined(prompt: Prompt, text: str, named: Named) -> Iterator[str]:
    """Handles that the prompt names, and that neither the request gives nor the prompt explains."""
    given = (*named.tags, *((SOURCE_HANDLE,) if named.source else ()))
    for name in prompt.handles:
        if name in given or _is_explained(name, text):
            continue
        near = _nearest(name, given)
        yield (
            f"every handle of the prompt must be given by the request, got {name}; "
            + (f"write {near}" if near else f"give a file for {name}")
            + ", or put words to be shown into <text>"
        )


def _voices(prompt: Prompt, text: str, named: Named) -> Iterator[str]:
    """Voices that speak nothing; a prompt without spans leaves it to the model what is said."""
    del text
    if not prompt.spans:
        return
    speaking = prompt.voices((*named.voices, *named.sounds))
    for voice in named.voices:
        if voice not in speaking:
            yield (
                f"a voice must speak a <dialogue> or <singing>, got none for {voice}; "
                f"write {voice} right after the </dialogue> that it speaks"
            )


def _samples(prompt: Prompt, text: str, named: Named) -> Iterator[str]:
    """Transcripts of voice samples that belong to no sample, or to which is not said."""
    del text
    samples = (*named.voices, *named.sounds)
    for span in prompt.spans:
        if span.tag != "voice_ref":
            continue
        if not samples:
            yield (
                "<voice_ref> has the words of a voice sample, got no sample; give a voice, or "
                "write <dialogue> for words that are spoken in the clip"
            )
        elif span.bound is not None and span.bound not in samples:
            yield (
                f"<voice_ref> belongs to a voice sample, got {span.bound}, which has none; bind it "
                f"to one of {', '.join(samples)}"
            )
        elif span.bound is None and len(samples) > 1:
            yield (
                f"<voice_ref> must say whose words it has, got {len(samples)} samples; write one "
                f"of {', '.join(samples)} right after </voice_ref>"
            )


def _is_explained(name: str, text: str) -> bool:
    """Whether the first use of a handle says what it is: ``@hero is a red ball``.

    Not given by the paper: ours, for structured prompts that name things without a file.
    """
    first = re.search(rf"{re.escape(name)}(?![A-Za-z0-9_-])(\s+is\s+(?:an?|the)\s)?", text)
    return first is not None and first[1] is not None


def _nearest(name: str, given: tuple[str, ...]) -> str | None:
    """A given handle that was probably meant."""
    same = {tag.lower(): tag for tag in given if HANDLE.fullmatch(tag)}
    near = difflib.get_close_matches(name.lower(), same, n=1, cutoff=0.75)
    return same[near[0]] if near else None


def _use(span: Span) -> str:
    return {"text": "shown", "voice_ref": "taken for a word of the sample"}.get(span.tag, "spoken")
