"""How much a refiner adds: figures on scenes whose fine clip is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.conditioning.refine import SPACE_FACTOR, TIME_FACTOR, stretch_frames
from openreels.core.config import from_dict
from openreels.core.request import GenerationRequest
from openreels.core.shapes import BASE_FPS, REFINED_FPS, ClipShape, frames_of_seconds, size_for
from openreels.evaluation.metrics import masked_psnr_db, psnr_db
from openreels.media.clip import Clip, frames_of, pixels_of
from openreels.pipelines.cascade import refine_clip
from openreels.pipelines.components import Components
from openreels.stage.captions import caption
from openreels.stage.render import render_video
from openreels.stage.sample import render_truths, truth_of
from openreels.stage.scene import Scene

MOVING = 8 / 127.5
"""Change of a pixel from one fine frame to the next that counts as moving: 8 of 255."""
MARGIN_PX = 8
"""Pixels around a moving one that count as moving parts too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """One scene in all the ways that are compared; ``3 F H W`` in [-1, 1]."""

    true: Float[Tensor, "3 F H W"]
    """Rendered at the fine size and rate."""
    repeated: Float[Tensor, "3 F H W"]
    """The low-resolution clip, bicubic, every frame twice."""
    blended: Float[Tensor, "3 F H W"]
    """The same with means of frames in between."""
    ceiling: Float[Tensor, "3 F H W"]
    """The true clip through the autoencoder: what a perfect refiner gives."""
    moving: Bool[Tensor, "F H W"]
    """Parts that move in the true clip."""


def stretched_views(
    low: Float[Tensor, "3 t h w"], height: int, width: int
) -> tuple[Float[Tensor, "3 F H W"], Float[Tensor, "3 F H W"]]:
    """What costs nothing: bicubic frames repeated, and bicubic frames blended."""
    fine = stretch_frames(low, height=height, width=width, factor=1)
    count = TIME_FACTOR * (fine.shape[1] - 1) + 1
    index = torch.arange(count) // TIME_FACTOR
    return fine[:, index], stretch_frames(low, height=height, width=width)


def moving_parts(true: Float[Tensor, "3 F H W"]) -> Bool[Tensor, "F H W"]:
    """Where a clip changes from one frame to the next, with a margin.

    Args:
        true: Frames in [-1, 1].

    Returns:
        True where a pixel within ``MARGIN_PX`` changes by more than ``MOVING`` to or from its
        frame.
    """
    change = (true.diff(dim=1).abs().amax(0) > MOVING).float()
    none = torch.zeros_like(change[:1])
    beside = torch.maximum(torch.cat([none, change]), torch.cat([change, none]))
    grown = torch.nn.functional.max_pool2d(
        rearrange(beside, "F H W -> F 1 H W"), 2 * MARGIN_PX + 1, stride=1, padding=MARGIN_PX
    )
    return rearrange(grown, "F 1 H W -> F H W") > 0


def refiner_shapes(scene: Scene, duration_s: float) -> tuple[ClipShape, ClipShape]:
    """The low-resolution clip of a scene and its fine one."""
    height, width = size_for(scene.aspect_ratio, 64)
    count = frames_of_seconds(duration_s)
    low = ClipShape(num_frames=count, height=height, width=width, fps=BASE_FPS)
    high = ClipShape(
        num_frames=TIME_FACTOR * (count - 1) + 1,
        height=SPACE_FACTOR * height,
        width=SPACE_FACTOR * width,
        fps=REFINED_FPS,
    )
    return low, high


@torch.no_grad()
def refiner_figures(
    components: Components,
    scene: Scene,
    duration_s: float,
    asked: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Clip, dict[str, tuple[float, float, float]]]:
    """Refine the true low-resolution clip of a scene and compare with its true fine one.

    Args:
        components: A model with a refiner.
        scene: What is seen.
        duration_s: Length in seconds.
        asked: Fields of the request that say how it is sampled, such as ``mode``.

    Returns:
        The refined clip, and figures as (ours, ceiling, floor): the gain in dB of PSNR over bicubic
        pixels with frames repeated, and over blended frames on moving parts (nan where nothing
        moves), and whether the sound is the very same.

    Raises:
        ValueError: If the model has no refiner.
    """
    low_shape, high_shape = refiner_shapes(scene, duration_s)
    batch = render_truths([truth_of(scene)], low_shape)
    wave = batch.waveform[0, :, : low_shape.num_samples].numpy()
    low = Clip(frames=frames_of(batch.pixels), fps=BASE_FPS, waveform=wave)
    fields = {**asked, "prompt": caption(scene, 0), "resolution": "256p"}
    request = from_dict(GenerationRequest, fields, allow_missing=True)
    refined, _ = refine_clip(components, low, request)
    if refined.frames is None or low.frames is None or refined.waveform is None:
        raise ValueError("a refined clip must have frames and the sound that it came with")
    views = views_of(components, scene, pixels_of(low.frames)[0], high_shape)
    figures = gains(pixels_of(refined.frames)[0], views)
    same = float(np.array_equal(refined.waveform, wave))
    return refined, figures | {"sound identical": (same, 1.0, 0.0)}


def views_of(
    components: Components, scene: Scene, low: Float[Tensor, "3 t h w"], shape: ClipShape
) -> Views:
    """Render a scene finely and stretch its low-resolution clip."""
    true = render_video([scene], shape)
    vae = components.video_vae
    decoded = torch.cat(list(vae.decode_stream(vae.encode(true), chunk_frames=8)), dim=2)
    repeated, blended = stretched_views(low, shape.height, shape.width)
    return Views(
        true=true[0],
        repeated=repeated,
        blended=blended,
        ceiling=decoded[0],
        moving=moving_parts(true[0]),
    )


def gains(refined: Float[Tensor, "3 F H W"], views: Views) -> dict[str, tuple[float, float, float]]:
    """PSNR over what costs nothing, in dB: of a refined clip and of the autoencoder alone."""
    floor = psnr_db(views.repeated, views.true)
    found = {
        "gain over repeated frames dB": (
            psnr_db(refined, views.true) - floor,
            psnr_db(views.ceiling, views.true) - floor,
            0.0,
        )
    }
    if bool(views.moving.any()):
        ours, ceiling, blended = (
            masked_psnr_db(one, views.true, views.moving)
            for one in (refined, views.ceiling, views.blended)
        )
        found["gain over blended frames on moving parts dB"] = (
            ours - blended,
            ceiling - blended,
            0.0,
        )
    return found
