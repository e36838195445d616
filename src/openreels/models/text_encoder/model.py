"""The prompt encoder: words in, tokens out that know what belongs to what."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from openreels.core.arrays import Context, ContextMask
from openreels.core.protocols import ImagePart, Message, Part, TextPart
from openreels.models.text_encoder.config import PromptEncoderConfig
from openreels.models.text_encoder.media import MediaIn
from openreels.models.text_encoder.tokenizer import HashedPrompts, HashTokenizer

logger = logging.getLogger(__name__)

_ROPE_THETA = 1000.0
_ROW_STD = 0.02
"""Small, so that rows that no training caption used add nothing to a new word."""


class PromptEncoder(nn.Module):
    """Encodes prompts for both branches; frozen while the transformer trains (sec. 3.1).

        text -> words -> rows of the table          b n
             -> weighted sums of rows               b n d
             -> depth x (attention, feed-forward)   b n d
             -> layer norm                          b n d, zeros where padded

    Implements ``core.protocols.Conditioner``.
    """

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = HashTokenizer(config)
        self.table = nn.Parameter(_ROW_STD * torch.randn(config.num_buckets, config.width))
        self.empty = nn.Parameter(torch.randn(config.width))
        self.norm_in = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList(EncoderBlock(config) for _ in range(config.depth))
        self.norm_out = nn.LayerNorm(config.width)
        reads = config.image_channels or config.audio_channels
        self.media = MediaIn(config) if reads else None

    def encode(self, messages: Sequence[Message]) -> tuple[Context, ContextMask]:
        """Encode one message a sample.

        Args:
            messages: Parts of each prompt; the texts of one message are read as one, and the tokens
                of pictures, clips and sounds stand where they do. An encoder of words alone passes
                over them.

        Returns:
            Tokens (zeros where padded) and True for the real ones, padded to the longest prompt.
        """
        with torch.no_grad():
            return self.embed(messages)

    def embed(self, messages: Sequence[Message]) -> tuple[Context, ContextMask]:
        """Do as ``encode`` does, with gradients."""
        read = self._read(messages)
        prompts = self.tokenizer.batch([one.words for one in read]).to(self.table.device)
        if not any(one.media for one in read):
            return self(prompts), prompts.attendable
        words = self.words(prompts)
        rows = [
            self._laid(one, words[index, : max(1, len(one.words))])
            for index, one in enumerate(read)
        ]
        longest = max(len(row) for row in rows)
        tokens = torch.stack([functional.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
        lengths = torch.tensor([len(row) for row in rows], device=tokens.device)
        attendable = torch.arange(longest, device=tokens.device) < lengths[:, None]
        return self._mix(tokens, attendable), attendable

    def tags(self, messages: Sequence[Message]) -> Int[Tensor, "b n"]:
        """Number the tokens of ``encode``.

        Args:
            messages: The same as for ``encode``.

        Returns:
            Number of the reference that each token belongs to; 0 is none.
        """
        rows = [one.tags or [0] for one in self._read(messages)]
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    def _read(self, messages: Sequence[Message]) -> "list[_Read]":
        """Words and media of every message at their places, cut to the budgets."""
        found: list[_Read] = []
        for message in messages:
            pairs = [
                (word, part.tag, index)
                for index, part in enumerate(message)
                if isinstance(part, TextPart)
                for word in self.tokenizer.words_of(part)
            ]
            words = self.tokenizer.fit([word for word, _, _ in pairs])
            found.append(self._arranged(message, words, pairs[: len(words)]))
        return found

    def _arranged(
        self, message: Message, words: list[str], pairs: list[tuple[str, int, int]]
    ) -> "_Read":
        """Put what is no text after the words before it."""
        media, tags, done, room = list[tuple[int, list[Part], int]](), list[int](), 0, 0
        for index, part in enumerate(message):
            while done < len(pairs) and pairs[done][2] <= index:
                tags.append(pairs[done][1])
                done += 1
            if self.media is None or isinstance(part, TextPart):
                continue
            if media and media[-1][0] == done and _same_thing(media[-1][1][-1], part):
                media[-1][1].append(part)
                continue
            count = self.media.num_tokens(part)
            kept = min(count, self.config.max_media_tokens - room)
            if kept < count:
                logger.warning(
                    "the references of a prompt may have %d tokens, got more; they are cut, give "
                    "fewer or shorter ones",
                    self.config.max_media_tokens,
                )
            if kept:
                media.append((done, [part], kept))
                tags += [part.tag] * kept
                room += kept
        # An empty prompt is one token, in front of what is shown.
        return _Read(words, media, tags if words else [0, *tags])

    def _laid(self, read: "_Read", words: Float[Tensor, "n d"]) -> Float[Tensor, "m d"]:
        """Words and media of one message in order."""
        if self.media is None:
            return words
        pieces, done = list[Tensor](), 0
        for place, parts, kept in read.media:
            place = place if read.words else 1
            pieces.append(words[done:place])
            pieces.append(self.norm_in(self.media(parts)[:kept]))
            done = place
        return torch.cat([*pieces, words[done:]])

    def encode_text(self, texts: Sequence[str]) -> tuple[Context, ContextMask]:
        """Encode plain prompts.

        Args:
            texts: One prompt a sample; case and punctuation change nothing. An empty one gives
                one learned token.

        Returns:
            As ``encode``, without gradients.
        """
        with torch.no_grad():
            prompts = self.tokenizer(texts).to(self.table.device)
            return self(prompts), prompts.attendable

    def forward(self, prompts: HashedPrompts) -> Context:
        """Encode hashed prompts, with gradients.

        Args:
            prompts: What the tokenizer gives, on the device of the weights.

        Returns:
            Tokens, zeros where padded.
        """
        return self._mix(self.words(prompts), prompts.attendable)

    def words(self, prompts: HashedPrompts) -> Float[Tensor, "b n d"]:
        """Look words up, before they know of each other.

        Args:
            prompts: As for ``forward``.

        Returns:
            Normalised vectors; that of the empty prompt where there is no word.
        """
        vectors = functional.embedding_bag(
            prompts.rows,
            self.table,
            prompts.starts,
            mode="sum",
            per_sample_weights=prompts.weights.to(self.table.dtype),
        )
        tokens = functional.embedding(prompts.words.clamp(min=0), vectors)
        is_empty = rearrange(prompts.words == -1, "b n -> b n 1")
        return self.norm_in(torch.where(is_empty, self.empty, tokens))

    def _mix(self, tokens: Float[Tensor, "b n d"], attendable: Bool[Tensor, "b n"]) -> Context:
        turns = rope_turns(tokens.shape[1], self.config.head_width).to(tokens)
        for block in self.blocks:
            tokens = block(tokens, attendable, turns)
        return self.norm_out(tokens) * rearrange(attendable, "b n -> b n 1")


@dataclass(frozen=True, slots=True)
class _Read:
    """One message, split."""

    words: list[str]
    media: list[tuple[int, list[Part], int]]
    """Words before it, the part or several pictures of one thing, and how many of its tokens are
    kept."""
    tags: list[int]
    """Number of the reference of every token, words and media in order."""


class EncoderBlock(nn.Module):
    """Attention over the words of a prompt, then a feed-forward part; both added to the tokens."""

    def __init__(self, config: PromptEncoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        width, hidden = config.width, config.width * config.mlp_ratio
        self.norm_attention = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(
        self,
        tokens: Float[Tensor, "b n d"],
        attendable: Bool[Tensor, "b n"],
        turns: Float[Tensor, "2 n e"],
    ) -> Float[Tensor, "b n d"]:
        """Mix the words of each prompt.

        Args:
            tokens: Words.
            attendable: True for real words; no word looks at the others.
            turns: Cosines and sines of the word order.

        Returns:
            New tokens.
        """
        parts = rearrange(
            self.to_qkv(self.norm_attention(tokens)),
            "b n (three k e) -> three b k n e",
            three=3,
            k=self.num_heads,
        )
        mask = rearrange(attendable, "b n -> b 1 1 n")
        mixed = functional.scaled_dot_product_attention(
            rotate(parts[0], turns), rotate(parts[1], turns), parts[2], attn_mask=mask
        )
        tokens = tokens + self.to_out(rearrange(mixed, "b k n e -> b n (k e)"))
        return tokens + self.mlp(self.norm_mlp(tokens))


def rope_turns(num_tokens: int, head_width: int) -> Float[Tensor, "2 n e"]:
    """Cosines and sines that turn queries and keys by their place in the prompt.

    Implements Su et al. 2021 (arXiv 2104.09864), with base 1000 as prompts are short.

    Args:
        num_tokens: Words.
        head_width: Width of a head, even.

    Returns:
        Cosines, then sines; each frequency twice along the last axis.
    """
    exponents = torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
    angles = torch.outer(torch.arange(num_tokens, dtype=torch.float32), _ROPE_THETA**-exponents)
    angles = torch.cat([angles, angles], dim=-1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(
    heads: Float[Tensor, "b k n e"], turns: Float[Tensor, "2 n e"]
) -> Float[Tensor, "b k n e"]:
    """Turn queries or keys by their place.

    Args:
        heads: Queries or keys.
        turns: From ``rope_turns``.

    Returns:
        The same, turned.
    """
    first, second = heads.chunk(2, dim=-1)
    return heads * turns[0] + torch.cat([-second, first], dim=-1) * turns[1]


def _same_thing(one: Part, other: Part) -> bool:
    """Whether two parts are pictures of one reference, which are read together."""
    both = isinstance(one, ImagePart) and isinstance(other, ImagePart)
    return both and one.tag == other.tag
