from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.overlays import axes
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import COLOURS, STYLES, Face
from openreels.stage.styles import BRICK, Canvas, bricks, finish, flat_colours
from openreels.stage.world import WorldSettings, sample_scene

SHAPE = ClipShape(num_frames=1, height=64, width=64)
STILL = WorldSettings(cameras=("static",), places=("meadow",), actor_odds=(1.0, 0.0, 0.0))


def _canvas(side):
    x, y = axes(ClipShape(num_frames=1, height=side, width=side))
    return Canvas(x=x, y=y, pixel=2 / side)


def _scene(**changes):
    scene = sample_scene(1, 2, settings=STILL)
    actor = replace(scene.actors[0], size="large", material="rubber", **changes)
    return replace(scene, actors=(actor,), time_of_day="day")


def test_styles_look_different_and_are_deterministic():
    pictures = [render_video([replace(_scene(), style=style)], SHAPE) for style in STYLES]
    for i, one in enumerate(pictures):
        assert one.abs().max() <= 1
        for other in pictures[:i]:
            assert (one - other).abs().mean() > 0.04
    again = render_video([replace(_scene(), style="sketch")], SHAPE)
    assert torch.equal(again, pictures[STYLES.index("sketch")])


@pytest.mark.parametrize("style", STYLES)
def test_colours_can_still_be_told(style):
    """The mean colour of an actor is nearest to the plain one of its own name."""
    scenes = [replace(_scene(colour=colour), style=style) for colour in COLOURS]
    mask = render_masks(scenes[:1], SHAPE)[0, 0]

    def means(pictures):
        found = torch.stack([picture[:, mask].mean(1) for picture in pictures])
        return torch.nn.functional.normalize(found - found.mean(dim=1, keepdim=True), dim=1)

    plain = means(render_video([replace(scene, style="plain") for scene in scenes], SHAPE))
    styled = means(render_video(scenes, SHAPE))
    assert (styled @ plain.T).argmax(1).tolist() == list(range(len(COLOURS)))


@pytest.mark.parametrize("style", STYLES)
def test_a_style_looks_the_same_at_four_times_the_size(style):
    scene = replace(_scene(), style=style)
    large = render_video([scene], ClipShape(num_frames=1, height=256, width=256))
    shrunk = torch.nn.functional.avg_pool3d(large, (1, 4, 4))
    assert (shrunk - render_video([scene], SHAPE)).square().mean() < 0.03


@pytest.mark.parametrize("side", [64, 128])
def test_a_mosaic_has_whole_tiles_and_so_has_its_mask(side):
    shape, tile = ClipShape(num_frames=1, height=side, width=side), round(BRICK * side / 2)
    rows, columns = bricks(_canvas(side))
    assert rows.view(-1, tile).eq(rows[::tile, None]).all()
    assert torch.equal(rows, columns)
    scene = replace(_scene(), style="mosaic")
    mask = render_masks([scene], shape)[0, 0, 0]
    blocks = mask.view(side // tile, tile, side // tile, tile).float().mean(dim=(1, 3))
    assert set(blocks.flatten().tolist()) == {0.0, 1.0}
    plain = render_masks([replace(scene, style="plain")], shape)[0, 0, 0]
    assert (mask ^ plain).sum() < 0.25 * plain.sum()


def test_flat_colours_have_few_levels_and_keep_the_hue():
    ramp = torch.linspace(0.05, 0.9, 200).view(1, 1, 1, -1) * torch.tensor([1.0, 0.6, 0.3]).view(
        1, 3, 1, 1
    )
    flat = flat_colours(ramp, 5.0)
    assert 3 <= len(flat[0, 2, 0].mul(1e4).round().unique()) <= 6
    assert torch.allclose(flat[:, 1] / flat[:, 2], torch.tensor(2.0), atol=1e-3)


def test_plain_changes_nothing():
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert finish(image, "plain", _canvas(16)) is image


def test_a_face_shows_in_every_style():
    for style in STYLES:
        bare = replace(_scene(colour="orange"), style=style)
        actor = replace(bare.actors[0], face=Face(expression="happy"))
        one, other = render_video([bare, replace(bare, actors=(actor,))], SHAPE)
        changed = (one - other).abs().amax(0) > 0.5
        mask = render_masks([bare], SHAPE)[0, 0]
        assert 0.06 < changed.sum() / mask.sum() < 0.6
        assert not (changed & ~mask).any()
