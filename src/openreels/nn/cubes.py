"""A grid of tokens cut into cubes of 4x4x4, and how many of them a cube reads.

Axis letters beside those of the house: ``g`` tokens of the grid, ``u`` cubes, ``p`` places of a
cube.
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

CUBE_SIDE = 4
"""Tokens along every edge of a cube, the choice of VSA (arXiv 2505.13389)."""
CUBE_TOKENS = CUBE_SIDE**3
"""Places of a cube: 64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SparsePattern:
    """Which tokens form the grid, and how much of it each cube reads.

    Raises:
        ValueError: If the grid is empty, or nothing would be read.
    """

    grid: tuple[int, int, int]
    """Frames, rows and columns in tokens: the first tokens of a sequence, in that order. Whatever
    follows them (text, references, keyframes) reads everything and is read by everything."""
    top_k: int
    """Key cubes that a query cube reads, >= 1; more than there are means all."""
    workspace: int = 1 << 22
    """Numbers that may be held beside input and output at a time, about; >= 1. A cube at least, or
    a head on a GPU, is worked on."""

    def __post_init__(self) -> None:
        if min(self.grid) < 1:
            raise ValueError(f"a grid must have a token along every axis, got {self.grid}")
        if self.top_k < 1 or self.workspace < 1:
            raise ValueError(
                f"top_k and workspace must be at least 1, got {self.top_k} and {self.workspace}"
            )

    @property
    def num_tokens(self) -> int:
        """Tokens of the grid."""
        return math.prod(self.grid)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Cubes along each axis; the last one may be ragged."""
        frames, rows, columns = (-(-side // CUBE_SIDE) for side in self.grid)
        return frames, rows, columns

    @property
    def num_cubes(self) -> int:
        """Cubes of the grid."""
        return math.prod(self.counts)

    @property
    def num_kept(self) -> int:
        """Cubes that are read by each."""
        return min(self.top_k, self.num_cubes)

    @property
    def is_ragged(self) -> bool:
        """Whether some cubes have places without a token."""
        return any(side % CUBE_SIDE for side in self.grid)

    @property
    def is_dense(self) -> bool:
        """Whether every cube reads all of them, so that nothing is left out."""
        return self.num_kept == self.num_cubes


def cut(tokens: Float[Tensor, "b g k e"], pattern: SparsePattern) -> Float[Tensor, "b k u p e"]:
    """Sort the tokens of a grid into cubes; places without a token hold zeros.

    Args:
        tokens: In the order frame, row, column.
        pattern: The grid.

    Returns:
        Cubes and places in the order frame, row, column.
    """
    if pattern.is_ragged:
        missing = [
            count * CUBE_SIDE - side
            for count, side in zip(pattern.counts, pattern.grid, strict=True)
        ]
        pads = (0, 0, 0, 0, 0, missing[2], 0, missing[1], 0, missing[0])
        padded = nn.functional.pad(tokens.unflatten(1, pattern.grid), pads)
    else:
        padded = tokens.unflatten(1, pattern.grid)
    side = CUBE_SIDE
    return rearrange(
        padded,
        "b (f x) (h y) (w z) k e -> b k (f h w) (x y z) e",
        x=side,
        y=side,
        z=side,
    )


def join(cubes: Float[Tensor, "b k u p e"], pattern: SparsePattern) -> Float[Tensor, "b g k e"]:
    """Put cubes back into the order of tokens; the inverse of ``cut``."""
    (f, h, w), side = pattern.counts, CUBE_SIDE
    frames, rows, columns = pattern.grid
    padded = rearrange(
        cubes,
        "b k (f h w) (x y z) e -> b (f x) (h y) (w z) k e",
        f=f,
        h=h,
        w=w,
        x=side,
        y=side,
        z=side,
    )
    return padded[:, :frames, :rows, :columns].flatten(1, 3)


def seen_places(
    attendable: Bool[Tensor, "b 1 1 n"] | None, pattern: SparsePattern, like: Tensor
) -> Bool[Tensor, "b u p"] | None:
    """Which places hold a token that may be attended.

    Args:
        attendable: Of the whole sequence, the grid first; None means everything.
        pattern: The grid.
        like: Any tensor with the batch and the device of the tokens.

    Returns:
        True where there is something to see; None if that is everywhere.
    """
    if attendable is not None:
        return cut_mask(attendable, pattern)
    if not pattern.is_ragged:
        return None
    size = (like.shape[0], 1, 1, pattern.num_tokens)
    return cut_mask(torch.ones(size, dtype=torch.bool, device=like.device), pattern)


def cut_mask(attendable: Bool[Tensor, "b 1 1 n"], pattern: SparsePattern) -> Bool[Tensor, "b u p"]:
    """Sort what may be attended into cubes; places without a token are False."""
    grid = rearrange(attendable[..., : pattern.num_tokens], "b 1 1 g -> b g 1 1")
    return rearrange(cut(grid.float(), pattern), "b 1 u p 1 -> b u p") > 0


def pool(
    cubes: Float[Tensor, "b k u p e"], seen: Bool[Tensor, "b u p"] | None
) -> Float[Tensor, "b k u e"]:
    """Average the tokens of every cube that may be seen, in fp32 or finer.

    Args:
        cubes: Queries, keys or values.
        seen: From ``seen_places``.

    Returns:
        Means over the real number of tokens, as in VSA; 0 for a cube without any.
    """
    wide = torch.promote_types(cubes.dtype, torch.float32)
    if seen is None:
        return cubes.mean(3, dtype=wide)
    weight = rearrange(seen, "b u p -> b 1 u p 1")
    total = cubes.masked_fill(~weight, 0).sum(3, dtype=wide)
    return total / weight.sum(3).clamp_min(1)


def kept_cubes(num_cubes: int, sparsity: float) -> int:
    """How many cubes are read when a share of them is left out.

    As in the code of VSA: at least 1, and never less than the share that stays.

    Args:
        num_cubes: Cubes of a grid, >= 1.
        sparsity: Share left out, in [0, 1]; 0.9 keeps a tenth.

    Returns:
        ``top_k`` of a pattern.

    Raises:
        ValueError: If the share is outside [0, 1].
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must be 0 (dense) to 1, got {sparsity}")
    return max(1, math.ceil(round((1 - sparsity) * num_cubes, 6)))


def ramped_sparsity(
    progress: float, *, target: float, ramp: float = 0.3, num_stairs: int = 30
) -> float:
    """Sparsity at a point of a training that starts from a dense network.

    Rises from 0 to the target by equal stairs, then stays, as published recipes do that make a
    dense video transformer sparse (30 stairs of 0.03 over about a third of the training). Not given
    by the paper: anything about the training of its sparse refiner.

    Args:
        progress: Share of the training that is done, in [0, 1].
        target: Sparsity at the end, in [0, 1].
        ramp: Share of the training after which the target is reached, in (0, 1].
        num_stairs: Rises on the way, >= 1.

    Returns:
        A sparsity for ``kept_cubes``; exactly 0 on the first stair, exactly the target at the end.

    Raises:
        ValueError: If a number is out of its range.
    """
    if not (0 <= progress <= 1 and 0 <= target <= 1 and 0 < ramp <= 1 and num_stairs >= 1):
        raise ValueError(
            "progress and target must be 0 to 1, ramp above 0 and up to 1, num_stairs at least 1, "
            f"got {progress}, {target}, {ramp} and {num_stairs}"
        )
    climbed = min(num_stairs, math.floor(round(progress / ramp * num_stairs, 6)))
    return target * (climbed / num_stairs)


def cube_of_tokens(pattern: SparsePattern) -> Int[Tensor, " g"]:
    """The cube of every token of a grid, in the order of tokens and of cubes."""
    axes = [torch.arange(side) // CUBE_SIDE for side in pattern.grid]
    frames, rows, columns = torch.meshgrid(*axes, indexing="ij")
    _, high, wide = pattern.counts
    return ((frames * high + rows) * wide + columns).flatten()
