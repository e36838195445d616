"""Painting helpers: soft edges and mixes of colours on broadcastable tensors."""

import torch
from torch import Tensor

Colour3 = tuple[float, float, float]


def rgb(colour: Colour3, like: Tensor) -> Tensor:
    """A colour as a tensor that broadcasts over ``(f, 3, H, W)``."""
    return torch.tensor(colour, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


def step(distance: Tensor, softness: Tensor | float) -> Tensor:
    """1 where ``distance`` is positive, 0 where negative, smooth over ``softness``."""
    ramp = (distance / softness + 0.5).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def mix(below: Tensor, above: Tensor, cover: Tensor | float) -> Tensor:
    """``above`` over ``below`` where ``cover`` is 1."""
    return below + (above - below) * cover


def scaled(colour: Colour3, light: Colour3) -> Colour3:
    """A colour under coloured light."""
    return (colour[0] * light[0], colour[1] * light[1], colour[2] * light[2])
