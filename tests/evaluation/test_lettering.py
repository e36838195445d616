from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.evaluation.lettering import letters_right, read_words
from openreels.stage.overlays import axes, draw_overlays
from openreels.stage.scene import LOGOS, Overlay
from openreels.stage.world import sample_scene

SHAPE = ClipShape(num_frames=5, height=64, width=64)


def shown(overlay: Overlay, *, shift: int = 0) -> torch.Tensor:
    """Grey frames with a little noise and an overlay."""
    scene = replace(sample_scene(1, 0), overlays=(overlay,))
    torch.manual_seed(0)
    image = 0.4 + 0.05 * torch.rand(5, 3, 64, 64)
    drawn = draw_overlays(image, scene, *axes(SHAPE))
    return (drawn * 2 - 1).transpose(0, 1).roll((shift, -shift), (2, 3))


@pytest.mark.parametrize(
    ("kind", "text", "spot"),
    [
        ("words", "GO2", "top"),
        ("watermark", "SAMPLE", "bottom right"),
        ("subtitle", "I CAN FLY", "bottom"),
    ],
)
@pytest.mark.parametrize("shift", [0, 1])
def test_words_are_read_back_also_a_pixel_aside(kind, text, spot, shift):
    overlay = Overlay(kind=kind, text=text, spot=spot)
    read = read_words(shown(overlay, shift=shift), overlay)
    assert read.text == text
    assert read.clear > 0.8


@pytest.mark.parametrize("logo", LOGOS)
def test_logos_are_told_apart(logo):
    overlay = Overlay(kind="logo", text=logo, spot="top left")
    other = Overlay(kind="logo", text=LOGOS[0], spot="top left")
    assert read_words(shown(overlay), other).text == logo


def test_what_is_not_there_is_not_read():
    asked = Overlay(kind="words", text="STOP", spot="top")
    torch.manual_seed(0)
    read = read_words(torch.rand(3, 5, 64, 64) * 2 - 1, asked)
    assert letters_right(read.text, "STOP") < 0.5
    assert read.clear < 0.6


def test_letters_are_counted_at_their_place():
    assert letters_right("GO", "GO") == 1
    assert letters_right("OG", "GO") == 0
    assert letters_right("G", "GO") == 0.5
    assert letters_right("A B", "A C") == 0.5
