"""Moving pictures: decoding frames within limits, encoding them with their sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream
from jaxtyping import Float32, UInt8
from PIL import Image

from openreels.core.errors import MediaError
from openreels.media.audio import checked, resample
from openreels.media.files import (
    DEFAULT_LIMITS,
    ReadLimits,
    check_decoder,
    check_duration,
    check_pixels,
    open_media,
    whole_file,
)
from openreels.media.image import fit_frames

_BT709 = 1
_VIDEO_RANGE = 1
_MAX_OWN_FPS = 120
_ENCODERS = {
    ".mp4": ("libx264", {"crf": "16", "preset": "medium"}, "aac", 192_000),
    ".webm": ("libvpx-vp9", {"crf": "22", "b": "0", "cpu-used": "4"}, "libopus", 160_000),
}
_OPUS_RATE_HZ = 48_000


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFacts:
    """What the header of a clip or a sound says."""

    duration_s: float
    """Length in seconds: of the picture, where there is one and its own length is told."""
    width: int | None = None
    """Columns, upright; None without a picture."""
    height: int | None = None
    """Rows, upright; None without a picture."""
    fps: float | None = None
    """Frames a second; None without a picture."""
    video_codec: str | None = None
    """Name of the picture codec."""
    channels: int | None = None
    """Channels of the sound; None without one."""
    sample_rate_hz: int | None = None
    """Samples a second; None without a sound."""
    audio_codec: str | None = None
    """Name of the sound codec."""


def probe(path: str | Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> MediaFacts:
    """Read the facts of a clip or a sound without decoding it.

    Args:
        path: A media file.
        limits: File size and duration.

    Returns:
        Its size, rates and length.

    Raises:
        MediaError: If the file is missing, no media, of an unknown codec, or too long.
    """
    path = Path(path)
    with open_media(path, limits) as container:
        duration_s = (container.duration or 0) / av.time_base
        video = _picture_stream(container)
        facts: dict[str, int | float | str] = {}
        if video is not None:
            check_decoder(path, video)
            height, width = video.height, video.width
            first = next(container.decode(video), None)
            if first is not None and first.rotation % 180:
                height, width = width, height
            rate = _own_rate(video)
            if video.duration is not None and video.time_base is not None:
                duration_s = float(video.duration * video.time_base)
            facts |= {"width": width, "height": height, "fps": float(rate)}
            facts["video_codec"] = video.codec_context.name
        if container.streams.audio:
            audio = container.streams.audio[0]
            check_decoder(path, audio)
            facts |= {"channels": audio.channels, "sample_rate_hz": audio.rate}
            facts["audio_codec"] = audio.codec_context.name
        return MediaFacts(duration_s=duration_s, **facts)  # type: ignore[arg-type]


def decode_frames(
    container: InputContainer,
    path: Path,
    *,
    fps: int | Fraction | None,
    size: tuple[int, int] | None,
    limits: ReadLimits,
) -> tuple[UInt8[np.ndarray, "F H W 3"], Fraction, Fraction]:
    """Decode the picture of an open container at a constant rate.

    Args:
        container: An open container.
        path: Its file, for messages.
        fps: Frames a second wanted, each the nearest in time; None keeps the file's own rate.
        size: ``(height, width)`` to fit to; None keeps the file's own.
        limits: Pixels, frames, duration and memory.

    Returns:
        The frames, their rate, and the time of the first on the container's clock.

    Raises:
        MediaError: If there is no picture, no decoder or no frame, or the file breaks off or is too
            large.
    """
    stream = _picture_stream(container)
    if stream is None:
        raise MediaError(f"a clip needs a picture, got {path} without one; give a video file")
    check_decoder(path, stream)
    check_pixels(path, stream.height, stream.width, limits)
    rate = Fraction(fps) if fps is not None else _own_rate(stream)
    expected = min(_promised_frames(container, stream, rate), limits.max_frames)
    kept = _Kept(expected, limits.max_decoded_bytes)
    decoded: _Frame | None = None
    start_s = Fraction(0)
    for frame in _frames(container, stream, path):
        if decoded is None:
            start_s = frame.time_s
        check_duration(path, float(frame.time_s - start_s), limits)
        check_pixels(path, frame.frame.height, frame.frame.width, limits)
        until_s = (decoded.time_s + frame.time_s) / 2 - start_s if decoded else Fraction(0)
        while decoded and kept.count < until_s * rate:
            kept.append(decoded.pixels(size or kept.size))
        decoded = frame
        _check_amount(path, kept.count, kept.num_bytes, limits=limits)
    if decoded is None:
        raise MediaError(f"a clip needs frames, got {path} with none; give another file")
    end_s = decoded.time_s - start_s + 1 / _own_rate(stream)
    _check_complete(path, stream, end_s)
    total = max(1, round(end_s * rate))
    if kept.count < total:
        last = decoded.pixels(size or kept.size)
        _check_amount(path, total, total * last.nbytes, limits=limits)
        while kept.count < total:
            kept.append(last)
    return kept.first(total), rate, start_s


class _Kept:
    """Frames of one size in one array that grows in place: no frame is in memory twice."""

    def __init__(self, expected: int, most_bytes: int) -> None:
        self._expected, self._most_bytes = expected, most_bytes
        self._frames: np.ndarray | None = None
        self.count = 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns; None before the first frame."""
        return None if self._frames is None else (self._frames.shape[1], self._frames.shape[2])

    @property
    def num_bytes(self) -> int:
        """Bytes of the frames so far."""
        return 0 if self._frames is None else self.count * self._frames[0].nbytes

    def append(self, pixels: UInt8[np.ndarray, "H W 3"]) -> None:
        """Copy one more frame."""
        if self._frames is None:
            room = max(1, min(self._expected, self._most_bytes // pixels.nbytes))
            self._frames = np.empty((room, *pixels.shape), dtype=np.uint8)
        elif self.count == len(self._frames):
            more = self.count + self.count // 8 + 1
            self._frames.resize((more, *pixels.shape), refcheck=False)
        self._frames[self.count] = pixels
        self.count += 1

    def first(self, count: int) -> UInt8[np.ndarray, "F H W 3"]:
        """The first ``count`` frames, 0 to as many as there are; the others are given up."""
        if self._frames is None:
            return np.empty((0, 0, 0, 3), dtype=np.uint8)
        self._frames.resize((count, *self._frames.shape[1:]), refcheck=False)
        return self._frames


def _promised_frames(container: InputContainer, stream: VideoStream, rate: Fraction) -> int:
    """Frames that the header promises, and one to spare; 1 where it tells no length."""
    seconds = Fraction(container.duration or 0, av.time_base)
    if stream.duration is not None and stream.time_base is not None:
        seconds = stream.duration * Fraction(stream.time_base)
    return max(0, round(seconds * rate)) + 1


@dataclass(slots=True)
class _Frame:
    frame: av.VideoFrame
    time_s: Fraction
    _pixels: np.ndarray | None = None

    def pixels(self, size: tuple[int, ...] | None) -> np.ndarray:
        """Red, green, blue, upright and fitted; converted once."""
        if self._pixels is None:
            image = self.frame.to_ndarray(format="rgb24")
            image = np.rot90(image, self.frame.rotation // 90 % 4)
            if size is not None:
                image = fit_frames(image[None], size[0], size[1])[0]
            self._pixels = np.ascontiguousarray(image)
        return self._pixels


def _frames(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[_Frame]:
    stream.thread_type = "AUTO"
    step = 1 / _own_rate(stream)
    time_s = Fraction(0)
    for index, frame in enumerate(container.decode(stream)):
        if frame.is_corrupt:
            raise MediaError(f"{path} is damaged {float(time_s):.2f} seconds in; export it again")
        if frame.pts is not None and frame.time_base is not None:
            time_s = frame.pts * Fraction(frame.time_base)
        elif index:
            time_s += step
        yield _Frame(frame, time_s)


def _picture_stream(container: InputContainer) -> VideoStream | None:
    covers = Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & covers]
    return streams[0] if streams else None


def _own_rate(stream: VideoStream) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return min(Fraction(rate), Fraction(_MAX_OWN_FPS))


def _check_amount(path: Path, num_frames: int, num_bytes: int, *, limits: ReadLimits) -> None:
    if num_frames > limits.max_frames:
        raise MediaError(
            f"a clip may have {limits.max_frames} frames, got more in {path}; cut it first"
        )
    if num_bytes > limits.max_decoded_bytes:
        raise MediaError(
            f"a clip may take {limits.max_decoded_bytes // 2**20} MiB decoded, got more in {path}; "
            "cut it or scale it down first"
        )


def _check_complete(path: Path, stream: VideoStream, end_s: Fraction) -> None:
    if stream.duration is None or stream.time_base is None:
        return
    promised_s = stream.duration * Fraction(stream.time_base)
    if end_s < promised_s * Fraction(3, 4):
        raise MediaError(
            f"{path} breaks off after {float(end_s):.2f} of {float(promised_s):.2f} seconds; "
            "copy or export it again"
        )


def write_video(
    path: str | Path,
    frames: UInt8[np.ndarray, "F H W 3"],
    *,
    fps: int | Fraction,
    waveform: Float32[np.ndarray, "c s"] | None = None,
    sample_rate_hz: int = 44_100,
) -> None:
    """Write a clip as MP4 (H.264, AAC) or WebM (VP9, Opus), whole or not at all.

    Colours are tagged BT.709; an MP4 can be played while it loads.

    Args:
        path: Ends in .mp4, .webm or .gif (no sound).
        frames: At least one frame; sides even.
        fps: Frames a second.
        waveform: One or two channels that start with the first frame; None is silent.
        sample_rate_hz: Samples a second.

    Raises:
        MediaError: If the path cannot be written, or what is given cannot be encoded.
    """
    suffix = Path(path).suffix.lower()
    if not len(frames):
        raise MediaError("a clip needs at least one frame, got none; it cannot be written")
    if waveform is not None:
        waveform = checked(waveform)
    if suffix == ".gif":
        _write_gif(path, frames, fps=fps)
        return
    if suffix not in _ENCODERS:
        raise MediaError(
            f"a clip is written as .mp4, .webm or .gif, got {Path(path).name!r}; choose one"
        )
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise MediaError(
            f"the sides of a clip must be even, got {frames.shape[2]}x{frames.shape[1]}; fit it to "
            "an even size first"
        )
    if suffix == ".webm" and waveform is not None:
        waveform = resample(waveform, sample_rate_hz, _OPUS_RATE_HZ)
        sample_rate_hz = _OPUS_RATE_HZ
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    with whole_file(path) as part:
        try:
            with av.open(str(part), "w", options=options) as container:
                _encode(
                    container, frames, fps=Fraction(fps), waveform=waveform, rate=sample_rate_hz
                )
        except FFmpegError as error:
            raise MediaError(
                f"{path} could not be encoded ({error.strerror}); check size, rate and free space"
            ) from error


def _encode(
    container: OutputContainer,
    frames: UInt8[np.ndarray, "F H W 3"],
    *,
    fps: Fraction,
    waveform: Float32[np.ndarray, "c s"] | None,
    rate: int,
) -> None:
    suffix = ".webm" if "webm" in container.format.name else ".mp4"
    video_codec, options, audio_codec, bit_rate = _ENCODERS[suffix]
    video = cast(VideoStream, container.add_stream(video_codec, rate=fps, options=options))
    video.height, video.width = frames.shape[1:3]
    video.pix_fmt = "yuv420p"
    context = video.codec_context
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _VIDEO_RANGE
    audio = None
    if waveform is not None:
        layout = "stereo" if waveform.shape[0] == 2 else "mono"
        audio = cast(AudioStream, container.add_stream(audio_codec, rate=rate, layout=layout))
        audio.bit_rate = bit_rate
    sent = 0
    for index, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = index, 1 / fps
        container.mux(video.encode(frame))
        if audio is not None and waveform is not None:
            end = round((index + 1) / fps * rate)
            end = waveform.shape[1] if index == len(frames) - 1 else min(end, waveform.shape[1])
            if end > sent:
                container.mux(audio.encode(_sound(waveform[:, sent:end], start=sent, rate=rate)))
                sent = end
    container.mux(video.encode())
    if audio is not None:
        container.mux(audio.encode())


def _sound(samples: Float32[np.ndarray, "c s"], *, start: int, rate: int) -> av.AudioFrame:
    layout = "stereo" if samples.shape[0] == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


def _write_gif(
    path: str | Path, frames: UInt8[np.ndarray, "F H W 3"], *, fps: int | Fraction
) -> None:
    images = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    # A GIF counts in hundredths of a second: each frame ends at the nearest one.
    ends = [round(index * 100 / fps) for index in range(len(images) + 1)]
    lasting_ms = [10 * (end - start) for start, end in pairwise(ends)]
    with whole_file(path) as part:
        images[0].save(part, save_all=True, append_images=images[1:], duration=lasting_ms, loop=0)
