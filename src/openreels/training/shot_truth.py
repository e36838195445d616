"""What the whole picture is at a time, laid out on the grids of the latents.

The video tokens are asked in which place they are, under which weather, drawn how, seen by which
camera, and in which of their frames the picture is cut: where there is nothing but noise, which is
where prompts decide, the error of a velocity hardly tells. Not given by the paper: ours.
"""

from collections.abc import Sequence

import torch
from einops import repeat
from jaxtyping import Float

from openreels.core.shapes import TEMPORAL_STRIDE, ClipShape
from openreels.stage.camera import all_shots
from openreels.stage.scene import (
    CAMERAS,
    PLACES,
    STYLES,
    TIMES_OF_DAY,
    WEATHERS,
    Scene,
)

_WEATHERS = tuple(weather for weather in WEATHERS if weather != "clear")
_STYLES = tuple(style for style in STYLES if style != "plain")
_FIRST_CAMERA = len(PLACES)
_NEAR = _FIRST_CAMERA + len(CAMERAS)
_FIRST_TIME = _NEAR + 1
_FIRST_WEATHER = _FIRST_TIME + len(TIMES_OF_DAY)
_FIRST_STYLE = _FIRST_WEATHER + len(_WEATHERS)
_FIRST_CUT = _FIRST_STYLE + len(_STYLES)
NUM_SHOT_TRUTHS = _FIRST_CUT + TEMPORAL_STRIDE
"""Numbers of a latent: in which place it is, seen by which camera, whether close, at which time of
day, under which weather, in which style, and in which of its four frames a shot begins."""


def shot_truths(scenes: Sequence[Scene], shape: ClipShape) -> Float[torch.Tensor, "b k f h w"]:
    """Say of every latent cell in which shot it is, and of what look.

    Args:
        scenes: At least one.
        shape: Shape of the clips.

    Returns:
        Shares of the frames of a latent in [0, 1]: ``NUM_SHOT_TRUTHS`` channels, the same in all
        cells of a latent. A lone first frame is the last of its four.
    """
    return repeat(
        _told(scenes, shape), "b k f -> b k f h w", h=shape.latent_height, w=shape.latent_width
    ).contiguous()


def cut_latents(scenes: Sequence[Scene], shape: ClipShape) -> Float[torch.Tensor, "b f"]:
    """1 for every latent within which a shot begins, else 0.

    Args:
        scenes: At least one.
        shape: Shape of the clips.
    """
    return _told(scenes, shape)[:, _FIRST_CUT:].amax(1)


def _told(scenes: Sequence[Scene], shape: ClipShape) -> Float[torch.Tensor, "b k f"]:
    """What ``shot_truths`` says of every latent."""
    frames = torch.zeros(len(scenes), NUM_SHOT_TRUTHS, shape.num_frames)
    for row, scene in enumerate(scenes):
        _add_shots(frames[row], scene, shape)
        frames[row, _FIRST_TIME + TIMES_OF_DAY.index(scene.time_of_day)] = 1
        if scene.weather != "clear":
            frames[row, _FIRST_WEATHER + _WEATHERS.index(scene.weather)] = 1
        if scene.style != "plain":
            frames[row, _FIRST_STYLE + _STYLES.index(scene.style)] = 1
    first, rest = frames[:, :, :1], frames[:, :, 1:]
    grouped = rest.unflatten(2, (-1, TEMPORAL_STRIDE))
    told = torch.cat([first, grouped.mean(-1)], dim=2)
    # Channels of cuts have a frame each.
    told[:, _FIRST_CUT:, 1:] = grouped[:, _FIRST_CUT].transpose(1, 2)
    told[:, _FIRST_CUT:, 0] = 0
    return told


def _add_shots(frames: Float[torch.Tensor, "k F"], scene: Scene, shape: ClipShape) -> None:
    shots = all_shots(scene)
    begins = [*(round(shot.start_s * shape.fps) for shot in shots), shape.num_frames]
    for shot, begin, end in zip(shots, begins, begins[1:], strict=False):
        frames[PLACES.index(shot.place), begin:end] = 1
        frames[_FIRST_CAMERA + CAMERAS.index(shot.camera), begin:end] = 1
        frames[_NEAR, begin:end] = float(shot.focus is not None)
        if 0 < begin < shape.num_frames:
            frames[_FIRST_CUT, begin] = 1
