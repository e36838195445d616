"""Latents to the tokens of a branch and back: eq. 7 and the one clock.

Tokens carry their positions: seconds for both modalities, latent cells for rows and columns.
"""

from fractions import Fraction

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import AudioLatents, LatentMask, VideoLatents
from openreels.core.modality import BranchInput
from openreels.core.shapes import latent_time_s, token_time_s
from openreels.nn.patchify import patchify, unpatchify


def given_latents(
    clean: VideoLatents, known: LatentMask, black: Float[Tensor, "#b c f h w"]
) -> VideoLatents:
    """Latents I of eq. 7: the clean ones where they are given, those of black elsewhere.

    Args:
        clean: Latents of the source, encoded whole.
        known: True where a latent is given.
        black: Latents of an all-black clip of the same shape; one for all samples will do.

    Returns:
        The latents that the network sees beside the noisy ones.
    """
    return torch.where(rearrange(known, "b f h w -> b 1 f h w"), clean, black.to(clean.dtype))


def video_positions(grid: tuple[int, int, int], *, fps: int, patch: int) -> Float[Tensor, "n 3"]:
    """Positions of the video tokens: seconds, row and column.

    Args:
        grid: Latent frames, rows and columns.
        fps: Frames a second of the clip.
        patch: Latent cells a side of one token.

    Returns:
        ``(seconds, row, column)`` a token, frame by frame and row by row; rows and columns count
        latent cells to the centre of the patch, so that a grid of another density can be placed
        on the same picture by a factor.
    """
    frames, rows, columns = grid
    seconds = [float(latent_time_s(index, fps)) for index in range(frames)]
    axes = (
        torch.tensor(seconds, dtype=torch.float32),
        (torch.arange(rows // patch) + 0.5) * patch,
        (torch.arange(columns // patch) + 0.5) * patch,
    )
    return rearrange(torch.stack(torch.meshgrid(*axes, indexing="ij")), "a f h w -> (f h w) a")


def audio_positions(num_tokens: int, *, start: Fraction | int = 0) -> Float[Tensor, "n 1"]:
    """Positions of the audio tokens: seconds of their first sample.

    Args:
        num_tokens: Number of tokens.
        start: Index of the first one; negative for references before the clip.

    Returns:
        Seconds, one a token.
    """
    seconds = [float(token_time_s(int(start) + index)) for index in range(num_tokens)]
    return rearrange(torch.tensor(seconds, dtype=torch.float32), "n -> n 1")


def video_branch(
    noisy: VideoLatents,
    given: VideoLatents,
    known: LatentMask,
    *,
    fps: int,
    patch: int,
) -> BranchInput:
    """Build the tokens of the video branch: ``Concat(V, I, M)`` on channels.

    Implements SkyReels-V4 (arXiv 2602.21818), eq. 7.

    Args:
        noisy: Noisy latents V.
        given: Latents I of what is given, those of black elsewhere (``given_latents``).
        known: Mask M, True = given.
        fps: Frames a second of the clip.
        patch: Latent cells a side of one token.

    Returns:
        Tokens of ``patch * patch * (2c + 1)`` channels and their positions.
    """
    mask = rearrange(known, "b f h w -> b 1 f h w").to(noisy.dtype)
    tokens = patchify(torch.cat([noisy, given.to(noisy.dtype), mask], dim=1), patch)
    frames, rows, columns = noisy.shape[2:]
    positions = video_positions((frames, rows, columns), fps=fps, patch=patch)
    return BranchInput(
        tokens=tokens,
        positions=positions.to(noisy.device).expand(noisy.shape[0], -1, -1),
        grid=(frames, rows // patch, columns // patch),
    )


def audio_branch(noisy: AudioLatents) -> BranchInput:
    """Build the tokens of the audio branch: one a latent, placed at its seconds.

    Audio is generated from pure noise in every task (sec. 3.2): it has no mask.

    Args:
        noisy: Noisy latents.

    Returns:
        Tokens of ``c`` channels and their positions.
    """
    positions = audio_positions(noisy.shape[-1]).to(noisy.device)
    return BranchInput(
        tokens=rearrange(noisy, "b c l -> b l c"),
        positions=positions.expand(noisy.shape[0], -1, -1),
    )


def video_latents_from(
    tokens: Float[Tensor, "b n p"], *, grid: tuple[int, int, int], patch: int
) -> VideoLatents:
    """Put the video tokens of the network's output back on the latent grid.

    Args:
        tokens: ``patch * patch * c`` channels a token, in the order of ``video_branch``.
        grid: Latent frames, rows and columns.
        patch: Latent cells a side of one token.

    Returns:
        Latents of ``c`` channels.
    """
    return unpatchify(tokens, grid=grid, patch=patch)


def audio_latents_from(tokens: Float[Tensor, "b n p"]) -> AudioLatents:
    """Put the audio tokens of the network's output back into latents."""
    return rearrange(tokens, "b l c -> b c l")
