"""Pixels that were given come back untouched; the seam lies on the generated side."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from einops import rearrange, reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

FEATHER_PX = 8
"""Width of the seam in pixels; the last touched pixel of the generated side."""
FEATHER_FRAMES = 8
"""Length of the seam in frames where whole frames are given."""
MAX_DRIFT = 4.0
"""Change of a frame's mean colour, of 255, that is taken for a seam; more is what happens there."""
SMOOTHING_PX = 17
"""Window over which a step of colour along the seam counts as one colour."""


def to_bytes(pixels: Float[Tensor, "3 F H W"]) -> UInt8[Tensor, "F H W 3"]:
    """Pixels in [-1, 1] to bytes; the inverse of ``conditioning.frames.as_pixels``."""
    scaled = ((pixels.float() + 1) * 127.5).round().clamp(0, 255)
    return rearrange(scaled, "c F H W -> F H W c").to(torch.uint8).contiguous()


def paste_back(
    generated: Float[Tensor, "3 F H W"],
    source: UInt8[Tensor, "F H W 3"],
    known: Bool[Tensor, "F H W"],
) -> UInt8[Tensor, "F H W 3"]:
    """Put the given pixels back, byte for byte, and hide the seam.

    The difference between the source and what was decoded is known where pixels are given. Near
    them it is carried over into the generated side and fades out there, as in seamless cloning
    (Perez et al. 2003) with a short reach; what is left of a step of colour is removed by its
    local mean. The texture of the generated side stays its own.

    Args:
        generated: Decoded pixels in [-1, 1].
        source: The source at the same size.
        known: True where a pixel is given.

    Returns:
        Frames that equal the source wherever ``known`` is True.
    """
    if not known.any():
        return to_bytes(generated)
    decoded = rearrange((generated.float() + 1) * 127.5, "c F H W -> F c H W")
    given = rearrange(source.float(), "F H W c -> F c H W")
    mask = rearrange(known, "F H W -> F 1 H W").to(decoded)
    partly = known.flatten(1).any(1) & ~known.flatten(1).all(1)
    result = decoded.clone()
    if partly.any():
        result[partly] += _seam_in_space(decoded[partly], given[partly], mask[partly])
    whole = known.flatten(1).all(1)
    result += _seam_in_time(decoded, given, whole)
    frames = rearrange(result.round().clamp(0, 255), "F c H W -> F H W c").to(torch.uint8)
    return torch.where(rearrange(known, "F H W -> F H W 1"), source, frames)


def fade(distance: int, reach: int) -> float:
    """Weight of a seam's correction: 1 at distance 1, falling smoothly to 0 past ``reach``."""
    return 0.5 + 0.5 * math.cos(math.pi * (distance - 1) / reach)


def _neighbours(values: Tensor, valid: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Mean of the valid values in a square window, and where there is any."""
    pad = size // 2
    total = F.avg_pool2d(values * valid, size, stride=1, padding=pad)
    weight = F.avg_pool2d(valid, size, stride=1, padding=pad)
    return total / weight.clamp(min=1e-12), (weight > 0).to(values)


def _seam_in_space(
    decoded: Float[Tensor, "F 3 H W"],
    given: Float[Tensor, "F 3 H W"],
    mask: Float[Tensor, "F 1 H W"],
) -> Float[Tensor, "F 3 H W"]:
    """The correction of the generated side of frames of which a part is given."""
    carried = (given - decoded) * mask
    reached = mask
    weight = torch.zeros_like(mask)
    beside, touches = _neighbours(given, mask, 3)
    ring = touches * (1 - mask)
    for distance in range(1, FEATHER_PX + 1):
        mean, near = _neighbours(carried, reached, 3)
        new = near * (1 - reached)
        carried = carried + mean * new
        weight = weight + new * fade(distance, FEATHER_PX)
        reached = near
    step = (beside - decoded - carried) * ring
    smooth, _ = _neighbours(step, ring, SMOOTHING_PX)
    return weight * (carried + smooth)


def _seam_in_time(
    decoded: Float[Tensor, "F 3 H W"],
    given: Float[Tensor, "F 3 H W"],
    whole: Bool[Tensor, " F"],
) -> Float[Tensor, "F 3 H W"]:
    """The correction, one colour a frame, of frames beside those that are given whole."""
    correction = torch.zeros_like(decoded)
    colour = reduce(decoded, "F c H W -> F c", "mean")
    target = reduce(given, "F c H W -> F c", "mean")
    count = len(whole)
    for edge in range(count):
        if not whole[edge]:
            continue
        for direction in (-1, 1):
            beside = edge + direction
            if not 0 <= beside < count or whole[beside]:
                continue
            drift = (colour[edge] - colour[beside]).clamp(-MAX_DRIFT, MAX_DRIFT)
            step = target[edge] - colour[edge] + drift
            for distance in range(1, FEATHER_FRAMES + 1):
                frame = edge + direction * distance
                if not 0 <= frame < count or whole[frame]:
                    break
                correction[frame] += rearrange(step * fade(distance, FEATHER_FRAMES), "c -> c 1 1")
    return correction
