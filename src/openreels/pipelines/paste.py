"""Pixels that were given come back untouched; the seam lies on the generated side."""

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from einops import rearrange, reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from openreels.media.clip import frames_of, pixels_of

FEATHER_PX = 8
"""Width of the seam in pixels; the last touched pixel of the generated side."""
FEATHER_FRAMES = 8
"""Length of the seam in frames where whole frames are given."""
MAX_DRIFT = 4.0
"""Change of a frame's mean colour, of 255, that is taken for a seam; more is what happens there."""
SCREEN_PX = 4.0
"""Length over which the membrane forgets a given pixel; half the seam."""
SWEEPS = 32
"""Steps of the membrane's solver; they leave less than a hundredth of the largest value."""
SMOOTHING_PX = 17
"""Window over which a step of colour along the seam counts as one colour."""
LINES_BESIDE = 3
"""Lines of given pixels beside the seam that show how large the source's own steps are."""


def paste_back(
    generated: Float[Tensor, "3 F H W"],
    source: UInt8[Tensor, "F H W 3"],
    known: Bool[Tensor, "F H W"],
) -> UInt8[Tensor, "F H W 3"]:
    """Put the given pixels back, byte for byte, and hide the seam.

    The difference between the source and what was decoded is known where pixels are given. Near
    them a membrane carries it over into the generated side (Perez et al. 2003, *Poisson image
    editing*, eq. 4 and 5), and it fades out within ``FEATHER_PX``; beyond, the generated picture
    is untouched. Beside whole frames one colour a frame does the same in time.

    Args:
        generated: Decoded pixels in [-1, 1].
        source: The source at the same size.
        known: True where a pixel is given.

    Returns:
        Frames that equal the source wherever ``known`` is True.
    """
    return torch.cat(list(paste_pieces([generated], source, known)))


def paste_pieces(
    pieces: Iterable[Float[Tensor, "3 _ H W"]],
    source: UInt8[Tensor, "F H W 3"],
    known: Bool[Tensor, "F H W"],
) -> Iterator[UInt8[Tensor, "_ H W 3"]]:
    """Do what ``paste_back`` does with a clip that comes in pieces, in bounded memory.

    However the clip is cut, the result is the same: what seams need of the frames before is kept,
    and up to ``FEATHER_FRAMES`` frames before given ones wait for them.

    Args:
        pieces: Decoded pixels in [-1, 1], in order, ``F`` frames in all.
        source: The source at the same size, of the whole clip.
        known: True where a pixel is given, of the whole clip.

    Yields:
        Frames in order, no more at a time than the piece has that was read last.
    """
    whole = known.flatten(1).all(1)
    needed = _frames_needed(whole)
    colours, targets = torch.zeros(2, len(whole), 3)
    sums = torch.zeros(4, dtype=torch.float64)
    waiting: list[Tensor] = []
    done = read = 0
    for piece in pieces:
        for frame in piece.float().unbind(1):
            if _beside_seam(whole, read):
                colours[read] = reduce(frame.contiguous(), "c H W -> c", "mean")
                pixels = pixels_of(source[read : read + 1].numpy())
                targets[read] = reduce(pixels, "1 c 1 H W -> c", "mean")
            waiting.append(frame)
            read += 1
        size = piece.shape[1]
        while done < read and needed[done] < read:
            stop = done + 1
            while stop < min(read, done + size) and needed[stop] < read:
                stop += 1
            first = max(0, done - FEATHER_FRAMES)
            near = slice(first, read)
            shift = _seam_in_time(colours[near], targets[near], whole[near])[done - first :]
            some, count = slice(done, stop), stop - done
            yield _pasted(waiting[:count], source[some], known[some], shift[:count], sums)
            waiting, done = waiting[count:], stop


def _pasted(
    decoded: list[Float[Tensor, "3 H W"]],
    source: UInt8[Tensor, "f H W 3"],
    known: Bool[Tensor, "f H W"],
    shift: Float[Tensor, "f 3"],
    sums: Float[Tensor, "4"],
) -> UInt8[Tensor, "f H W 3"]:
    """Frames shifted in colour, with the given pixels over them and no seam beside those."""
    if known.all():
        return source
    result = torch.stack(decoded)
    whole = known.flatten(1).all(1)
    partly = known.flatten(1).any(1) & ~whole
    seam = None
    if partly.any():
        given = rearrange(pixels_of(source[partly].numpy()), "1 c f H W -> f c H W")
        mask = rearrange(known[partly], "f H W -> f 1 H W").to(result)
        seam = _seam_in_space(result[partly], given, mask, sums)
    result += rearrange(shift, "f c -> f c 1 1")
    if seam is not None:
        result[partly] += seam
    frames = torch.from_numpy(frames_of(rearrange(result, "f c H W -> 1 c f H W")))
    return torch.where(rearrange(known, "f H W -> f H W 1"), source, frames)


def _beside_seam(whole: Bool[Tensor, " F"], frame: int) -> bool:
    """Whether a frame or one of its neighbours is given whole, and the other is not."""
    near = whole[max(0, frame - 1) : frame + 2]
    return bool(near.any() and not near.all())


def _frames_needed(whole: Bool[Tensor, " F"]) -> list[int]:
    """The last frame whose colour each frame needs: the given one that it fades to, or itself."""
    needed = list(range(len(whole)))
    for edge in whole.nonzero().flatten().tolist():
        for frame in range(edge - 1, max(-1, edge - 1 - FEATHER_FRAMES), -1):
            if whole[frame]:
                break
            needed[frame] = edge
    return needed


def fade(distance: int, reach: int) -> float:
    """Weight of a seam's correction: 1 at distance 1, falling smoothly to 0 past ``reach``."""
    return 0.5 + 0.5 * math.cos(math.pi * (distance - 1) / reach)


def membrane(
    values: Float[Tensor, "F c H W"], mask: Float[Tensor, "F 1 H W"]
) -> Float[Tensor, "F c H W"]:
    """Carry values over from where they are known: a weighted mean of the border's, everywhere.

    Perez et al. solve the Laplace equation inside the region with the values as its border. Not
    given by the paper: the equation is screened, ``(laplacian - 1 / SCREEN_PX**2) u = 0``, so that
    a pixel hears of those nearby only and a few sweeps solve a region of any size; ``u`` is divided
    by the solution for values of one, so that it does not shrink on its way. At the edge of the
    frame the normal derivative is zero. Jacobi sweeps with Chebyshev's weights (Golub and Varga
    1961).

    Args:
        values: What to carry over; read where ``mask`` is 1.
        mask: 1 where values are known, 0 elsewhere.

    Returns:
        The values where they are known, their continuation elsewhere; zero where none is near.
    """
    border = torch.cat([values, torch.ones_like(mask)], 1) * mask
    # Zeros around the frame: they add nothing to a sum, and the count leaves them out.
    before, now = F.pad(border, (1, 1, 1, 1)), F.pad(border, (1, 1, 1, 1))
    share = (1 - mask) / (_sum_of_four(F.pad(torch.ones_like(mask), (1, 1, 1, 1))) + SCREEN_PX**-2)
    # The largest eigenvalue of the Jacobi step is at most this: every neighbour agrees.
    radius = 4 / (4 + SCREEN_PX**-2)
    weight = 1.0
    for sweep in range(SWEEPS):
        swept = torch.addcmul(border, share, _sum_of_four(now))
        before[..., 1:-1, 1:-1].lerp_(swept, weight)
        before, now = now, before
        weight = 1 / (1 - radius**2 * weight / (4 if sweep else 2))
    carried, reached = now[:, :-1, 1:-1, 1:-1], now[:, -1:, 1:-1, 1:-1]
    return carried / reached.clamp(min=0.01)


def _sum_of_four(padded: Tensor) -> Tensor:
    """Sum of the neighbours above, below, left and right, for all but the outermost pixels."""
    total = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    total += padded[..., 1:-1, :-2]
    total += padded[..., 1:-1, 2:]
    return total


def _box(values: Tensor, size: int) -> Tensor:
    """Sum over a square window of an odd side, zero outside the frame; by running sums."""
    half = size // 2
    for axis, padding in ((-2, (0, 0, half + 1, half)), (-1, (half + 1, half))):
        running = F.pad(values, padding).cumsum(axis)
        length = values.shape[axis]
        values = running.narrow(axis, size, length) - running.narrow(axis, 0, length)
    return values


def _beside(values: Tensor, valid: Tensor, size: int) -> Tensor:
    """Mean of the valid values in a square window; zero where there is none."""
    return _box(values * valid, size) / _box(valid, size).clamp(min=1)


def _grown(mask: Tensor) -> Tensor:
    """A mask with the pixels that touch it."""
    return F.max_pool2d(mask, 3, stride=1, padding=1)


def nearness(mask: Float[Tensor, "F 1 H W"]) -> Float[Tensor, "F 1 H W"]:
    """``fade`` of the distance to the mask, in pixels counted as a king moves; 0 on it."""
    weight = torch.zeros_like(mask)
    for distance in range(1, FEATHER_PX + 1):
        grown = _grown(mask)
        weight += (grown - mask) * fade(distance, FEATHER_PX)
        mask = grown
    return weight


def _steps(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Step of colour from a mask's border outwards, one colour a window; and the border."""
    border = mask * _grown(1 - mask)
    outside = _beside(values, _grown(mask) - mask, 3)
    return _beside(outside - values, border, SMOOTHING_PX) * border, border


def _surplus(decoded: Tensor, given: Tensor, mask: Tensor, sums: Tensor) -> Tensor:
    """The part of the decoded picture's step at the seam that is taken for an error.

    Not given by the paper: a picture may really change its colour at the seam (an object begins
    there), and so may a generator that missed the colours of its surroundings. How large the
    source's own steps are shows on the lines of given pixels beside the seam; the decoded step
    is scaled by the squared ratio of the mean squares over the clip so far, at most 1. A good
    generator keeps its steps, one that is far off loses them. ``sums`` holds squares and numbers of
    both over the frames before, and is moved on.
    """
    step, border = _steps(decoded, mask)
    found, inner = torch.zeros(len(mask), 4, dtype=sums.dtype), mask
    for _ in range(LINES_BESIDE):
        inner = 1 - _grown(1 - inner)
        for column, values in enumerate(_steps(given, inner)):
            found[:, column] += values.square().sum((1, 2, 3))
    for column, values in enumerate((step, border)):
        found[:, 2 + column] = values.square().sum((1, 2, 3))
    found = found.cumsum(0) + sums
    sums.copy_(found[-1])
    usual, own = found[:, 0] / found[:, 1].clamp(min=1), found[:, 2] / found[:, 3].clamp(min=1)
    kept = (usual / own.clamp(min=1e-12)).clamp(max=1).square().to(step.dtype)
    return step * (1 - rearrange(kept, "f -> f 1 1 1"))


def _seam_in_space(
    decoded: Float[Tensor, "F 3 H W"],
    given: Float[Tensor, "F 3 H W"],
    mask: Float[Tensor, "F 1 H W"],
    sums: Float[Tensor, "4"],
) -> Float[Tensor, "F 3 H W"]:
    """The correction of the generated side of frames of which a part is given."""
    correction = torch.zeros_like(decoded)
    rows, columns = (_around(mask == 0, axis) for axis in (2, 3))
    inside = (..., rows, columns)
    decoded, given, mask = decoded[inside], given[inside], mask[inside]
    missing = given - decoded - _surplus(decoded, given, mask, sums)
    correction[inside] = membrane(missing, mask) * nearness(mask)
    return correction


def _around(region: Bool[Tensor, "F 1 H W"], axis: int) -> slice:
    """The rows (axis 2) or columns (3) of a region and of the given lines that are looked at."""
    others = tuple(other for other in range(4) if other != axis)
    places = region.any(dim=others).nonzero()
    margin = LINES_BESIDE + 2
    return slice(max(0, int(places[0]) - margin), int(places[-1]) + margin + 1)


def _seam_in_time(
    colour: Float[Tensor, "F 3"], target: Float[Tensor, "F 3"], whole: Bool[Tensor, " F"]
) -> Float[Tensor, "F 3"]:
    """The correction, one colour a frame, of frames beside those that are given whole.

    Args:
        colour: Mean of what was decoded; read on both sides of a seam.
        target: Mean of the source; read where a frame is given whole beside one that is not.
        whole: True where a frame is given whole.

    Returns:
        What is added to each frame; zero where it is given whole.
    """
    correction = torch.zeros_like(colour)
    count = len(whole)
    for edge in whole.nonzero().flatten().tolist():
        for direction in (-1, 1):
            beside = edge + direction
            if not 0 <= beside < count or whole[beside]:
                continue
            drift = (colour[edge] - colour[beside]).clamp(-MAX_DRIFT / 127.5, MAX_DRIFT / 127.5)
            step = target[edge] - colour[edge] + drift
            for distance in range(1, FEATHER_FRAMES + 1):
                frame = edge + direction * distance
                if not 0 <= frame < count or whole[frame]:
                    break
                correction[frame] += step * fade(distance, FEATHER_FRAMES)
    return correction
