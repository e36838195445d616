"""References in context (eq. 8-9): latents of pictures, clips and sounds before the clip.

Nothing here knows a file or a network; ``build`` encodes and numbers what a request gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openreels.core.prompt_rules import SOURCE_HANDLE

UNNAMED = 1
"""Tag of what the prompt has no handle for: keyframes without a time."""
SOURCE = 2
"""Tag of the clip that is edited by instruction, which the prompt may name ``SOURCE_HANDLE``."""
FIRST_NAMED = 3
"""Tag of the first handle of a request; the others follow in the order of the request."""
NUM_TAGS = 10
"""Tags of the shipped networks: two fixed ones and eight handles. Not given by the paper: its
product takes three subjects and one clip; sounds beside those have handles too."""


def tag_numbers(handles: Sequence[str], *, source: bool, num_tags: int) -> dict[str, int]:
    """Number the handles of a request.

    Args:
        handles: Handles of references, in the order of the request.
        source: Whether the clip that is edited is a reference.
        num_tags: Tags that the network tells apart; 0 for one that was trained without.

    Returns:
        Number of every handle, at least 1.

    Raises:
        ValueError: If there are more than the network tells apart.
    """
    numbers = {handle: FIRST_NAMED + index for index, handle in enumerate(handles)}
    room = max(num_tags, NUM_TAGS) - FIRST_NAMED + 1
    if len(handles) > room:
        raise ValueError(
            f"this model tells {room} references apart, got {len(handles)}; leave some out"
        )
    return ({SOURCE_HANDLE: SOURCE} if source else {}) | numbers


def kept_under_guidance(tags: Int[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    """Which tokens a guided evaluation without the prompt still sees.

    Args:
        tags: Tag of each token.

    Returns:
        True at those of the clip and of the source of an edit, which is to be kept as what is given
        in the mask is; False at references. The paper does not say.
    """
    return (tags == 0) | (tags == SOURCE)


@dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """Latents of references of one modality, one after the other along time, of one size."""

    latents: Float[Tensor, "b c n *size"]
    """Clean latents; zeros where there is none. Of video ``b c n h w``, of audio ``b c n``."""
    present: Bool[Tensor, "b n *size"]
    """True where there is a latent; the rest is padding."""
    tags: Int[Tensor, "b n"]
    """Number of the reference that each latent belongs to, at least 1; 0 is padding."""


def pack_video(parts: Sequence[tuple[Float[Tensor, "_ _ _ _ _"], int]]) -> References:
    """Put the references of one sample one after the other, padded to one size.

    Implements SkyReels-V4 (arXiv 2602.21818), sec. 3.3. Not given by the paper: where the padding
    is; here below and on the right, so that rows and columns count from the corner as in the clip.

    Args:
        parts: At least one: latents of one picture or clip, and its tag.

    Returns:
        The references, in order.
    """
    height, width = (max(latents.shape[axis] for latents, _ in parts) for axis in (3, 4))
    padded, present, tags = list[Tensor](), list[Tensor](), list[Tensor]()
    for latents, tag in parts:
        below, right = height - latents.shape[3], width - latents.shape[4]
        padded.append(torch.nn.functional.pad(latents, (0, right, 0, below)))
        whole = torch.ones_like(latents[:, 0], dtype=torch.bool)
        present.append(torch.nn.functional.pad(whole, (0, right, 0, below)))
        tags.append(torch.full_like(whole[:, :, 0, 0], tag, dtype=torch.long))
    return References(
        latents=torch.cat(padded, 2), present=torch.cat(present, 1), tags=torch.cat(tags, 1)
    )


def pack_audio(parts: Sequence[tuple[Float[Tensor, "_ _ _"], int]]) -> References:
    """Put the sounds of one sample one after the other.

    Not given by the paper, which has no equation for them: the same as for pictures.

    Args:
        parts: At least one: latents of a sound, and its tag.

    Returns:
        The references, in order.
    """
    tags = torch.cat([
        torch.full(latents.shape[::2], tag, dtype=torch.long, device=latents.device)
        for latents, tag in parts
    ], 1)  # fmt: skip
    return References(
        latents=torch.cat([latents for latents, _ in parts], 2),
        present=torch.ones_like(tags, dtype=torch.bool),
        tags=tags,
    )


def stack(samples: Sequence[References | None]) -> References | None:
    """Make one batch of the references of single samples, padded to the largest.

    The padding stands before the references, so that the last of every sample is the last.

    Args:
        samples: One sample each; None has no reference.

    Returns:
        The batch; None if no sample has a reference.
    """
    found = [sample for sample in samples if sample is not None]
    if not found:
        return None
    size = [
        max(one.latents.shape[axis] for one in found) for axis in range(2, found[0].latents.ndim)
    ]
    count = len(samples)
    latents = found[0].latents.new_zeros(count, found[0].latents.shape[1], *size)
    present = found[0].present.new_zeros(count, *size)
    tags = found[0].tags.new_zeros(count, size[0])
    for row, sample in enumerate(samples):
        if sample is None:
            continue
        length = sample.tags.shape[1]
        inside = (slice(size[0] - length, None), *(slice(s) for s in sample.latents.shape[3:]))
        latents[(row, slice(None), *inside)] = sample.latents[0]
        present[(row, *inside)] = sample.present[0]
        tags[row, size[0] - length :] = sample.tags[0]
    return References(latents=latents, present=present, tags=tags)


def token_tags(references: References, patch: int) -> Int[Tensor, "b n"]:
    """Number of the reference of every token; padding keeps the number of its latent.

    Args:
        references: Of video.
        patch: Latent cells a side of a token.

    Returns:
        Frame by frame, row by row.
    """
    rows, columns = (references.latents.shape[axis] // patch for axis in (3, 4))
    return repeat(references.tags, "b n -> b (n h w)", h=rows, w=columns)


def token_present(references: References, patch: int) -> Bool[Tensor, "b n"]:
    """Which tokens hold a reference: those of which every latent cell does."""
    cells = rearrange(references.present, "b n (h p) (w q) -> b (n h w) (p q)", p=patch, q=patch)
    return cells.all(-1)
