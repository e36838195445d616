"""What the Stage world knows of a clip, laid out on the grids of the latents.

The transformer's hidden tokens are trained to tell it (``MMDiTConfig.truth_block``): an exact
teacher in the place of the pretrained encoder of REPA (Yu et al. 2024, arXiv 2410.06940). Not given
by the paper: ours.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from openreels.core.shapes import (
    AUDIO_TOKENS_PER_S,
    SPATIAL_STRIDE,
    TEMPORAL_STRIDE,
    ClipShape,
)
from openreels.stage.render import render_masks
from openreels.stage.scene import COLOURS, MATERIALS, SHAPES, Truth

NUM_LOOKS = len(SHAPES) + len(COLOURS) + len(MATERIALS)
"""Numbers of a latent cell that tell what covers it."""
NUM_CELL_TRUTHS = NUM_LOOKS + TEMPORAL_STRIDE
"""Those, and one a frame of the latent: how much of the cell belongs to an actor that is touching
something in that frame."""
NUM_ONSET_TRUTHS = len(MATERIALS)
"""Numbers of an audio token: whether something of that material is struck within it."""


def cell_truths(truths: Sequence[Truth], shape: ClipShape) -> Float[Tensor, "b k f h w"]:
    """Say of every latent cell which share of it each shape, colour and material covers.

    Args:
        truths: At least one.
        shape: Shape of the clips.

    Returns:
        Shares in [0, 1]: ``NUM_CELL_TRUTHS`` channels on the latent grid. A latent of four frames
        has their mean; the last four channels have its frames one by one (the lone first frame
        is the last of the four).
    """
    masks = render_masks([truth.scene for truth in truths], shape).float()
    cover = rearrange(
        avg_pool2d(masks.flatten(0, 2).unsqueeze(1), SPATIAL_STRIDE),
        "(b a F) 1 h w -> b a F h w",
        a=masks.shape[1],
        F=shape.num_frames,
    )
    before = cover.new_zeros((*cover.shape[:2], TEMPORAL_STRIDE - 1, *cover.shape[3:]))
    grouped = rearrange(
        torch.cat([before, cover], dim=2),
        "b a (f t) h w -> b a t f h w",
        t=TEMPORAL_STRIDE,
    )
    mean = grouped.mean(2)
    mean[:, :, 0] = cover[:, :, 0]
    out = torch.zeros(len(truths), NUM_CELL_TRUTHS, *mean.shape[2:])
    for row, truth in enumerate(truths):
        for index, actor in enumerate(truth.scene.actors):
            looks = (
                SHAPES.index(actor.shape),
                len(SHAPES) + COLOURS.index(actor.colour),
                len(SHAPES) + len(COLOURS) + MATERIALS.index(actor.material),
            )
            for channel in looks:
                out[row, channel] += mean[row, index]
        touching = _touching(truth, shape)
        out[row, NUM_LOOKS:] = torch.einsum(
            "aft,atfhw->tfhw", touching, grouped[row, : len(touching)]
        )
    return out.clamp_(0, 1)


def _touching(truth: Truth, shape: ClipShape) -> Float[Tensor, "a f t"]:
    """Whether an actor touches something, by latent and frame within it."""
    num_actors = len(truth.scene.actors)
    frames = torch.zeros(num_actors, shape.num_frames + TEMPORAL_STRIDE - 1)
    for contact in truth.contacts:
        frame = round(contact.time_s * shape.fps)
        if 0 <= frame < shape.num_frames:
            frames[contact.actor, frame + TEMPORAL_STRIDE - 1] = 1
    return rearrange(frames, "a (f t) -> a f t", t=TEMPORAL_STRIDE)


def onset_truths(truths: Sequence[Truth], shape: ClipShape) -> Float[Tensor, "b m l"]:
    """Say of every audio token whether something of each material is struck within it.

    Args:
        truths: At least one.
        shape: Shape of the clips.

    Returns:
        0 or 1, ``NUM_ONSET_TRUTHS`` channels.
    """
    out = torch.zeros(len(truths), NUM_ONSET_TRUTHS, shape.num_audio_tokens)
    for row, truth in enumerate(truths):
        for contact in truth.contacts:
            token = int(contact.time_s * AUDIO_TOKENS_PER_S)
            if 0 <= token < shape.num_audio_tokens:
                out[row, MATERIALS.index(contact.material), token] = 1
    return out
