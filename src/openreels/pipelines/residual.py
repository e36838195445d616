"""Keyframes that are made as what the clip at their size lacks of them. Ours.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5, whose refiner sees a low-resolution clip stretched
to its size. A network that makes keyframes beside a clip may do the same
(``conditioning.stretched``): noise then becomes the difference, divided by the residual, and the
keyframe is put together when the clip is done.
"""

from dataclasses import replace

import torch

from openreels.conditioning.conditions import Conditions, clip_and_keyframes
from openreels.conditioning.keyframes import WantedKeyframes, join_cells
from openreels.conditioning.stretched import stretched_clip
from openreels.core.arrays import VideoLatents
from openreels.core.joint import Joint
from openreels.core.protocols import VideoCodec
from openreels.diffusion.solvers import Sample


def with_stretched(conditions: Conditions, clip: VideoLatents, codec: VideoCodec) -> Conditions:
    """Show keyframes the clip as far as it is made.

    Args:
        conditions: With keyframes.
        clip: Clean latents, as the velocity at some noise level has them; given ones need not be
            right.
        codec: Video autoencoder.

    Returns:
        The conditions, with the clip at the size of the keyframes.
    """
    wanted, given = _wanted(conditions), conditions.given
    if given is not None:
        clip = torch.where(given.imposed.unsqueeze(1), given.latents.to(clip), clip)
    stretched = stretched_clip(codec, clip, wanted.places)
    return replace(conditions, keyframes=replace(wanted, stretched=stretched))


def lacking_nothing(conditions: Conditions) -> Conditions:
    """Say that what is given of keyframes lacks nothing: zeros, as noise becomes differences."""
    wanted = _wanted(conditions)
    zeros = torch.zeros_like(wanted.latents)
    return replace(conditions, keyframes=replace(wanted, latents=zeros))


def added(made: Sample, conditions: Conditions, residual: float, codec: VideoCodec) -> Sample:
    """Put what the clip lacks to the clip.

    Args:
        made: Clean latents, a row of the cells of the clip and of what it lacks of keyframes.
        conditions: With keyframes.
        residual: What the latter was divided by, > 0.
        codec: Video autoencoder.

    Returns:
        The same, with keyframes in the place of the differences; given ones as they are.

    Raises:
        ValueError: If there is no picture, or there are no keyframes.
    """
    if made.video is None:
        raise ValueError("keyframes stand beside a picture, got sound alone")
    clip, lacking = clip_and_keyframes(made.video, conditions)
    wanted = _wanted(with_stretched(conditions, clip, codec))
    if lacking is None or wanted.stretched is None:
        raise ValueError("what a clip lacks is of keyframes, got conditions without")
    known = wanted.known.unsqueeze(1)
    keyframes = torch.where(known, wanted.latents, wanted.stretched + residual * lacking)
    return Joint(join_cells(clip, keyframes), made.audio)


def _wanted(conditions: Conditions) -> WantedKeyframes:
    if conditions.keyframes is None:
        raise ValueError("what a clip lacks is of keyframes, got conditions without")
    return conditions.keyframes
