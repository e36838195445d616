"""Edit masks: a picture or a clip, white where something is to change."""

import logging
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from openreels.core.errors import MediaError
from openreels.core.shapes import BASE_FPS, ClipShape
from openreels.media.clip import Clip, read_clip
from openreels.media.files import DEFAULT_LIMITS, ReadLimits
from openreels.media.image import fit_masks, read_image
from openreels.media.video import MediaFacts

logger = logging.getLogger(__name__)

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_MAX_STRETCH = 1.05


def read_mask(
    path: str | Path,
    *,
    source: MediaFacts,
    shape: ClipShape,
    length_s: float | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Bool[np.ndarray, "F H W"]:
    """Read an edit region and fit it as its source clip is fitted.

    Args:
        path: A picture, which holds for every frame, or a clip as long as the source.
        source: What ``media.video.probe`` says of the source clip; its rows and columns are read.
        shape: What the source clip is fitted to.
        length_s: Seconds of the source's picture, as decoded at ``BASE_FPS``; a moving mask must
            last as long, to a frame and a half of those. None asks nothing of its length, for a
            mask that was read at that rate before.
        limits: Bounds on what is decoded.

    Returns:
        True is the part to change: white, brighter than half.

    Raises:
        MediaError: If the mask cannot be read, has another shape or another length than the source.
    """
    path = Path(path)
    if path.suffix.lower() in _PICTURES:
        masks = _white(read_image(path, limits=limits)[None])
    else:
        clip = read_clip(path, fps=shape.fps, limits=limits)
        _check_length(clip, length_s, path)
        masks = _white(clip.frames) if clip.frames is not None else np.ones((1, 1, 1), bool)
    masks = _like_source(masks, path, source)
    masks = fit_masks(masks, shape.height, shape.width)
    index = np.minimum(np.arange(shape.num_frames), len(masks) - 1)
    return masks[index]


def _check_length(clip: Clip, length_s: float | None, path: Path) -> None:
    if length_s is None or clip.num_frames == 1:
        return
    if abs(clip.duration_s - length_s) > 1.5 / BASE_FPS:
        raise MediaError(
            f"a mask must be one picture or as long as its clip, {length_s:.2f} seconds, got "
            f"{clip.duration_s:.2f} in {path}; cut the mask or give a picture"
        )


def _like_source(
    masks: Bool[np.ndarray, "F H W"], path: Path, source: MediaFacts
) -> Bool[np.ndarray, "F h w"]:
    if source.height is None or source.width is None:
        raise MediaError("a mask needs a clip with a picture, got a sound; give a video to edit")
    rows, columns = masks.shape[1:]
    if (rows, columns) == (source.height, source.width):
        return masks
    stretch = columns * source.height / (rows * source.width)
    if not 1 / _MAX_STRETCH <= stretch <= _MAX_STRETCH:
        raise MediaError(
            f"a mask must have the shape of its clip, {source.width}x{source.height}, got "
            f"{columns}x{rows} in {path}; draw it on a frame of the clip"
        )
    logger.warning(
        "the mask %s has %dx%d pixels and the clip %dx%d: it is scaled to the clip",
        *(path, columns, rows, source.width, source.height),
    )
    return fit_masks(masks, source.height, source.width)


def _white(frames: np.ndarray) -> Bool[np.ndarray, "F H W"]:
    return frames.astype(np.float32).mean(axis=-1) > 127.5
