"""Which words of a text the Stage world knows, and as what; misspelt ones are mended.

The phrases are those of ``lexicon``, the words around them those of ``captions``; what people say
besides is here. How the parts belong together is in ``reading``.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from openreels.core.prompt import HANDLE
from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions import frame_words
from openreels.stage.loose_words import (
    EMPTY,
    LOOKALIKES,
    LOOSE,
    LOOSE_REFERENCES,
    PREPOSITIONS,
    Kind,
)

Origin: TypeAlias = Literal["caption", "rare", "loose"]
"""Whether training captions say it so, only evaluation captions do, or only people do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One phrase of a text."""

    kind: Kind
    """What it is."""
    value: str
    """The word of the world that it means; empty where there is none."""
    words: tuple[str, ...]
    """Its words in lower case, mended."""
    origin: Origin
    """Who says it so."""
    start: int
    """Offset of its first character."""


@dataclass(frozen=True, slots=True)
class Mending:
    """A word that was read as another."""

    start: int
    """Offset in the text."""
    written: str
    """As it stands there."""
    read: str
    """As it was read."""


_Entry: TypeAlias = tuple[Kind, str, Origin]

_SHORTEST_MENDED = 4
"""In shorter words only swapped letters are mended: too many words differ in one letter."""
_LIKENESS = 0.84
"""Least ratio of ``difflib``: one letter too many or too few, or one wrong in seven."""
ARTICLES = frozenset({"a", "an", "the", "one", "another"})
"""Words that begin a noun phrase."""
_TOKEN = re.compile(rf"(?<![A-Za-z0-9]){HANDLE.pattern}|\w+(?:['\u2019]\w+)*|\S")
_ANY = "@"
"""Stands for any handle in a phrase."""
_STOPS = frozenset(".,;:!?\"'()\u2013\u2014\u2019\u201c\u201d")


@cache
def phrases() -> Mapping[tuple[str, ...], _Entry]:
    """Every phrase by its words; what captions say comes before what only people say."""
    found: dict[tuple[str, ...], _Entry] = {}
    for kind, value, text, origin in _listed():
        words = tuple(_plain_words(text))
        if words not in found:
            found[words] = (kind, value, origin)
    return found


@cache
def reference_phrases() -> Mapping[tuple[str, ...], tuple[Kind, Origin]]:
    """Every phrase that names a reference, by its words with ``@`` for the handle."""
    tables: tuple[tuple[Kind, lexicon.Words, str], ...] = (
        ("like", words_of.MOTION_PHRASES, "{}"),
        ("mien", words_of.EXPRESSION_PHRASES, "{}"),
        ("changed", words_of.EFFECT_PHRASES, "{}"),
        ("place_of", words_of.PLACE_OF, "{}"),
        ("style_of", words_of.STYLE_OF, "{}"),
        ("frame_of", words_of.FRAME_OF, "{}"),
        ("story_of", words_of.STORY_OF, "{}"),
        ("music_of", words_of.MUSIC_OF, "{} plays"),
        ("ambience_of", words_of.AMBIENCE_OF, "one hears {}"),
    )
    found: dict[tuple[str, ...], tuple[Kind, Origin]] = {}

    def add(kind: Kind, texts: Iterable[str], origin: Origin) -> None:
        for text in texts:
            halves = [_key(half) for half in text.split("{handle}")]
            found.setdefault((*halves[0], _ANY, *halves[1]), (kind, origin))

    for kind, words, frame in tables:
        add(kind, map(frame.format, words.common), "caption")
        add(kind, map(frame.format, words.rare), "rare")
        add(kind, words.common + words.rare, "loose")
    for kind, texts in LOOSE_REFERENCES.items():
        add(kind, texts.split("|"), "loose")
    return found


def _key(text: str) -> list[str]:
    """Words and stops of a phrase as ``find`` reads them."""
    return ["".join(_plain_words(token[0])) or token[0] for token in _TOKEN.finditer(text)]


def find(text: str) -> tuple[tuple[Item, ...], tuple[Mending, ...]]:
    """Split a text into phrases, the longest first.

    Args:
        text: Any text.

    Returns:
        Every phrase, word and stop in order, and the words that were mended.
    """
    tokens = [(token[0], token.start()) for token in _TOKEN.finditer(text)]
    words, mendings = list[str](), list[Mending]()
    for token, start in tokens:
        word = token if _is_handle(token) else "".join(_plain_words(token)) or token
        mended = mend(word)
        if mended != word:
            mendings.append(Mending(start, token, mended))
        words.append(mended)
    kept = [index for index, word in enumerate(words) if word not in "-\u2010\u2011"]
    items = _match([words[i] for i in kept], [tokens[i][1] for i in kept])
    return tuple(items), tuple(mendings)


@cache
def mend(word: str) -> str:
    """Read a misspelt word as the one that was meant.

    Args:
        word: In lower case.

    Returns:
        A word of the vocabulary with the same first letter and nearly the same letters, or
        ``word`` where there is none or it is a word of its own.
    """
    targets, known = _spellings()
    if word in known or not word.isascii() or not word.isalpha():
        return word
    near = [t for t in targets if t[0] == word[0] and abs(len(t) - len(word)) <= 1]
    swapped = [t for t in near if sorted(t) == sorted(word)]
    if swapped:
        return swapped[0]
    if any(word == t + ending for t in targets for ending in ("s", "es")):
        return word
    near = [t for t in near if min(len(t), len(word)) >= _SHORTEST_MENDED]
    return next(iter(difflib.get_close_matches(word, near, n=1, cutoff=_LIKENESS)), word)


@cache
def _spellings() -> tuple[tuple[str, ...], frozenset[str]]:
    """Words that a slip may be read as, and all words that are none."""
    known = {word for words in phrases() for word in words}
    told = ("shape", "colour", "material", "size", "action", "doing", "place", "time_of_day")
    targets = sorted({
        w[0] for w, (kind, _, _) in phrases().items() if len(w) == 1 and kind in told
    })
    other = EMPTY | PREPOSITIONS | ARTICLES | LOOKALIKES | frame_words()
    return tuple(targets), frozenset(known | other)


def _listed() -> Iterator[tuple[Kind, str, str, Origin]]:
    """Every phrase as kind, value, words and origin; the first of equal ones counts."""
    tables = list(_tables())
    for kind, value, words in tables:
        for text in words.common:
            yield kind, value, text, "caption"
    for kind, value, words in tables:
        for text in words.rare:
            yield kind, value, text, "rare"
    for action, moments in lexicon.SOUND_MOMENTS.items():
        for text in filter(None, moments):
            yield "moment", action, text, "caption"
    for text in ("something happens", "presented as", "in which"):
        yield "word", "", text, "caption"
    for kind, text in lexicon_sounds.AMBIENCE_HELD_OUT.items():
        yield "ambience", kind, text, "caption"
    yield from _loose()


def _loose() -> Iterator[tuple[Kind, str, str, Origin]]:
    for shape, words in lexicon.SHAPE_WORDS.items():
        for text in words.common + words.rare:
            yield "many", shape, f"{text}{'es' if text.endswith('x') else 's'}", "loose"
    for expression, words in lexicon_looks.FACE_WORDS.items():
        for text in words.common + words.rare:
            yield "expression", expression, text, "loose"
    for (kind, value), texts in LOOSE.items():
        for text in texts.split("|"):
            yield kind, value, text, "loose"


def _tables() -> Iterator[tuple[Kind, str, lexicon.Words]]:
    tables: Iterable[tuple[Kind, Mapping[Any, lexicon.Words]]] = (
        ("shape", lexicon.SHAPE_WORDS),
        ("colour", lexicon.COLOUR_WORDS),
        ("material", lexicon.MATERIAL_ADJECTIVES),
        ("material", lexicon.MATERIAL_NOUNS),
        ("size", lexicon.SIZE_WORDS),
        ("side", lexicon.SIDE_PHRASES),
        ("direction", lexicon.TRAVEL_PHRASES),
        ("sound", lexicon.SOUND_PHRASES),
        ("place", lexicon.PLACE_PHRASES),
        ("time_of_day", lexicon.TIME_PHRASES),
        ("time_of_day", lexicon.TIME_SENTENCES),
        ("camera", lexicon.CAMERA_SENTENCES),
        ("weather", lexicon_looks.WEATHER_PHRASES),
        ("weather", lexicon_looks.WEATHER_SENTENCES),
        ("style", lexicon_looks.STYLE_TITLES),
        ("style", lexicon_looks.STYLE_SENTENCES),
        ("expression", lexicon_looks.FACE_PHRASES),
        ("shot", lexicon_looks.OVERLAY_NOUNS),
        ("effect", words_of.EFFECT_WORDS),
        ("plays", lexicon_sounds.PLAY_PHRASES),
        ("voice", lexicon_sounds.VOICE_PHRASES),
        ("ambience", lexicon_sounds.AMBIENCE_SENTENCES),
        ("music", lexicon_sounds.music_phrases()),
    )
    for kind, table in tables:
        for value, words in table.items():
            yield kind, value, words
    yield "word", "", lexicon_sounds.THEN_WORDS
    for words in (lexicon_looks.CUT_WORDS, lexicon_looks.WIDE_WORDS, lexicon_looks.CLOSE_WORDS):
        yield "shot", "", words
    for direction, words in lexicon.TRAVEL_PHRASES.items():
        for verb in {verb for verb in lexicon.TRAVEL_VERBS.values() if verb}:
            said = [tuple(f"{verb} {text}" for text in said) for said in (words.common, words.rare)]
            yield "direction", direction, lexicon.Words(*said)
    for action, words in lexicon.ACTION_WORDS.items():
        forms: tuple[Kind, Kind] = ("hit", "hit") if action == "collide" else ("action", "doing")
        for kind, half in zip(forms, _halves(words), strict=True):
            yield kind, action, half
    for half in _halves(lexicon.MUTUAL_WORDS):
        yield "meet", "collide", half


def _halves(words: lexicon.Words) -> tuple[lexicon.Words, lexicon.Words]:
    """The finite forms and the -ing forms of verbs."""
    first, second = (
        [tuple(pair.split("/")[form] for pair in said) for said in (words.common, words.rare)]
        for form in (0, 1)
    )
    return lexicon.Words(*first), lexicon.Words(*second)


def _match(words: list[str], starts: list[int]) -> list[Item]:
    items, at = list[Item](), 0
    while at < len(words):
        length = _length(words, at)
        if length > 1 and words[at + length - 1] == "with" and _length(words, at + length - 1) > 1:
            length -= 1  # ``colliding with a dull thud``: the last word begins a phrase of its own
        said = tuple(words[at : at + max(length, 1)])
        kind, value, origin = _entry(said) or _single(said[0])
        items.append(Item(kind=kind, value=value, words=said, origin=origin, start=starts[at]))
        at += len(said)
    return items


def _length(words: list[str], at: int) -> int:
    """Words of the longest phrase that begins at a place; 0 for none."""
    lengths = range(min(_longest(), len(words) - at), 0, -1)
    return next((n for n in lengths if _entry(tuple(words[at : at + n]))), 0)


def _entry(words: tuple[str, ...]) -> _Entry | None:
    """What a phrase is; one with a handle has that for its value."""
    handle = next(filter(_is_handle, words), "")
    if not handle:
        return phrases().get(words)
    found = reference_phrases().get(tuple(_ANY if _is_handle(word) else word for word in words))
    return found and (found[0], handle, found[1])


def _is_handle(word: str) -> bool:
    return HANDLE.fullmatch(word) is not None


@cache
def _longest() -> int:
    return max(map(len, (*phrases(), *reference_phrases())))


def _single(word: str) -> _Entry:
    if _is_handle(word):
        return "thing", "", "caption"
    if word in _STOPS:
        return "stop", "", "caption"
    if word in frame_words() or word in ARTICLES:
        return "word", "", "caption"
    if word in EMPTY:
        return "word", "", "loose"
    return "unknown", "", "loose"


def _plain_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).lower()
    return re.findall(r"\w+", re.sub(r"['\u2019]", "", text))
