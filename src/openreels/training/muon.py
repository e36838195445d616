"""Muon: momentum whose matrices are made orthogonal, for the hidden weights of a network.

A short training makes more of its steps this way than with AdamW, which stays right for linear
paths, heads, biases and norms. Implements Jordan et al. 2024 (Muon) with the step size of Liu et
al. 2025 (arXiv 2502.16982), which makes AdamW's rates fit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

MEMORY = ("running",)
"""What Muon remembers of a parameter."""

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(
    matrix: Float[Tensor, "*batch rows columns"], num_rounds: int = 5, *, bf16: bool = False
) -> Tensor:
    """Move all singular values of matrices close to one, by a Newton-Schulz iteration.

    Args:
        matrix: A matrix, or several of one shape, which share their products; zero stays zero.
        num_rounds: Rounds; five bring all but the smallest singular values into [0.7, 1.2].
        bf16: Whether to compute in bfloat16, which the iteration bears.

    Returns:
        Matrices of the same singular vectors.
    """
    a, b, c = _COEFFICIENTS
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    wide = (matrix.mT if is_tall else matrix).reshape(-1, *sorted(matrix.shape[-2:]))
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if bf16:
        x = x.bfloat16()
    for _ in range(num_rounds):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x.to(matrix.dtype)
    return (x.mT if is_tall else x).reshape(matrix.shape)


class Muon(torch.optim.Optimizer):
    """Muon for weights of two or more dimensions; all but the first are one side of the matrix.

    A group may set ``pieces``, 1 by default: each of its weights is that many matrices of equal
    height, one below the other (queries, keys and values of one product), and every one of them
    is made orthogonal by itself. Matrices of one shape, of all weights, share their products.

    Args:
        parameters: Weights, or groups of them.
        lr: Step size, as for AdamW.
        momentum: Decay of the running gradient, Nesterov's form.
        weight_decay: Decoupled decay.
        bf16: Whether the matrices are made orthogonal in bfloat16.

    Raises:
        ValueError: If the rows of a weight are no multiple of its group's ``pieces``.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        bf16: bool = False,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "decay": weight_decay, "pieces": 1}
        super().__init__(parameters, defaults)
        self.bf16 = bf16
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.shape[0] % group["pieces"]:
                    raise ValueError(
                        f"pieces must divide the rows of every weight, got {group['pieces']} and "
                        f"{weight.shape[0]} rows; give such a weight a group of its own"
                    )

    @torch.no_grad()
    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Take one step with the gradients that are there."""
        loss = None if closure is None else closure()
        by_shape: dict[torch.Size, list[tuple[Tensor, dict[str, Any], Tensor]]] = defaultdict(list)
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    pieces = self._ahead(weight, weight.grad, group["momentum"]).flatten(1)
                    pieces = pieces.unflatten(0, (group["pieces"], -1))
                    by_shape[pieces.shape[1:]].append((weight, group, pieces))
        for shape, members in by_shape.items():
            stack = torch.cat([pieces for _, _, pieces in members])
            updates = orthogonalised(stack, bf16=self.bf16)
            sizes = [len(pieces) for _, _, pieces in members]
            for (weight, group, _), update in zip(members, updates.split(sizes), strict=True):
                weight.mul_(1 - group["lr"] * group["decay"])
                scale = 0.2 * max(shape) ** 0.5
                weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * scale)
        return loss

    def _ahead(self, weight: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[weight]
        if "running" not in state:
            state["running"] = torch.zeros_like(weight)
        running: Tensor = state["running"]
        running.lerp_(gradient, 1 - momentum)
        return gradient.lerp(running, momentum)
