"""Pictures: reading, writing, and fitting frames to a size."""

import struct
import warnings
from pathlib import Path

import numpy as np
from einops import rearrange
from jaxtyping import Bool, UInt8
from PIL import ExifTags, Image

from openreels.core.errors import MediaError
from openreels.media.files import (
    DEFAULT_LIMITS,
    ReadLimits,
    check_pixels,
    check_readable,
    whole_file,
)

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation; 1 is upright."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError, LookupError)
"""What a broken picture, or a broken header of one, raises while it is decoded."""


def read_image(
    path: str | Path, *, size: tuple[int, int] | None = None, limits: ReadLimits = DEFAULT_LIMITS
) -> UInt8[np.ndarray, "H W 3"]:
    """Read a picture, upright, on black where it is transparent.

    Args:
        path: A PNG, JPEG, WebP, BMP, GIF or TIFF file; of a moving one the first frame.
        size: ``(height, width)`` to fit to, as ``fit_frames`` does; None keeps its own.
        limits: File size and pixels; checked before decoding.

    Returns:
        Red, green, blue, 0 to 255.

    Raises:
        MediaError: If the file is missing, no picture, corrupt or too large.
    """
    path = check_readable(path, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                check_pixels(path, image.height, image.width, limits)
                frame = _rgb(image)
    except Image.DecompressionBombError as error:
        raise MediaError(
            f"a picture may have {limits.max_pixels // 10**6} million pixels, got far more in "
            f"{path}; scale it down first"
        ) from error
    except MediaError:
        raise
    except _BROKEN as error:
        raise MediaError(
            f"{path} is not a picture that can be decoded; give a PNG, JPEG or WebP file"
        ) from error
    return frame if size is None else fit_frames(frame[None], *size)[0]


def write_image(path: str | Path, frame: UInt8[np.ndarray, "H W 3"]) -> None:
    """Write one picture; the format follows the suffix, PNG is lossless.

    Args:
        path: Where to write; replaced whole or not at all.
        frame: Red, green, blue, 0 to 255.

    Raises:
        MediaError: If the path cannot be written or its suffix is unknown.
    """
    with whole_file(path) as part:
        try:
            Image.fromarray(np.ascontiguousarray(frame)).save(part)
        except (ValueError, KeyError) as error:
            raise MediaError(
                f"a picture is written as .png, got {Path(path).name!r}; choose that suffix"
            ) from error


def fit_frames(
    frames: UInt8[np.ndarray, "F H W 3"], height: int, width: int
) -> UInt8[np.ndarray, "F h w 3"]:
    """Scale frames to cover a size and cut what hangs over, half on each side.

    Args:
        frames: Frames of one size.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        Frames of that size; the same array when nothing is to be done.

    Raises:
        ValueError: If a side is not positive.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be positive, got {height} and {width}")
    if frames.shape[1:3] == (height, width):
        return frames
    box = crop_box(frames.shape[1], frames.shape[2], height=height, width=width)
    fitted = [
        Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC, box=box)
        for frame in np.ascontiguousarray(frames)
    ]
    return np.stack([np.asarray(image) for image in fitted])


def fit_masks(
    masks: Bool[np.ndarray, "F H W"], height: int, width: int
) -> Bool[np.ndarray, "F h w"]:
    """Scale and cut masks as ``fit_frames`` does frames.

    Args:
        masks: Masks of one size.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        True wherever any pixel that is covered was True.
    """
    if masks.shape[1:] == (height, width):
        return masks
    box = crop_box(masks.shape[1], masks.shape[2], height=height, width=width)
    fitted = [
        Image.fromarray(mask.astype(np.uint8) * 255).resize(
            (width, height), Image.Resampling.BOX, box=box
        )
        for mask in masks
    ]
    return np.stack([np.asarray(image) for image in fitted]) > 0


def crop_box(
    rows: int, columns: int, *, height: int, width: int
) -> tuple[float, float, float, float]:
    """The centred part of a frame that has the shape of another size.

    Args:
        rows: Rows of the frame.
        columns: Columns of the frame.
        height: Rows of the size wanted.
        width: Columns of the size wanted.

    Returns:
        ``(left, top, right, bottom)`` in pixels, fractional.
    """
    scale = min(rows / height, columns / width)
    left = max(0.0, (columns - width * scale) / 2)
    top = max(0.0, (rows - height * scale) / 2)
    return left, top, columns - left, rows - top


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    image.load()
    turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    upright = image if turn is None else image.transpose(turn)
    if upright.mode.startswith("I"):
        grey = np.clip(np.asarray(upright, dtype=np.int64) // 256, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(rearrange([grey] * 3, "c H W -> H W c"))
    if upright.has_transparency_data:
        black = Image.new("RGBA", upright.size, (0, 0, 0, 255))
        upright = Image.alpha_composite(black, upright.convert("RGBA"))
    return np.array(upright.convert("RGB"))
