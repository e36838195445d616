"""Normalisation of tokens and of attention heads. Statistics are fp32 inside the kernels."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

EPSILON = 1e-6


def layer_norm(tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """Centre and scale every token; there are no parameters, adaLN brings shift and scale."""
    return nn.functional.layer_norm(tokens, tokens.shape[-1:], eps=EPSILON)


class HeadNorm(nn.Module):
    """RMS norm of every head of a query or a key, with one learned gain a channel.

    Implements the QK-norm of Dehghani et al. 2023 (arXiv 2302.05442) with the root mean square of
    Zhang and Sennrich 2019 (arXiv 1910.07467), so that attention logits stay bounded.
    """

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(head_width))

    def forward(self, heads: Float[Tensor, "b n k e"]) -> Float[Tensor, "b n k e"]:
        """Scale every head to unit root mean square, then by the learned gain."""
        return nn.functional.rms_norm(
            heads.to(self.weight.dtype), self.weight.shape, self.weight, eps=EPSILON
        )
