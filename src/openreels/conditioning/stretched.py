"""A low-resolution clip at the size of its keyframes: what these begin from.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5, gives the refiner interpolated low-resolution
latents in channels I. Not given by the paper: that keyframes of the base get the same, of the clip
as far as it is made; then noise becomes what this lacks (``MMDiTConfig.residual``), so that a
keyframe is never less than the clip made larger. Ours.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.keyframes import keyframe_frames
from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR, stretch_frames
from openreels.core.arrays import VideoLatents
from openreels.core.protocols import VideoCodec

LOOK_BACK = 3
"""Latents before a keyframe's that are decoded with it, as a decoder looks back. Of ours a frame is
then within 77 dB of that of the whole clip."""


@torch.no_grad()
def stretched_clip(
    codec: VideoCodec, clip: VideoLatents, places: tuple[int, ...]
) -> Float[Tensor, "b c k y x"]:
    """Encode the clip, made larger, at its keyframes: bicubic in space, linear in time.

    Args:
        codec: Video autoencoder.
        clip: Clean latents of the low-resolution clip, or what is known of them.
        places: Its latent frames that have keyframes.

    Returns:
        Latents of four times the sides, a latent frame a place.
    """
    made: list[Tensor] = []
    for place in places:
        low = codec.decode(clip[:, :, max(0, place - LOOK_BACK) : place + 1]).float()
        count = (len(keyframe_frames(place)) - 1) // TIME_FACTOR + 1
        height, width = (SPACE_FACTOR * side for side in low.shape[-2:])
        fine = [stretch_frames(one, height=height, width=width) for one in low[:, :, -count:]]
        made.append(codec.encode(torch.stack(fine))[:, :, -1:])
    return torch.cat(made, dim=2)
