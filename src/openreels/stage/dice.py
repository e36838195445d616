"""Draws by name from one generator; everything that a world chooses is drawn so."""

from typing import TypeVar

import torch

Word = TypeVar("Word")


class Dice:
    """Draws from one generator, each taking one number of it, an order one call.

    Args:
        source: CPU generator; moves on with every draw.
    """

    def __init__(self, source: torch.Generator) -> None:
        self.generator = source

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw a number in [low, high)."""
        draw = torch.rand((), generator=self.generator, dtype=torch.float64).item()
        return low + (high - low) * draw

    def below(self, count: int) -> int:
        """Draw a whole number from 0 to ``count - 1``."""
        return int(torch.randint(count, (), generator=self.generator))

    def order(self, count: int) -> list[int]:
        """Draw an order of the numbers from 0 to ``count - 1``."""
        return torch.randperm(count, generator=self.generator).tolist()

    def some(self, count: int, out_of: int) -> list[int]:
        """Draw different numbers from 0 to ``out_of - 1``."""
        return self.order(out_of)[:count]

    def one(self, words: tuple[Word, ...]) -> Word:
        """Draw one of some words."""
        return words[self.below(len(words))]

    def other(self, words: tuple[Word, ...], *taken: object) -> Word:
        """Draw a word that is not taken."""
        return self.one(tuple(word for word in words if word not in taken))
