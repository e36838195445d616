"""Keyframes between the base and the refiner: asked of the one, handed to the other.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5. Not given by the paper: which clips have
keyframes. Here a base that was trained to make them makes them for every clip of several frames
that is refined from its first frame to its last, at the size of the first pass; one that needs
changes to do so (``pipelines.keyframed``) only where a request asks for them. A window of a longer
clip (an extension) has none: its latents need not lie where the refined ones do.
"""

from dataclasses import replace

import torch
from einops import rearrange

from openreels.conditioning.conditions import Conditions, clip_and_keyframes
from openreels.conditioning.held import Target, held_of
from openreels.conditioning.keyframes import (
    WantedKeyframes,
    keyframe_frames,
    keyframe_places,
    refined_place,
)
from openreels.conditioning.masks import latent_known
from openreels.conditioning.material import Material
from openreels.conditioning.refine import SPACE_FACTOR, Held
from openreels.core.arrays import LatentMask, VideoLatents
from openreels.core.joint import Joint
from openreels.core.request import RESOLUTIONS, GenerationRequest
from openreels.core.shapes import ClipShape
from openreels.diffusion.solvers import Sample
from openreels.media.clip import pixels_of
from openreels.models.mmdit.model import MMDiT
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.cascade import HeldLatents, base_resolution, plan_cascade, refiner_of
from openreels.pipelines.components import Components
from openreels.pipelines.denoise import Beside

NONE_MADE = (
    "no keyframes were made: they stand beside clips of several frames that are new or given in "
    "part, have no references, no source and one shot, and are refined from 64 to 256 pixels, by a "
    "model that has learnt them"
)
"""What a request for keyframes is told that has none."""


def with_wanted_keyframes(
    components: Components, request: GenerationRequest, conditions: Conditions, material: Material
) -> Conditions:
    """Ask the base for keyframes where they are wanted and it has learnt to make them.

    What a fine source or a first picture gives of the refined clip is given of the keyframes too.

    Args:
        components: Networks.
        request: What is asked for, with the size of the result.
        conditions: What the base sees of it.
        material: What its files hold.

    Returns:
        The conditions, with keyframes if there are any.
    """
    target = _first_pass(components, request, conditions)
    if target is None:
        if not request.joint_keyframes:
            return conditions
        return replace(conditions, notes=(*conditions.notes, NONE_MADE))
    # What is changed by instruction keeps none of its pixels, as in the cascade.
    changed = conditions.task.source == "reference"
    held, _ = held_of(replace(request, edit=None) if changed else request, material, target)
    places = keyframe_places(conditions.shape)
    latents, known = _given(components.video_vae, held, places, target.shape(), components.device)
    wanted = WantedKeyframes(places=places, latents=latents, known=known)
    seconds = ", ".join(f"{float(place / conditions.shape.latent_fps):g}" for place in places)
    note = f"the base made keyframes of {target.width}x{target.height} at {seconds} s"
    return replace(conditions, keyframes=wanted, notes=(*conditions.notes, note))


def made_beside(components: Components, base: MMDiT, conditions: Conditions) -> Beside | None:
    """What makes the keyframes of a clip, where its base does not.

    Args:
        components: Networks.
        base: What makes the clip.
        conditions: Whether there are keyframes.

    Returns:
        A copy of the base with the changes for keyframes; None where it needs none.
    """
    changes = components.keyframed
    if changes is None or conditions.keyframes is None or base.config.keyframes:
        return None
    return Beside(network=changes.on(base), lag=changes.lag)


def without_keyframes(made: Sample, conditions: Conditions) -> tuple[Sample, HeldLatents]:
    """Take what the base made apart.

    Args:
        made: What ``denoise`` returned.
        conditions: What it was made under.

    Returns:
        The sample without keyframes, and each of these by its latent frame of the refined clip.
    """
    wanted = conditions.keyframes
    if made.video is None or wanted is None:
        return made, ()
    clip, keyframes = clip_and_keyframes(made.video, conditions)
    single = () if keyframes is None else keyframes.split(1, dim=2)
    held = [(refined_place(p), one) for p, one in zip(wanted.places, single, strict=True)]
    return Joint(clip, made.audio), tuple(held)


def _first_pass(
    components: Components, request: GenerationRequest, conditions: Conditions
) -> Target | None:
    """What the first pass of the cascade makes, if it should have keyframes."""
    shape, around = conditions.shape, conditions.around
    if conditions.given is None or shape.num_frames == 1:
        return None
    if not _can(components, request, conditions):
        return None
    if base_resolution(components, request) == request.resolution:
        return None
    if around.num_before or around.num_after:
        return None
    size = (shape.height, shape.width)
    cascade = plan_cascade(
        refiner_of(components, request),
        (shape.num_frames, *size),
        short_side=RESOLUTIONS[request.resolution],
        fps=shape.fps,
    )
    target = cascade.targets[0]
    trained = tuple(SPACE_FACTOR * side for side in size)
    return target if (target.height, target.width) == trained else None


def _can(components: Components, request: GenerationRequest, conditions: Conditions) -> bool:
    """Whether there is a base that makes keyframes under these conditions, and it is to."""
    if components.mmdit.config.keyframes:
        return request.joint_keyframes is not False
    changes = components.keyframed is not None and not conditions.in_context
    return changes and bool(request.joint_keyframes)


def _given(
    codec: VideoVAE,
    held: Held,
    places: tuple[int, ...],
    shape: ClipShape,
    device: torch.device,
) -> tuple[VideoLatents, LatentMask]:
    """Latents of what is given of each keyframe, zeros elsewhere, and where they are."""
    grid = (len(places), shape.latent_height, shape.latent_width)
    latents = torch.zeros(1, codec.config.latent_channels, *grid, device=device)
    known = torch.zeros(1, *grid, dtype=torch.bool, device=device)
    if held.source is None or held.known is None:
        return latents, known
    for index, place in enumerate(places):
        frames = keyframe_frames(place)
        some = slice(frames.start, frames.stop)
        cells = latent_known(rearrange(held.known[some], "F H W -> 1 F H W"))[:, -1].to(device)
        if not bool(cells.any()):
            continue
        pixels = pixels_of(held.source[some].numpy()).to(device)
        encoded = codec.encode(pixels)[:, :, -1]
        known[:, index] = cells
        latents[:, :, index] = torch.where(rearrange(cells, "b h w -> b 1 h w"), encoded, 0.0)
    return latents, known
