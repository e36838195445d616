"""Words and pieces of words hashed to rows of a table; no vocabulary file."""

import logging
import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openreels.core.prompt import HANDLE
from openreels.core.protocols import TextPart
from openreels.models.text_encoder.config import PromptEncoderConfig

logger = logging.getLogger(__name__)

_ARTICLE = "(?:an?|the)"
_WORD = re.compile(
    rf"(?<![a-z0-9])@(?P<name>{_ARTICLE}(?:[_-]+{_ARTICLE}|[_-])*+)(?![a-z0-9_-])|[^\W_]+"
)
"""A word, or a handle that is made of articles alone."""
_APOSTROPHES = re.compile("['\u2019]")
_ARTICLES = frozenset({"a", "an", "the"})
_CACHE_WORDS = 50_000


def _tells(word: str) -> bool:
    return word not in _ARTICLES


@dataclass(frozen=True, slots=True)
class HashedPrompts:
    """A batch of prompts as rows of the table; every distinct word is stored once."""

    rows: Int[Tensor, " m"]
    """Rows of all distinct words, one word after another."""
    weights: Float[Tensor, " m"]
    """Weight of each row in the sum that is its word's vector."""
    starts: Int[Tensor, " u"]
    """Where each distinct word starts in ``rows``."""
    words: Int[Tensor, "b n"]
    """Index of the distinct word at each place; 0 where padded, -1 for the empty prompt."""
    attendable: Bool[Tensor, "b n"]
    """True for real tokens."""

    def to(self, device: torch.device) -> "HashedPrompts":
        """The same batch on a device."""
        return HashedPrompts(
            self.rows.to(device),
            self.weights.to(device),
            self.starts.to(device),
            self.words.to(device),
            self.attendable.to(device),
        )


class HashTokenizer:
    """Splits text into words and hashes each word with its character pieces.

    A word is the weighted sum of the row of the whole word and the mean row of its pieces, so that
    an unknown or misspelt word lands near the words whose pieces it shares (the idea of Bojanowski
    et al. 2017, arXiv 1607.04606). Case, punctuation and the articles a, an, the change nothing.
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        self.config = config
        self._cache: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {}

    def split(self, text: str) -> list[str]:
        """Split text into normalised words, all of them.

        Args:
            text: Any text.

        Returns:
            Lower-case words in order, without articles. The words of a handle are among them, at
            least one: an article that is the whole name of something, as in ``@a``, is kept.
        """
        text = unicodedata.normalize("NFKC", text).lower()
        marks = _WORD.finditer(_APOSTROPHES.sub("", text))
        return [mark["name"] or mark[0] for mark in marks if mark["name"] or _tells(mark[0])]

    def words_of(self, part: TextPart) -> list[str]:
        """Split a piece of a message.

        Args:
            part: Text, and the reference that it belongs to.

        Returns:
            One word for a handle that the request gives, so that it has one place whatever its
            name is. Else its words, at least one where they belong to a reference.
        """
        if part.tag and HANDLE.fullmatch(part.text):
            return [part.text.removeprefix("@").lower()]
        text = part.text.strip().lower()
        return self.split(part.text) or ([text] if part.tag and text else [])

    def rows(self, word: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Hash one normalised word.

        Args:
            word: As ``split`` gives it.

        Returns:
            Rows of the table and their weights: the word itself 1, its pieces 1 together. The same
            in every process.
        """
        found = self._cache.get(word)
        if found is None:
            pieces = self._pieces(word)
            names = [f"word:{word}", *(f"piece:{piece}" for piece in pieces)]
            rows = tuple(zlib.crc32(name.encode()) % self.config.num_buckets for name in names)
            found = rows, (1.0, *(1 / len(pieces) for _ in pieces))
            if len(self._cache) < _CACHE_WORDS:
                self._cache[word] = found
        return found

    def _pieces(self, word: str) -> list[str]:
        framed = f"<{word[:40]}>"
        lengths = range(self.config.min_piece, self.config.max_piece + 1)
        pieces = [framed[i : i + n] for n in lengths for i in range(len(framed) - n + 1)]
        return pieces or [framed]

    def __call__(self, texts: Sequence[str]) -> HashedPrompts:
        """Hash a batch of prompts, padded to the longest.

        Args:
            texts: At least one prompt. An empty one becomes one special token.

        Returns:
            The batch, on the CPU.

        Raises:
            ValueError: If there is no prompt.
        """
        if not texts:
            raise ValueError("at least one prompt is needed, got none; pass '' for no words")
        return self.batch([self.fit(self.split(text)) for text in texts])

    def batch(self, prompts: Sequence[Sequence[str]]) -> HashedPrompts:
        """Hash words that are split already and fit the budget.

        Args:
            prompts: Words of each prompt, as ``split`` gives them.

        Returns:
            The batch, on the CPU.
        """
        known = {
            word: index for index, word in enumerate(dict.fromkeys(w for p in prompts for w in p))
        }
        rows, weights, starts = list[int](), list[float](), list[int]()
        for word in known or {"": 0}:
            word_rows, word_weights = self.rows(word)
            starts.append(len(rows))
            rows.extend(word_rows)
            weights.extend(word_weights)
        longest = max([1, *map(len, prompts)])
        places = [[known[w] for w in p] or [-1] for p in prompts]
        return HashedPrompts(
            rows=torch.tensor(rows),
            weights=torch.tensor(weights),
            starts=torch.tensor(starts),
            words=torch.tensor([p + [0] * (longest - len(p)) for p in places]),
            attendable=torch.tensor([[i < len(p) for i in range(longest)] for p in places]),
        )

    def fit(self, words: list[str]) -> list[str]:
        """Cut words to the budget, with a warning."""
        budget = self.config.max_tokens
        if len(words) > budget:
            logger.warning(
                "a prompt may have %d words, got %d; the last %d are cut, shorten it to keep them",
                budget,
                len(words),
                len(words) - budget,
            )
        return words[:budget]
