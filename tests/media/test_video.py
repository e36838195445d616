import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from openreels.core.errors import MediaError
from openreels.media.audio import read_waveform
from openreels.media.clip import read_clip
from openreels.media.files import ReadLimits
from openreels.media.video import probe, write_video


def click_track(num_samples, at):
    """A short burst of noise at one place, the same every time."""
    sound = np.zeros((2, num_samples), np.float32)
    sound[:, at : at + 64] = np.random.default_rng(1).uniform(-0.8, 0.8, 64)
    return sound


def lag_of(heard, played):
    size = len(heard) + len(played)
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    peak = int(np.argmax(np.fft.irfft(product, size)))
    return peak if peak < size // 2 else peak - size


@pytest.mark.parametrize(("suffix", "fps"), [(".mp4", 16), (".webm", Fraction(30_000, 1001))])
def test_sound_and_picture_come_back_aligned(tmp_path, moving_frames, suffix, fps):
    num_samples = round(24 / fps * 44_100)
    sound = click_track(num_samples, 11_025)
    path = tmp_path / f"a{suffix}"
    write_video(path, moving_frames, fps=fps, waveform=sound)
    clip = read_clip(path)
    assert clip.frames.shape == moving_frames.shape
    assert clip.fps == pytest.approx(fps, rel=1e-3)
    assert np.abs(clip.frames.astype(int) - moving_frames).mean() < 6
    for index in range(24):
        errors = [np.abs(clip.frames[index].astype(int) - other).sum() for other in moving_frames]
        assert int(np.argmin(errors)) == index
    assert clip.waveform.shape == (2, num_samples)
    assert abs(lag_of(clip.waveform[0], sound[0])) <= 1


@pytest.mark.parametrize("colour", [(200, 40, 30), (20, 60, 210)])
def test_flat_colours_survive(tmp_path, colour):
    frames = np.full((5, 16, 16, 3), colour, np.uint8)
    for suffix in (".mp4", ".webm"):
        write_video(tmp_path / f"a{suffix}", frames, fps=16)
        clip = read_clip(tmp_path / f"a{suffix}")
        assert clip.waveform is None
        assert np.abs(clip.frames.astype(int) - colour).max() <= 4
        with av.open(str(tmp_path / f"a{suffix}")) as container:
            frame = next(container.decode(video=0))
            assert frame.colorspace == 1
            assert frame.format.name == "yuv420p"


def test_an_mp4_can_be_played_while_it_loads(tmp_path, moving_frames):
    write_video(tmp_path / "a.mp4", moving_frames, fps=16, waveform=click_track(66_150, 9))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    facts = probe(tmp_path / "a.mp4")
    assert (facts.width, facts.height, facts.fps, facts.sample_rate_hz) == (48, 32, 16.0, 44_100)
    assert (facts.video_codec, facts.audio_codec, facts.channels) == ("h264", "aac", 2)
    assert facts.duration_s == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize(("fps", "expected"), [(8, 12), (32, 48), (12, 18)])
def test_another_rate_takes_the_nearest_frame_in_time(tmp_path, moving_frames, fps, expected):
    write_video(tmp_path / "a.mp4", moving_frames, fps=16)
    whole = read_clip(tmp_path / "a.mp4")
    clip = read_clip(tmp_path / "a.mp4", fps=fps)
    assert clip.num_frames == expected
    for index, frame in enumerate(clip.frames):
        places = [k for k in range(24) if np.array_equal(whole.frames[k], frame)]
        assert min(abs(k / 16 - index / fps) for k in places) <= 0.5 / 16 + 1e-9


def test_uneven_frame_times_are_followed(tmp_path):
    levels = [0, 80, 160, 240]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "bgr0"
        for level, time_ms in zip(levels, [0, 100, 600, 700], strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), level, np.uint8), "rgb24")
            frame = frame.reformat(format="bgr0")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip = read_clip(tmp_path / "a.mkv", fps=10)
    assert clip.frames[:, 0, 0, 0].tolist()[:7] == [0, 80, 80, 80, 160, 160, 160]
    assert clip.frames[7, 0, 0, 0] == 240


def test_frames_are_fitted_while_they_are_read(tmp_path, moving_frames):
    write_video(tmp_path / "a.mp4", moving_frames, fps=16)
    assert read_clip(tmp_path / "a.mp4", size=(16, 16)).frames.shape == (24, 16, 16, 3)


def test_a_cut_or_garbled_file_is_refused(tmp_path, moving_frames):
    noisy = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", noisy, fps=16)
    data = (tmp_path / "a.mp4").read_bytes()
    for name, bad in {
        "half.mp4": data[: len(data) // 2],
        "head.mp4": data[:100],
        "noise.mp4": data[:4] + bytes(noisy[:4].tobytes()),
        "garbled.mp4": data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    }.items():
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(MediaError, match=r"^[^\n]+$"):
            read_clip(tmp_path / name)


def test_a_sound_is_no_clip(tmp_path, write_sound):
    path = write_sound(tmp_path / "a.m4a", click_track(9_000, 100), rate=44_100)
    with pytest.raises(MediaError, match="a clip needs a picture"):
        read_clip(path)


def test_a_picture_track_without_frames_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=16)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
    with pytest.raises(MediaError, match=r"a clip needs (frames|a picture), got .* give"):
        read_clip(tmp_path / "a.mp4")


def test_limits_hold_on_the_header_and_while_decoding(tmp_path, moving_frames):
    write_video(tmp_path / "a.mp4", moving_frames, fps=16)
    for limits, message in [
        (ReadLimits(max_duration_s=1.0), "may last 1 seconds, got 1.5"),
        (ReadLimits(max_pixels=1000), "got 48x32"),
        (ReadLimits(max_frames=10), "may have 10 frames"),
        (ReadLimits(max_decoded_bytes=2**16), "MiB decoded"),
        (ReadLimits(max_file_bytes=100), "may have 100 bytes"),
    ]:
        with pytest.raises(MediaError, match=message):
            read_clip(tmp_path / "a.mp4", limits=limits)


def test_ten_hours_are_refused_before_decoding(tmp_path):
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    write_video(tmp_path / "a.mp4", frames, fps=Fraction(1, 15_000))
    with pytest.raises(MediaError, match=r"may last 60 seconds, got 4[0-9]{4}"):
        read_clip(tmp_path / "a.mp4")


def test_what_cannot_be_written_leaves_nothing(tmp_path, moving_frames):
    sound = click_track(66_150, 9)
    nan = sound.copy()
    nan[0, 5] = np.nan
    for frames, options, message in [
        (moving_frames[:, :31], {}, "sides of a clip must be even, got 48x31"),
        (moving_frames[:0], {}, "at least one frame"),
        (moving_frames, {"waveform": nan}, "finite numbers"),
        (moving_frames, {"waveform": np.zeros((6, 9), np.float32)}, "one or two channels"),
    ]:
        with pytest.raises(MediaError, match=message):
            write_video(tmp_path / "a.mp4", frames, fps=16, **options)
    with pytest.raises(MediaError, match="written as"):
        write_video(tmp_path / "a.avi", moving_frames, fps=16)
    assert list(tmp_path.iterdir()) == []


def test_a_gif_moves(tmp_path, moving_frames):
    write_video(tmp_path / "a.gif", moving_frames, fps=10)
    clip = read_clip(tmp_path / "a.gif")
    assert clip.num_frames == 24
    assert clip.fps == 10


def test_a_picture_of_an_unknown_codec_is_refused_and_its_sound_read(tmp_path, moving_frames):
    write_video(tmp_path / "a.mp4", moving_frames, fps=16, waveform=click_track(66_150, 9))
    data = (tmp_path / "a.mp4").read_bytes().replace(b"avc1", b"zzzz")
    (tmp_path / "odd.mp4").write_bytes(data)
    for read in (read_clip, probe):
        with pytest.raises(MediaError, match=r"^the picture of a media file must have a codec"):
            read(tmp_path / "odd.mp4")
    assert read_waveform(tmp_path / "odd.mp4").shape[1] >= 66_150


def test_the_facts_of_a_sound_of_an_unknown_format_are_refused(tmp_path, write_sound):
    path = write_sound(tmp_path / "a.wav", click_track(9_000, 100), rate=44_100)
    data = path.read_bytes()
    tag = data.index(b"fmt ") + 8
    path.write_bytes(data[:tag] + b"\x34\x12" + data[tag + 2 :])
    with pytest.raises(MediaError, match=r"^the sound of a media file must have a codec"):
        probe(path)


@pytest.mark.parametrize(("fps", "seconds"), [(16, 3.0), (32, 1.5), (Fraction(24), 2.0)])
def test_a_gif_lasts_as_long_as_its_clip(tmp_path, moving_frames, fps, seconds):
    frames = np.concatenate([moving_frames, moving_frames[:, ::-1]])
    write_video(tmp_path / "a.gif", frames, fps=fps)
    with Image.open(tmp_path / "a.gif") as image:
        lasting_ms = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert len(lasting_ms) == 48
    assert sum(lasting_ms) == 1000 * seconds
    assert max(abs(one - float(1000 / fps)) for one in lasting_ms) < 10
    assert read_clip(tmp_path / "a.gif", fps=fps).num_frames == 48


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_no_frame_is_in_memory_twice(tmp_path, moving_frames, suffix):
    frames = np.tile(moving_frames, (2, 4, 4, 1))
    write_video(tmp_path / f"a{suffix}", frames, fps=20)
    tracemalloc.start()
    try:
        clip = read_clip(tmp_path / f"a{suffix}", fps=20, size=(96, 160))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert clip.frames.shape == (48, 96, 160, 3)
    assert clip.frames.nbytes < peak < 1.5 * clip.frames.nbytes


def test_a_clip_that_does_not_tell_its_length_is_read_whole(tmp_path, moving_frames):
    with av.open(str(tmp_path / "a.mkv"), "w", options={"live": "1"}) as container:
        stream = container.add_stream("ffv1", rate=16)
        stream.height, stream.width = moving_frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for index, pixels in enumerate(moving_frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = index, Fraction(1, 16)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.duration is None
    assert np.array_equal(read_clip(tmp_path / "a.mkv", fps=16).frames, moving_frames)
