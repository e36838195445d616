"""What every reader and writer shares: limits, whole-or-nothing writing, opening a container."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from openreels.core.errors import MediaError

OUTPUT_KINDS: dict[str, Literal["clip", "audio", "image"]] = {
    ".mp4": "clip",
    ".webm": "clip",
    ".gif": "clip",
    ".wav": "audio",
    ".png": "image",
}
"""What is written under each suffix."""

_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,wav,mp3,flac,ogg,aac,aiff,w64"
"""Containers that are opened: none that names other files or addresses, as playlists do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLimits:
    """Bounds on what is decoded; the header is checked first, the decoded amount as it grows."""

    max_file_bytes: int = 2**31
    """Largest file."""
    max_duration_s: float = 60.0
    """Longest clip or sound."""
    max_pixels: int = 40_000_000
    """Rows times columns of one frame or picture."""
    max_frames: int = 7200
    """Most frames kept."""
    max_decoded_bytes: int = 2**31
    """Most memory of the kept frames."""


DEFAULT_LIMITS = ReadLimits()


def kind_of_output(path: str | Path) -> Literal["clip", "audio", "image"]:
    """What an output file holds, by its suffix.

    Raises:
        MediaError: If the suffix is unknown.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in OUTPUT_KINDS:
        raise MediaError(
            f"the output must end in one of {', '.join(OUTPUT_KINDS)}, got {Path(path).name!r}; "
            "choose .mp4 for a clip, .wav for sound, .png for a picture"
        )
    return OUTPUT_KINDS[suffix]


def check_writable(path: str | Path) -> Path:
    """Refuse an output that could not be written, before any work starts.

    Args:
        path: Where a file will be written.

    Returns:
        The same path.

    Raises:
        MediaError: If the folder is missing or refuses a new file, or the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise MediaError(f"the output must be a file, got the folder {path}; add a file name")
    if not path.parent.is_dir():
        raise MediaError(
            f"the folder of the output must exist, got {path.parent}; create it or choose another"
        )
    probe = _beside(path)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise MediaError(
            f"the output must be writable, got {path} ({error.strerror}); choose another folder"
        ) from error
    return path


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all, also when interrupted.

    Args:
        path: Where the file shall be; an older file there is replaced at the end.

    Yields:
        A path beside it, with the same suffix, to write to.

    Raises:
        MediaError: If the path cannot be written.
    """
    path = check_writable(path)
    part = _beside(path)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise MediaError(
            f"{path} could not be written ({error.strerror or error}); free space or choose "
            "another folder"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def check_readable(path: str | Path, limits: ReadLimits = DEFAULT_LIMITS) -> Path:
    """Refuse a file that is missing, empty, too large or no ordinary file.

    Args:
        path: A file that will be read.
        limits: Its largest size.

    Returns:
        The same path.

    Raises:
        MediaError: Naming the file and what is wrong with it.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder or device" if path.exists() else "nothing there"
        raise MediaError(f"a media file must exist, got {path} ({what}); check the path")
    num_bytes = path.stat().st_size
    if not num_bytes:
        raise MediaError(f"a media file must not be empty, got {path} with 0 bytes; replace it")
    if num_bytes > limits.max_file_bytes:
        raise MediaError(
            f"a media file may have {limits.max_file_bytes} bytes, got {num_bytes} in {path}; "
            "cut or compress it"
        )
    if not os.access(path, os.R_OK):
        raise MediaError(f"a media file must be readable, got {path}; change its permissions")
    return path


@contextmanager
def open_media(path: str | Path, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[InputContainer]:
    """Open a clip or a sound for reading, within limits.

    Args:
        path: A media file; playlists and addresses are refused.
        limits: File size and duration.

    Yields:
        The open container.

    Raises:
        MediaError: If the file is missing, no media, too long, or breaks while it is read.
    """
    path = check_readable(path, limits)
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    try:
        with av.open(str(path.absolute()), options=options, metadata_errors="replace") as container:
            check_duration(path, (container.duration or 0) / av.time_base, limits)
            yield container
    except FFmpegError as error:
        raise MediaError(
            f"{path} is not a clip or a sound that can be decoded ({error.strerror}); "
            "give an MP4, WebM, MOV, WAV, MP3, FLAC or OGG file"
        ) from error


def check_decoder(path: Path, stream: Stream) -> None:
    """Refuse a picture or a sound whose codec is unknown; its size and rates cannot be asked.

    Raises:
        MediaError: If there is no decoder for the stream.
    """
    if stream.codec_context is None:
        what = "picture" if stream.type == "video" else "sound"
        raise MediaError(
            f"the {what} of a media file must have a codec that can be decoded, got an unknown one "
            f"in {path}; export it again as MP4 or WAV"
        )


def check_duration(path: Path, duration_s: float, limits: ReadLimits) -> None:
    """Refuse a clip or a sound that is too long.

    Raises:
        MediaError: If ``duration_s`` is more than the limit.
    """
    if duration_s > limits.max_duration_s + 0.1:
        raise MediaError(
            f"a clip or sound here may last {limits.max_duration_s:g} seconds, "
            f"got {duration_s:.1f} in {path}; cut it first"
        )


def check_pixels(path: Path, height: int, width: int, limits: ReadLimits) -> None:
    """Refuse a picture or a frame that is too large.

    Raises:
        MediaError: If it has more pixels than the limit.
    """
    if height * width > limits.max_pixels:
        raise MediaError(
            f"a picture may have {limits.max_pixels // 10**6} million pixels, "
            f"got {width}x{height} in {path}; scale it down first"
        )


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part{path.suffix}")
