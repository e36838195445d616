"""The files that the pages of tasks start from: frames, clips and masks of held-out scenes.

Scenes are those of ``stage.captions.held_out_prompts``, which training never draws. Each function
writes into a folder; ``make_tasks.py`` calls them.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from openreels.core.shapes import BASE_FPS, ClipShape
from openreels.evaluation.cases import make_case, request_of
from openreels.evaluation.clips import true_clip
from openreels.evaluation.config import BenchConfig
from openreels.media.clip import Clip, frames_of
from openreels.media.image import write_image
from openreels.stage.captions import HELD_OUT_SEED
from openreels.stage.render import render_masks
from openreels.stage.scene import Scene
from openreels.stage.world import sample_scene

DURATION_S = 2.0


def scene_of(number: int) -> Scene:
    """A scene of the held-out list."""
    return sample_scene(HELD_OUT_SEED, number)


@cache
def clip_of(number: int) -> Clip:
    """Two seconds of a held-out scene with its sound."""
    pixels, sound, shape = true_clip(scene_of(number), DURATION_S)
    return Clip(frames=frames_of(pixels[None]), fps=shape.fps, waveform=sound.numpy())


def write_frames(folder: Path, *, scene: int, **seconds: float) -> None:
    """Write frames of a scene, ``NAME.png`` each."""
    frames = _frames(clip_of(scene))
    for name, time_s in seconds.items():
        write_image(folder / f"{name}.png", frames[min(round(time_s * BASE_FPS), len(frames) - 1)])


def write_part(folder: Path, *, scene: int, start: int, stop: int) -> None:
    """Write the frames ``start`` to ``stop`` of a scene and their sound, ``clip.mp4``."""
    whole = clip_of(scene)
    first, last = (round(frame * 44_100 / BASE_FPS) for frame in (start, stop))
    sound = None if whole.waveform is None else whole.waveform[:, first:last]
    part = Clip(frames=_frames(whole)[start:stop], fps=BASE_FPS, waveform=sound)
    part.save(folder / "clip.mp4")


def write_region(folder: Path, *, scene: int, margin: int, moving: bool = False) -> None:
    """Write ``clip.mp4`` and where its subject is, some pixels wider.

    ``mask.mp4`` follows the subject; ``mask.png`` is every place where it ever is.
    """
    clip_of(scene).save(folder / "clip.mp4")
    masks = subject_masks(scene, margin)
    if moving:
        Clip(frames=_white(masks), fps=BASE_FPS).save(folder / "mask.mp4")
    else:
        write_image(folder / "mask.png", _white(masks.any(dim=0, keepdim=True))[0])


def write_picture_region(folder: Path, *, scene: int, margin: int, seconds: float) -> None:
    """Write one frame of a scene, ``picture.png``, and where its subject is, ``mask.png``."""
    write_frames(folder, scene=scene, picture=seconds)
    masks = subject_masks(scene, margin)
    write_image(folder / "mask.png", _white(masks)[round(seconds * BASE_FPS)])


def write_case(folder: Path, *, row: str, number: int = 0) -> None:
    """Write what an example of a row of StageBench gives."""
    config = BenchConfig(duration_s=DURATION_S)
    request_of(make_case(row, number, config), folder, config, number)


def subject_masks(scene: int, margin: int) -> Bool[Tensor, "F H W"]:
    """The visible pixels of the first actor, some pixels wider."""
    drawn, height, width = scene_of(scene), *_frames(clip_of(scene)).shape[1:3]
    shape = ClipShape(num_frames=clip_of(scene).num_frames, height=height, width=width)
    masks = render_masks([drawn], shape)[0][0].float()[:, None]
    wide = torch.nn.functional.max_pool2d(masks, 2 * margin + 1, stride=1, padding=margin)
    return wide[:, 0] > 0


def _frames(clip: Clip) -> UInt8[np.ndarray, "F H W 3"]:
    if clip.frames is None:
        raise ValueError("a scene has frames, got sound alone")
    return clip.frames


def _white(masks: Bool[Tensor, "F H W"]) -> UInt8[np.ndarray, "F H W 3"]:
    return np.repeat((masks.numpy() * 255).astype(np.uint8)[..., None], 3, axis=3)
