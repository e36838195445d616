"""The prompt language: prose, spans such as ``<dialogue>…</dialogue>``, and ``@handles``.

Text to a tree and back. What a prompt must keep with regard to its request is in
``core/prompt_rules.py``.
"""

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

Tag: TypeAlias = Literal["text", "sfx", "dialogue", "singing", "bgm", "voice_ref"]
"""Kinds of spans: words seen in the picture, effects, speech, song, music, and the words of a
voice sample. The tags are those of SkyReels-V4 (arXiv 2602.21818) and of its public interface."""
TAGS: tuple[Tag, ...] = get_args(Tag)
VERBATIM: frozenset[Tag] = frozenset({"text", "dialogue", "singing", "voice_ref"})
"""Spans whose words are meant letter for letter, so that an @ in them is no handle."""
SPOKEN: frozenset[Tag] = frozenset({"dialogue", "singing"})
"""Spans that a voice utters."""

_NAME = r"@[A-Za-z][A-Za-z0-9_-]*+"
HANDLE = re.compile(_NAME)
"""A handle alone."""
_IN_PROSE = re.compile(rf"(?<![A-Za-z0-9]){_NAME}")
"""A handle in running text; the @ of a mail address is none."""
_BOUND = re.compile(rf"(?:({_NAME})|[ \t]+({_NAME})(?=\s*(?:[^\w\s'\u2019]|\Z)))")
"""A handle right after a closing tag: without a space, or with nothing but a stop after it."""
_NAMES = "|".join(TAGS)
_MARK = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?P<rest>\s*/?)>"
    rf"|<\s*/?\s*(?P<broken>{_NAMES})\s*/?\s*>|</?(?P<open>{_NAMES})(?![A-Za-z0-9_-])"
)
"""What looks like a tag. A ``<`` before a space, a digit or a word without ``>`` is plain text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """Running text, in which handles may stand.

    Raises:
        ValueError: If the text is empty or holds what reads as a tag.
    """

    text: str
    """As it was written, with its spaces."""
    start: int = field(default=0, compare=False)
    """Offset of its first character in the prompt."""

    def __post_init__(self) -> None:
        if not self.text:
            raise ValueError("prose must hold text, got none; leave it out")
        _refuse_tags(self.text)

    @property
    def end(self) -> int:
        """Offset after its last character."""
        return self.start + len(self.text)

    @property
    def handles(self) -> tuple[str, ...]:
        """Handles in order."""
        return tuple(_IN_PROSE.findall(self.text))


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Text between an opening and a closing tag, and the handle bound to it.

    Raises:
        ValueError: If the tag is unknown, the text is empty, has spaces at its ends or holds what
            reads as a tag, or the handle is none.
    """

    tag: Tag
    """What the text is."""
    text: str
    """Words between the tags, without spaces at the ends."""
    bound: str | None = None
    """Handle right after the closing tag: the voice of speech, the sample of a sound."""
    start: int = field(default=0, compare=False)
    """Offset of the opening tag in the prompt."""
    end: int = field(default=0, compare=False)
    """Offset after the closing tag, or after the bound handle."""

    def __post_init__(self) -> None:
        if self.tag not in TAGS:
            raise ValueError(_unknown(self.tag))
        if not self.text or self.text != self.text.strip():
            raise ValueError(
                f"a span holds words without spaces at its ends, got {self.text!r} for "
                f"<{self.tag}>; strip it, or leave the span out"
            )
        _refuse_tags(self.text)
        if self.bound is not None and not HANDLE.fullmatch(self.bound):
            raise ValueError(
                f"a bound handle is @ and a name, got {self.bound!r}; write e.g. @Audio-0"
            )

    @property
    def handles(self) -> tuple[str, ...]:
        """Handles in order: those among its words, if they are not verbatim, and the bound one."""
        inside = [] if self.tag in VERBATIM else _IN_PROSE.findall(self.text)
        return tuple(inside if self.bound is None else [*inside, self.bound])


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt as a tree: prose and spans in order; offsets do not count in comparisons.

    Raises:
        ValueError: If two pieces of prose meet, or prose would read as part of the span before it.
    """

    parts: tuple[Prose | Span, ...]
    """Prose and spans."""

    def __post_init__(self) -> None:
        for before, part in zip(self.parts, self.parts[1:], strict=False):
            if not isinstance(part, Prose):
                continue
            if isinstance(before, Prose):
                raise ValueError(f"prose must be in one piece, got {part.text[:40]!r} after prose")
            taken = _BOUND.match(part.text)
            if before.bound is not None:
                taken = re.match(r"[A-Za-z0-9_-]", part.text)
            if taken:
                raise ValueError(
                    f"prose must not read as part of the span before it, got {part.text[:40]!r}; "
                    "bind the handle, or start with a space"
                )

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans in order."""
        return tuple(part for part in self.parts if isinstance(part, Span))

    @property
    def handles(self) -> tuple[str, ...]:
        """Every handle, each once, in the order of first use."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.handles))

    def voices(self, voiced: Collection[str]) -> tuple[str | None, ...]:
        """Say who utters each ``<dialogue>`` and ``<singing>``.

        In the paper a voice is bound by its handle right after the words it speaks. Not given by
        the paper: for a span without one, the last handle with a voice that was named since the
        span before, so that ``@ann says <dialogue>…</dialogue>`` does what it says.

        Args:
            voiced: Handles that have a voice.

        Returns:
            A handle, or None for a voice of the model's choice, for every such span in order.
        """
        found: list[str | None] = []
        named: str | None = None
        for part in self.parts:
            if isinstance(part, Prose):
                named = next((name for name in reversed(part.handles) if name in voiced), named)
            elif part.tag in SPOKEN:
                bound = part.bound if part.bound in voiced else None
                found.append(named if part.bound is None else bound)
                named = None
        return tuple(found)


def parse(text: str) -> Prompt:
    """Read a prompt.

    Args:
        text: Any text.

    Returns:
        Its tree. A text without tags is one piece of prose, unchanged.

    Raises:
        ValueError: One sentence: a tag is unknown, misspelt, nested, unbalanced or empty.
    """
    parts: list[Prose | Span] = []
    opened: re.Match[str] | None = None
    done = 0
    for mark in _MARK.finditer(text):
        _check_mark(mark, opened, text)
        if opened is None:
            if mark.start() > done:
                parts.append(Prose(text=text[done : mark.start()], start=done))
            opened = mark
            continue
        span = _span(text, opened, mark)
        parts.append(span)
        opened, done = None, span.end
    if opened is not None:
        raise ValueError(
            f"every tag must be closed, got <{opened['name']}> {_where(opened)} without "
            f"</{opened['name']}>; add it after the words that belong to it"
        )
    if len(text) > done:
        parts.append(Prose(text=text[done:], start=done))
    return Prompt(parts=tuple(parts))


def serialise(prompt: Prompt) -> str:
    """Write a prompt; ``parse`` reads the same tree back.

    Args:
        prompt: A tree.

    Returns:
        Text in normal form: no spaces inside of the tags' edges or before a bound handle.
    """
    return "".join(
        part.text
        if isinstance(part, Prose)
        else f"<{part.tag}>{part.text}</{part.tag}>{part.bound or ''}"
        for part in prompt.parts
    )


def encoder_text(text: str) -> str:
    """The words that a prompt encoder for plain text reads.

    Not given by the paper, whose encoder is a language model that reads the tags themselves: a
    small encoder that never saw a tag would take ``sfx`` for a word of the scene. So tags and
    bound handles go, the words of the spans stay where they were, and the transcript of a voice
    sample goes too, as it is not heard in the clip.

    Args:
        text: A valid prompt.

    Returns:
        A prompt without spans as it is, letter for letter; else its words on one line.

    Raises:
        ValueError: As ``parse`` does.
    """
    prompt = parse(text)
    if not prompt.spans:
        return text
    kept = [
        part.text for part in prompt.parts if isinstance(part, Prose) or part.tag != "voice_ref"
    ]
    return " ".join(" ".join(kept).split())


def pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """Cut running text at its handles.

    Args:
        text: Text without tags.

    Returns:
        Pieces in order that join to the text again, each with whether it is a handle.
    """
    found: list[tuple[str, bool]] = []
    done = 0
    for handle in _IN_PROSE.finditer(text):
        found += [(text[done : handle.start()], False), (handle[0], True)]
        done = handle.end()
    return tuple(piece for piece in (*found, (text[done:], False)) if piece[0])


def _check_mark(mark: re.Match[str], opened: re.Match[str] | None, text: str) -> None:
    """Refuse a tag that cannot stand where it is."""
    name = mark["name"] or mark["broken"] or mark["open"]
    if name in TAGS and (mark["rest"] or not mark["name"]):
        raise ValueError(
            f"a tag has no spaces and nothing but its name, got {_quote(text, mark)} "
            f"{_where(mark)}; write <{name}> and </{name}>"
        )
    if name not in TAGS:
        raise ValueError(_unknown(name))
    if opened is None and mark["close"]:
        raise ValueError(
            f"a closing tag needs an opening one, got </{name}> {_where(mark)} without <{name}>; "
            "add it before the words that belong to it"
        )
    if opened is None:
        return
    if mark["close"] and name != opened["name"]:
        raise ValueError(
            f"a span ends with the tag it began with, got </{name}> {_where(mark)} for "
            f"<{opened['name']}>; write </{opened['name']}>"
        )
    if mark["close"]:
        return
    if f"</{opened['name']}>" not in text[mark.end() :]:
        raise ValueError(
            f"every tag must be closed, got <{name}> {_where(mark)} before the end of "
            f"<{opened['name']}>; add </{opened['name']}> in front of it"
        )
    raise ValueError(
        f"spans do not nest, got <{name}> {_where(mark)} inside <{opened['name']}>; "
        f"close <{opened['name']}> first"
    )


def _span(text: str, opened: re.Match[str], closed: re.Match[str]) -> Span:
    words = text[opened.end() : closed.start()].strip()
    tag: Tag = next(tag for tag in TAGS if tag == opened["name"])
    if not words:
        raise ValueError(
            f"a span must hold words, got an empty <{tag}> {_where(opened)}; fill it or leave it "
            "out"
        )
    bound = _BOUND.match(text, closed.end())
    return Span(
        tag=tag,
        text=words,
        bound=None if bound is None else bound[1] or bound[2],
        start=opened.start(),
        end=closed.end() if bound is None else bound.end(),
    )


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), TAGS, n=1, cutoff=0.6)
    advice = f"write <{near[0]}>, or put" if near else "choose one, or put"
    known = ", ".join(f"<{tag}>" for tag in TAGS)
    return f"a tag must be one of {known}, got <{name}>; {advice} a space after a < that is no tag"


def _refuse_tags(text: str) -> None:
    mark = _MARK.search(text)
    if mark:
        raise ValueError(
            f"words must not read as a tag, got {mark[0]!r}; put a space after a < that is no tag"
        )


def _where(mark: re.Match[str]) -> str:
    return f"at character {mark.start() + 1}"


def _quote(text: str, mark: re.Match[str]) -> str:
    whole = re.compile(r"<[^<>]{0,30}>?").match(text, mark.start())
    return repr(whole[0] if whole else mark[0])
