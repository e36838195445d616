import wave

import pytest

from openreels.core.errors import MediaError
from openreels.media.files import (
    ReadLimits,
    check_decoder,
    check_readable,
    check_writable,
    kind_of_output,
    open_media,
    whole_file,
)


def _interrupted(target):
    with whole_file(target) as part:
        part.write_text("half")
        raise KeyboardInterrupt


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a.bin"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    with whole_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_wrote_nothing_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="could not be written"), whole_file(tmp_path / "a.bin"):
        pass


def test_unwritable_outputs_are_refused(tmp_path):
    with pytest.raises(MediaError, match="folder of the output must exist"):
        check_writable(tmp_path / "none" / "a.mp4")
    with pytest.raises(MediaError, match="got the folder"):
        check_writable(tmp_path)
    with pytest.raises(MediaError, match="must be writable"):
        check_writable("/proc/a.mp4")
    assert check_writable(tmp_path / "a.mp4") == tmp_path / "a.mp4"
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_names_the_kind():
    assert [kind_of_output(f"x{s}") for s in (".MP4", ".wav", ".png")] == ["clip", "audio", "image"]
    with pytest.raises(MediaError, match=r"must end in one of \.mp4.*got 'x\.avi'"):
        kind_of_output("a/x.avi")


def test_missing_empty_and_large_files_are_refused(tmp_path):
    with pytest.raises(MediaError, match="must exist"):
        check_readable(tmp_path / "none.mp4")
    with pytest.raises(MediaError, match="a folder or device"):
        check_readable("/dev/zero")
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match="must not be empty"):
        check_readable(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"12345")
    with pytest.raises(MediaError, match="may have 4 bytes, got 5"):
        check_readable(tmp_path / "a.mp4", ReadLimits(max_file_bytes=4))


@pytest.mark.parametrize(
    "text",
    [
        "just words\n" * 40,
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "[Script Info]\nScriptType: v4.00+\n",
    ],
)
def test_text_named_as_a_clip_is_refused(tmp_path, text):
    (tmp_path / "a.mp4").write_text(text)
    opening = open_media(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="not a clip or a sound that can be decoded"), opening:
        pass


def test_a_stream_is_refused_only_without_a_decoder(tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(2_000))
    with open_media(path) as container:
        check_decoder(path, container.streams.audio[0])
    data = path.read_bytes()
    tag = data.index(b"fmt ") + 8
    path.write_bytes(data[:tag] + b"\x34\x12" + data[tag + 2 :])
    with open_media(path) as container, pytest.raises(MediaError, match=r"unknown one in .*a\.wav"):
        check_decoder(path, container.streams.audio[0])
