"""Muon: momentum whose matrices are made orthogonal, for the hidden weights of a network.

A short training makes more of its steps this way than with AdamW, which stays right for linear
paths, heads, biases and norms. Implements Jordan et al. 2024 (Muon) with the step size of Liu et
al. 2025 (arXiv 2502.16982), which makes AdamW's rates fit.
"""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(
    matrix: Float[Tensor, "rows columns"], num_rounds: int = 5, *, bf16: bool = False
) -> Tensor:
    """Move all singular values of a matrix close to one, by a Newton-Schulz iteration.

    Args:
        matrix: Any matrix that is not zero.
        num_rounds: Rounds; five bring all but the smallest singular values into [0.7, 1.2].
        bf16: Whether to compute in bfloat16, which the iteration bears.

    Returns:
        A matrix of the same singular vectors.
    """
    a, b, c = _COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    if bf16:
        x = x.bfloat16()
    for _ in range(num_rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = x.to(matrix.dtype)
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(torch.optim.Optimizer):
    """Muon for weights of two or more dimensions; all but the first are one side of the matrix.

    Args:
        parameters: Weights.
        lr: Step size, as for AdamW.
        momentum: Decay of the running gradient, Nesterov's form.
        weight_decay: Decoupled decay.
        bf16: Whether the matrices are made orthogonal in bfloat16.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        bf16: bool = False,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": weight_decay})
        self.bf16 = bf16

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients that are there."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "running" not in state:
                    state["running"] = torch.zeros_like(weight)
                running: Tensor = state["running"]
                running.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(running, group["momentum"])
                update = orthogonalised(ahead.flatten(1), bf16=self.bf16).view(weight.shape)
                scale = 0.2 * max(weight.shape[0], weight[0].numel()) ** 0.5
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(update, alpha=-group["lr"] * scale)
        return loss
