from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.font import bitmap, icon
from openreels.stage.lexicon_looks import (
    HELD_OUT_SCREEN_WORDS,
    HELD_OUT_SUBTITLES,
    SCREEN_WORDS,
    SUBTITLES,
    WATERMARKS,
)
from openreels.stage.overlays import axes, dots, render_overlay_masks, spread
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import LOGOS, OVERLAYS, Overlay
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=5, height=64, width=64, fps=16)
TEXTS = {"words": "WOW", "subtitle": "LOOK AT ME", "watermark": "DEMO", "logo": "heart"}
SPOTS = {"words": "top", "subtitle": "bottom", "watermark": "top left", "logo": "bottom right"}


def _overlay(kind):
    return Overlay(kind=kind, text=TEXTS[kind], spot=SPOTS[kind])


def test_every_letter_and_logo_differs_from_the_others():
    drawings = [bitmap(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "]
    drawings += [icon(logo) for logo in LOGOS]
    for i, one in enumerate(drawings):
        for other in drawings[:i]:
            assert one.shape != other.shape or (one ^ other).sum() >= 2
    assert bitmap("GO").shape == (7, 11)
    with pytest.raises(ValueError, match="font"):
        bitmap("é")


@pytest.mark.parametrize("kind", OVERLAYS)
@pytest.mark.parametrize("size", [(64, 64), (64, 112), (112, 64)])
def test_masks_are_exactly_what_an_overlay_changes(kind, size):
    shape = ClipShape(num_frames=5, height=size[0], width=size[1], fps=16)
    scene = sample_scene(2, 1, settings=WorldSettings(cameras=("pan left",)))
    scenes = [scene, replace(scene, overlays=(_overlay(kind),))]
    without, with_it = render_video(scenes, shape)
    changed = (without - with_it).abs().amax(0) > 0
    mask = render_overlay_masks(scenes, shape)[1, 0]
    assert not (changed & ~mask).any()
    assert changed.sum() > 0.8 * mask.sum()
    assert mask.any(dim=(1, 2)).all()
    assert (mask == mask[:1]).all()  # the camera moves none
    assert not render_overlay_masks(scenes, shape)[0].any()


def test_letters_fall_on_pixels_and_can_be_read_back():
    x, y = axes(SHAPE)
    drawn = spread(Overlay(kind="subtitle", text="LETS GO", spot="bottom"), x, y)
    rows, columns = (drawn[1] > 0).nonzero().T
    part = drawn[0][0, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert torch.equal(part[1:-1, 2:-2] > 0.5, bitmap("LETS GO"))
    words = spread(Overlay(kind="words", text="GO", spot="top"), x, y)
    ink = (words[0].amin(0) > 0.9) & (words[1] > 0)
    rows, columns = ink.nonzero().T
    part = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert torch.equal(part[::2, ::2], bitmap("GO"))


def test_overlays_are_where_they_say_and_inside_the_picture():
    x, y = axes(SHAPE)
    for kind, text in (("words", "HELLO"), ("subtitle", "MY TURN"), ("watermark", "PREVIEW")):
        for spot in ("top", "bottom", "top left", "top right", "bottom left", "bottom right"):
            overlay = Overlay(kind=kind, text=text, spot=spot)
            cover = spread(overlay, x, y)[1] > 0
            assert cover.sum() == (dots(overlay).cover > 0).sum(), (kind, spot)
            middle = cover.nonzero().float().mean(0)
            assert (middle[0] < 32) == spot.startswith("top")
            if "left" in spot:
                assert middle[1] <= 32


def test_words_hide_the_actors_behind_them():
    scene = sample_scene(2, 1, settings=WorldSettings(cameras=("static",)))
    covered = replace(scene, overlays=(Overlay(kind="words", text="HELLO", spot="bottom"),))
    masks = render_masks([scene, covered], SHAPE)
    words = spread(covered.overlays[0], *axes(SHAPE))[1] > 0.5
    assert torch.equal(masks[1], masks[0] & ~words)


def test_lists_of_words_can_be_drawn_and_keep_some_for_evaluation():
    for kind, texts in (
        ("words", SCREEN_WORDS + HELD_OUT_SCREEN_WORDS),
        ("subtitle", SUBTITLES + HELD_OUT_SUBTITLES),
        ("watermark", WATERMARKS),
    ):
        assert len(set(texts)) == len(texts)
        for text in texts:
            assert Overlay(kind=kind, text=text, spot="bottom").text == text


@pytest.mark.parametrize(
    ("kind", "text"), [("words", "TOOLONG"), ("words", "hello"), ("subtitle", ""), ("logo", "cat")]
)
def test_what_cannot_be_drawn_is_refused(kind, text):
    with pytest.raises(ValueError, match="must be"):
        Overlay(kind=kind, text=text, spot="top")


def test_no_scene_is_refused():
    with pytest.raises(ValueError, match="at least one scene"):
        render_overlay_masks([], SHAPE)
