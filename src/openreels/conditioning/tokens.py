"""Latents to the tokens of a branch and back: eq. 7 and the one clock.

Tokens carry their positions: seconds for both modalities, latent cells for rows and columns.
"""

from fractions import Fraction

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.references import References, token_present, token_tags
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


def video_positions(
    grid: tuple[int, int, int], *, fps: int, patch: int, start: int = 0
) -> Float[Tensor, "n 3"]:
    """Positions of the video tokens: seconds, row and column.

    Args:
        grid: Latent frames, rows and columns.
        fps: Frames a second of the clip.
        patch: Latent cells a side of one token.
        start: Index of the first latent frame; negative for references before the clip (eq. 9).

    Returns:
        ``(seconds, row, column)`` a token, frame by frame and row by row; rows and columns count
        latent cells to the centre of the patch, so that a grid of another density can be placed
        on the same picture by a factor.
    """
    frames, rows, columns = grid
    seconds = [float(latent_time_s(index, fps)) for index in range(start, start + frames)]
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
    references: References | None = None,
) -> BranchInput:
    """Build the tokens of the video branch: ``Concat(V, I, M)`` on channels.

    Implements SkyReels-V4 (arXiv 2602.21818), eq. 7 and, with references, eq. 8 and 9: their tokens
    come first, and latent ``i`` of ``n`` stands at ``(i - n)`` latent periods. Not given by the
    paper: their channels. Here V and I both hold the clean latent and M is 1, as at a given latent
    at the end of denoising, so that a network that learnt masks reads them from the start.

    Args:
        noisy: Noisy latents V.
        given: Latents I of what is given, those of black elsewhere (``given_latents``); the source
            of an edit by instruction, whose M is 0 (ours).
        known: Mask M, True = given.
        fps: Frames a second of the clip.
        patch: Latent cells a side of one token.
        references: What stands before the clip.

    Returns:
        Tokens of ``patch * patch * (2c + 1)`` channels and their positions; those of the clip are
        the last.
    """
    mask = rearrange(known, "b f h w -> b 1 f h w").to(noisy.dtype)
    tokens = patchify(torch.cat([noisy, given.to(noisy.dtype), mask], dim=1), patch)
    frames, rows, columns = noisy.shape[2:]
    positions = video_positions((frames, rows, columns), fps=fps, patch=patch)
    clip = BranchInput(
        tokens=tokens,
        positions=positions.to(noisy.device).expand(noisy.shape[0], -1, -1),
        grid=(frames, rows // patch, columns // patch),
    )
    if references is None:
        return clip
    clean = references.latents.to(noisy.dtype)
    mask = rearrange(references.present, "b n h w -> b 1 n h w").to(noisy.dtype)
    count, rows, columns = clean.shape[2:]
    positions = video_positions((count, rows, columns), fps=fps, patch=patch, start=-count)
    before = BranchInput(
        tokens=patchify(torch.cat([clean, clean, mask], dim=1), patch),
        positions=positions.to(noisy.device).expand(noisy.shape[0], -1, -1),
        attendable=token_present(references, patch),
        tags=token_tags(references, patch),
    )
    return _prepended(before, clip)


def _prepended(before: BranchInput, clip: BranchInput) -> BranchInput:
    shown, tags = before.attendable, before.tags
    if shown is None or tags is None:
        raise ValueError("tokens of references must have tags and say which are padding, got none")
    count = clip.tokens.shape[1]
    return BranchInput(
        tokens=torch.cat([before.tokens, clip.tokens], 1),
        positions=torch.cat([before.positions, clip.positions], 1),
        attendable=torch.nn.functional.pad(shown, (0, count), value=True),
        tags=torch.nn.functional.pad(tags, (0, count)),
        grid=clip.grid,
        grid_start=before.tokens.shape[1],
    )


def audio_branch(noisy: AudioLatents, references: References | None = None) -> BranchInput:
    """Build the tokens of the audio branch: one a latent, placed at its seconds.

    Audio is generated from pure noise in every task (sec. 3.2): it has no mask. References stand
    before it, token ``i`` of ``n`` at ``(i - n)`` token periods.

    Args:
        noisy: Noisy latents.
        references: Sounds that stand before the clip.

    Returns:
        Tokens of ``c`` channels and their positions; those of the clip are the last.
    """
    positions = audio_positions(noisy.shape[-1]).to(noisy.device)
    clip = BranchInput(
        tokens=rearrange(noisy, "b c l -> b l c"),
        positions=positions.expand(noisy.shape[0], -1, -1),
    )
    if references is None:
        return clip
    count = references.latents.shape[2]
    before = BranchInput(
        tokens=rearrange(references.latents, "b c l -> b l c").to(noisy.dtype),
        positions=audio_positions(count, start=-count)
        .to(noisy.device)
        .expand(noisy.shape[0], -1, -1),
        attendable=references.present,
        tags=references.tags,
    )
    return _prepended(before, clip)


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
