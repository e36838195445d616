"""Video Sparse Attention (Zhang et al. 2025, arXiv 2505.13389), and its plain reference.

Tokens of a grid are cut into cubes of 4x4x4. The *coarse* stage attends between the means of cubes;
the *fine* stage attends from the tokens of a cube to those of the K cubes that score highest there.
Tokens beside the grid stay dense, both ways.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from openreels.nn.attention import attend, plain_attend
from openreels.nn.cubes import SparsePattern, cube_of_tokens, cut, pool, seen_places
from openreels.nn.sparse_gather import gathered_attend


def sparse_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    *,
    gate: Float[Tensor, "#b #g #k #e"] | None = None,
    attendable: Bool[Tensor, "b 1 1 n"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Let every query read the best cubes of the grid and everything beside the grid.

    Stands in for ``attend`` in self-attention. With all cubes kept and no gate it is ``attend``.
    The choice of cubes has no gradient, as in VSA; everything else has.

    The paper (sec. 4.5) names this attention for its refiner. Not given by the paper: K, and what
    becomes of text and other tokens; they are dense here, as in later public models.

    Args:
        query: What reads: the tokens of ``pattern.grid`` first, then any others.
        key: What is compared, in the same order; positions are in already.
        value: What is read.
        pattern: The grid, and how many cubes are read.
        gate: Factor of the coarse output of the grid's tokens, from ``CoarseGate`` or given; None
            is 0, and the coarse stage only chooses.
        attendable: True where a key may be seen; None means everywhere. What is hidden changes
            nothing, in either stage; a sample without any key reads zeros.

    Returns:
        The mixed values, heads joined.

    Raises:
        ValueError: If there are fewer tokens than the grid has.
    """
    _check(query, pattern)
    fine = _fine(query, key, value, pattern, attendable)
    if gate is None:
        return fine
    size = pattern.num_tokens
    seen = seen_places(attendable, pattern, query)
    pooled = (
        rearrange(pool(cut(x[:, :size], pattern), seen), "b k u e -> b u k e").to(fine.dtype)
        for x in (query, key, value)
    )
    cubes = None if seen is None else rearrange(seen.any(-1), "b u -> b 1 1 u")
    coarse = attend(*pooled, attendable=cubes).unflatten(-1, query.shape[2:])
    spread = coarse.index_select(1, cube_of_tokens(pattern).to(coarse.device))
    mixed = fine[:, :size] + (gate * spread).flatten(2).to(fine.dtype)
    return torch.cat([mixed, fine[:, size:]], dim=1)


def _fine(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    attendable: Bool[Tensor, "b 1 1 n"] | None,
) -> Float[Tensor, "b n d"]:
    if pattern.is_dense:
        return attend(query, key, value, attendable)
    if not query.is_cuda:
        return gathered_attend(query, key, value, pattern, attendable)
    from openreels.nn.sparse_flex import flex_attend  # the compiler behind it is slow to import

    return flex_attend(query, key, value, pattern, attendable)


def plain_sparse_attend(
    query: Float[Tensor, "b n k e"],
    key: Float[Tensor, "b n k e"],
    value: Float[Tensor, "b n k e"],
    pattern: SparsePattern,
    *,
    gate: Float[Tensor, "#b #g #k #e"] | None = None,
    attendable: Bool[Tensor, "b 1 1 n"] | None = None,
) -> Float[Tensor, "b n d"]:
    """Do what ``sparse_attend`` does in the open, as its reference: dense attention and a mask.

    Args:
        query: As for ``sparse_attend``, like all that follow.
        key: What is compared.
        value: What is read.
        pattern: The grid.
        gate: Factor of the coarse output.
        attendable: What may be seen.

    Returns:
        The mixed values, heads joined, in fp32 or finer.
    """
    _check(query, pattern)
    batch, num_tokens, num_heads = query.shape[:3]
    wide = torch.promote_types(query.dtype, torch.float32)
    query, key, value = query.to(wide), key.to(wide), value.to(wide)
    size, place = pattern.num_tokens, cube_of_tokens(pattern).to(query.device)
    seen = torch.ones(batch, num_tokens, dtype=torch.bool, device=query.device)
    if attendable is not None:
        seen = seen & attendable[:, 0, 0]

    member = nn.functional.one_hot(place, pattern.num_cubes).T
    weight = (member * seen[:, None, :size]).to(wide)
    cubes_seen = weight.sum(-1) > 0
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1)
    pooled = [torch.einsum("bug,bgke->buke", weight, x[:, :size]) for x in (query, key, value)]
    scores = torch.einsum("buke,bvke->bkuv", pooled[0], pooled[1])
    scores = scores.masked_fill(~cubes_seen[:, None, None], -torch.inf)
    chosen = scores.topk(pattern.num_kept, dim=-1).indices
    kept = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, chosen, value=True)

    allowed = torch.ones(
        *(batch, num_heads, num_tokens, num_tokens), dtype=torch.bool, device=query.device
    )
    allowed[:, :, :size, :size] = kept[:, :, place][..., place]
    fine = plain_attend(query, key, value, allowed & seen[:, None, None])
    if gate is None:
        return fine
    coarse = plain_attend(*pooled, attendable=cubes_seen[:, None, None]).unflatten(
        -1, query.shape[2:]
    )
    update = (gate * coarse[:, place]).flatten(2)
    return fine + nn.functional.pad(update, (0, 0, 0, num_tokens - size))


class CoarseGate(nn.Module):
    """Layer input to the factor of the coarse output, one a token and channel, as in VSA.

    It starts at zero, so that a network that was trained dense starts as it was.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Float[Tensor, "b g d"]) -> Float[Tensor, "b g k e"]:
        """Project the tokens of the grid, as they enter self-attention."""
        return self.out(tokens).unflatten(-1, (self.num_heads, -1))


def _check(query: Tensor, pattern: SparsePattern) -> None:
    if query.shape[1] < pattern.num_tokens:
        raise ValueError(
            f"a grid of {pattern.grid} has {pattern.num_tokens} tokens, got {query.shape[1]}; "
            "give the tokens of the grid first, then the others"
        )
