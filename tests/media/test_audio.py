import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.errors import MediaError
from openreels.media.audio import fit_length, read_waveform, resample, write_wav
from openreels.media.files import ReadLimits


def tone(rate, *, seconds=0.5, hertz=440.0, channels=2):
    time_s = np.arange(round(seconds * rate)) / rate
    return np.tile(0.4 * np.sin(2 * np.pi * hertz * time_s), (channels, 1)).astype(np.float32)


def lag_of(heard, played):
    """Samples by which ``heard`` is late, by cross-correlation."""
    size = len(heard) + len(played)
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    peak = int(np.argmax(np.fft.irfft(product, size)))
    return peak if peak < size // 2 else peak - size


def test_wav_round_trip_is_exact_to_16_bits(tmp_path):
    sound = np.stack([tone(44_100)[0], -tone(44_100, hertz=300)[0]])
    write_wav(tmp_path / "a.wav", sound, 44_100)
    assert np.abs(read_waveform(tmp_path / "a.wav") - sound).max() < 1 / 32_000


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_any_rate_becomes_44100_at_the_same_place(tmp_path, rate, suffix, write_sound):
    path = write_sound(tmp_path / f"a{suffix}", tone(rate), rate=rate)
    heard = read_waveform(path)
    assert heard.shape == (2, 22_050)
    middle = slice(2_000, 20_000)
    assert np.abs(heard[:, middle] - tone(44_100)[:, middle]).max() < 2e-3


def test_mono_is_on_both_sides_at_full_level(tmp_path, write_sound):
    path = write_sound(tmp_path / "a.wav", tone(44_100, channels=1), rate=44_100, layout="mono")
    heard = read_waveform(path)
    assert np.array_equal(heard, tone(44_100))


def test_surround_is_mixed_to_stereo_by_side(tmp_path, write_sound):
    sound = np.zeros((6, 44_100), np.float32)
    sound[0] = tone(44_100, seconds=1)[0]
    heard = read_waveform(write_sound(tmp_path / "a.wav", sound, rate=44_100, layout="5.1"))
    assert heard.shape == (2, 44_100)
    assert np.abs(heard[0]).max() > 0.1
    assert np.abs(heard[1]).max() < 1e-4


def test_lossy_sound_stays_in_place(tmp_path, write_sound):
    click = np.zeros((2, 44_100), np.float32)
    click[:, 20_000:20_040] = np.random.default_rng(0).uniform(-0.8, 0.8, 40)
    heard = read_waveform(write_sound(tmp_path / "a.m4a", click, rate=44_100))
    assert abs(lag_of(heard[0], click[0])) <= 1


@given(st.integers(1, 4000), st.sampled_from([8_000, 44_100, 48_000]))
def test_resampling_keeps_the_length_in_seconds(length, rate):
    sound = np.zeros((2, length), np.float32)
    assert resample(sound, rate, 44_100).shape == (2, round(length * 44_100 / rate))


def test_fit_length_cuts_or_pads_the_end():
    sound = np.ones((2, 3), np.float32)
    assert fit_length(sound, 5).tolist() == [[1, 1, 1, 0, 0]] * 2
    assert fit_length(sound, 2).tolist() == [[1, 1]] * 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sound_that_is_not_finite_is_refused_both_ways(tmp_path, value, write_sound):
    sound = tone(44_100)
    sound[1, 7] = value
    with pytest.raises(MediaError, match="finite numbers, got NaN or infinity"):
        write_wav(tmp_path / "out.wav", sound, 44_100)
    assert not (tmp_path / "out.wav").exists()
    with pytest.raises(MediaError, match="finite numbers, got NaN or infinity"):
        read_waveform(write_sound(tmp_path / "a.wav", sound, rate=44_100))


def test_a_wav_without_samples_is_refused(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
    with pytest.raises(MediaError, match=r"no sound that can be decoded|cannot|can be decoded"):
        read_waveform(tmp_path / "a.wav")


def test_a_long_sound_is_refused_by_its_header(tmp_path, write_sound):
    """Ten hours of silence: 3 GB of samples that are never made."""
    header = write_sound(tmp_path / "a.wav", tone(8_000, seconds=0.1), rate=8_000).read_bytes()
    data = header.index(b"data")
    num_bytes = 10 * 3600 * 8_000 * 8
    long = header[:4] + (num_bytes + data).to_bytes(4, "little") + header[8 : data + 4]
    with (tmp_path / "long.wav").open("wb") as file:
        file.write(long + num_bytes.to_bytes(4, "little"))
        file.truncate(num_bytes + data + 8)
    limits = ReadLimits(max_file_bytes=2**40)
    with pytest.raises(MediaError, match=r"may last 60 seconds, got 36000"):
        read_waveform(tmp_path / "long.wav", limits=limits)
    path = write_sound(tmp_path / "b.wav", tone(44_100), rate=44_100)
    with pytest.raises(MediaError, match=r"may last 0\.2 seconds, got 0\.5"):
        read_waveform(path, limits=ReadLimits(max_duration_s=0.2))


def test_three_channels_cannot_be_written(tmp_path):
    with pytest.raises(MediaError, match="one or two channels, got 3"):
        write_wav(tmp_path / "a.wav", np.zeros((3, 9), np.float32), 44_100)


def test_a_sound_of_an_unknown_format_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", tone(44_100), 44_100)
    data = (tmp_path / "a.wav").read_bytes()
    tag = data.index(b"fmt ") + 8
    (tmp_path / "odd.wav").write_bytes(data[:tag] + b"\x34\x12" + data[tag + 2 :])
    with pytest.raises(MediaError, match=r"^the sound of a media file must have a codec [^\n]+$"):
        read_waveform(tmp_path / "odd.wav")
