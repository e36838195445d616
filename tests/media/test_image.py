import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openreels.core.errors import MediaError
from openreels.media.files import ReadLimits
from openreels.media.image import crop_box, fit_frames, fit_masks, read_image, write_image


def test_png_round_trip_is_exact(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", frame)
    assert np.array_equal(read_image(tmp_path / "a.png"), frame)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60))
def test_the_crop_has_the_shape_wanted_is_centred_and_touches_two_sides(
    rows, columns, height, width
):
    left, top, right, bottom = crop_box(rows, columns, height=height, width=width)
    assert (right - left) * height == pytest.approx((bottom - top) * width)
    assert left == pytest.approx(columns - right)
    assert top == pytest.approx(rows - bottom)
    assert min(left, top) == pytest.approx(0, abs=1e-9)


def test_fitting_cuts_the_long_side_in_the_middle():
    frames = np.zeros((2, 10, 30, 3), np.uint8)
    frames[:, :, 10:20] = 250
    fitted = fit_frames(frames, 5, 5)
    assert fitted.shape == (2, 5, 5, 3)
    assert fitted[:, :, 1:4].min() == 250
    assert fit_frames(frames, 10, 30) is frames


def test_a_mask_covers_every_cell_it_touches():
    mask = np.zeros((1, 32, 32), bool)
    mask[0, 9, 17] = True
    fitted = fit_masks(mask, 4, 4)
    assert fitted.sum() == 1
    assert fitted[0, 1, 2]
    assert fit_masks(fitted, 8, 8).sum() == 4


def test_transparency_lies_on_black_and_16_bits_are_kept_in_range(tmp_path):
    Image.fromarray(np.full((4, 4, 4), (200, 100, 50, 0), np.uint8)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() == 0
    Image.fromarray(np.full((4, 4), 128 * 256, np.uint16)).save(tmp_path / "b.png")
    assert np.unique(read_image(tmp_path / "b.png")).tolist() == [128]
    Image.new("P", (4, 4)).save(tmp_path / "c.png")
    assert read_image(tmp_path / "c.png", size=(2, 6)).shape == (2, 6, 3)


def test_a_picture_taken_sideways_is_turned_upright(tmp_path):
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (6, 4, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_its_eight_rules_say(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    turned = np.rot90(stored, {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0))
    upright = np.fliplr(turned) if orientation in (2, 4, 5, 7) else turned
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 0], upright)


def test_a_field_of_the_wrong_type_beside_the_orientation_is_no_matter(tmp_path):
    width = struct.pack(">HHI4s", 0x0100, 2, 4, b"abc\0")
    turn = struct.pack(">HHI4s", 0x0112, 3, 1, b"\0\6\0\0")
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + width + turn + bytes(4)
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (6, 4, 3)


def huge_png(path, side):
    """A PNG whose header promises far more than the file holds."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in parts:
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    path.write_bytes(data)
    return path


def test_a_huge_picture_is_refused_by_its_header(tmp_path):
    with pytest.raises(MediaError, match=r"may have 40 million pixels, got .* scale it down"):
        read_image(huge_png(tmp_path / "huge.png", 20_000))
    with pytest.raises(MediaError, match=r"got 10000x10000"):
        read_image(huge_png(tmp_path / "large.png", 10_000))
    Image.new("RGB", (5, 5)).save(tmp_path / "small.png")
    with pytest.raises(MediaError, match=r"got 5x5"):
        read_image(tmp_path / "small.png", limits=ReadLimits(max_pixels=24))


@pytest.mark.parametrize("cut", [60, 200])
def test_what_is_no_picture_is_refused(tmp_path, cut):
    (tmp_path / "text.png").write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:cut])
    for name in ("text.png", "cut.png"):
        with pytest.raises(MediaError, match="not a picture that can be decoded"):
            read_image(tmp_path / name)


def test_an_unknown_suffix_leaves_nothing(tmp_path):
    with pytest.raises(MediaError, match="written as"):
        write_image(tmp_path / "a.xyz", np.zeros((2, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_an_impossible_size_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        fit_frames(np.zeros((1, 2, 2, 3), np.uint8), 0, 4)
