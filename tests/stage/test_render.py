import colorsys
from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ASPECT_RATIOS, ClipShape, size_for
from openreels.stage.actors import COLOUR_VALUES, outline
from openreels.stage.geometry import HULLS, floor_y
from openreels.stage.physics import contacts, pose
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import COLOURS, MATERIALS, PLACES, SHAPES, TIMES_OF_DAY
from openreels.stage.world import WorldSettings, sample_scene

SMALL = ClipShape(num_frames=9, height=64, width=64, fps=8)


def test_rendering_is_deterministic_and_a_batch_equals_its_singles():
    scenes = [sample_scene(3, index) for index in range(6)]
    batch = render_video(scenes, SMALL)
    assert torch.equal(batch, render_video(scenes, SMALL))
    assert batch.shape == (6, 3, 9, 64, 64)
    assert batch.min() >= -1
    assert batch.max() <= 1
    masks = render_masks(scenes, SMALL)
    for index, scene in enumerate(scenes):
        assert torch.equal(batch[index : index + 1], render_video([scene], SMALL))
        alone = render_masks([scene], SMALL)[0]
        assert torch.equal(masks[index, : len(alone)], alone)
        assert not masks[index, len(alone) :].any()


def test_every_second_frame_at_twice_the_rate_is_the_same_picture():
    slow = ClipShape(num_frames=9, height=48, width=48, fps=16)
    fast = ClipShape(num_frames=17, height=48, width=48, fps=32)
    settings = WorldSettings(duration_s=0.5)
    scenes = [sample_scene(4, index, settings=settings) for index in range(6)]
    assert torch.equal(render_video(scenes, slow), render_video(scenes, fast)[:, :, ::2])
    assert torch.equal(render_masks(scenes, slow), render_masks(scenes, fast)[:, :, ::2])


def test_a_scene_looks_the_same_at_four_times_the_size():
    scenes = [sample_scene(6, index) for index in range(4)]
    short = ClipShape(num_frames=1, height=64, width=64)
    large = ClipShape(num_frames=1, height=256, width=256)
    shrunk = torch.nn.functional.avg_pool3d(render_video(scenes, large), (1, 4, 4))
    error = (shrunk - render_video(scenes, short)).square().mean()
    assert error < 0.003


@pytest.mark.parametrize("ratio", ASPECT_RATIOS)
def test_actors_are_in_the_picture_at_every_ratio(ratio):
    height, width = size_for(ratio, 64)
    shape = ClipShape(num_frames=5, height=height, width=width, fps=4)
    settings = WorldSettings(aspect_ratio=ratio, duration_s=1.0)
    scenes = [sample_scene(8, index, settings=settings) for index in range(8)]
    masks = render_masks(scenes, shape)
    for scene, mask in zip(scenes, masks, strict=True):
        for index in range(len(scene.actors)):
            assert mask[index].flatten(1).any(1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_lowest_pixel_meets_the_floor_at_a_contact(shape, make_actor, make_scene):
    size = ClipShape(num_frames=5, height=128, width=128, fps=8)
    actor = make_actor(shape=shape, phase_s=0.0, action="bounce")
    scene = make_scene(replace(actor, phase_s=0.5 - contacts(make_scene(actor))[0].time_s))
    assert contacts(scene)[0].time_s == pytest.approx(4 / 8)
    mask = render_masks([scene], size)[0, 0]
    lowest = [int(frame.any(1).nonzero().max()) for frame in mask]
    expected = 64 * (1 - floor_y(scene))  # row of the floor
    assert abs(lowest[4] + 1 - expected) <= 1
    assert max(lowest[:4]) < lowest[4] - 3
    assert lowest[:4] == sorted(lowest[:4])


def test_mask_is_where_another_colour_changes_the_picture(make_actor, make_scene):
    back = make_actor(size="large", action="spin", start_x=-0.3, height=0.1)
    front = make_actor(size="small", action="spin", start_x=0.3, height=0.1, colour="cyan")
    scenes = [make_scene(back, front), make_scene(back, replace(front, colour="yellow"))]
    one, other = render_video(scenes, SMALL)
    change = (one - other).abs().amax(0)
    masks = render_masks(scenes[:1], SMALL)[0]
    assert torch.equal(masks, render_masks(scenes[1:], SMALL)[0])
    assert (change[masks[1]] > 0.5).float().mean() > 0.9
    assert ((change > 0.8) & ~masks[1]).sum() < 0.02 * masks[1].sum()
    assert not (masks[0] & masks[1]).any()
    assert masks[0].any()


def test_the_smaller_actor_hides_the_larger(make_actor, make_scene):
    back = make_actor(size="large", action="spin", start_x=0.0, height=0.1)
    front = make_actor(size="small", action="spin", start_x=0.0, height=0.1, colour="cyan")
    masks = render_masks([make_scene(back, front)], SMALL)[0]
    alone = render_masks([make_scene(front)], SMALL)[0]
    assert torch.equal(masks[1], alone[0])
    assert masks[0].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_outline_is_a_distance_that_fits_its_hull(shape):
    grid = torch.linspace(-1.5, 1.5, 301)
    u, v = torch.meshgrid(grid, grid, indexing="xy")
    distance = outline(shape, u, v)
    step = 0.01
    slope = distance.diff(dim=1).abs() / step
    assert slope.max() < 1.001  # never steeper than a distance
    corners, rounding = HULLS[shape]
    inside = distance < 0
    for angle in torch.linspace(0, 6.2, 12).tolist():
        x, y = torch.cos(torch.tensor(angle)).item(), torch.sin(torch.tensor(angle)).item()
        far = max(a * x + b * y for a, b in corners) + rounding
        assert (u * x + v * y)[inside].max().item() == pytest.approx(far, abs=0.025)


def test_hues_can_be_told_apart():
    hues = [360 * colorsys.rgb_to_hsv(*COLOUR_VALUES[colour])[0] for colour in COLOURS]
    gaps = [min((a - b) % 360, (b - a) % 360) for i, a in enumerate(hues) for b in hues[:i]]
    assert min(gaps) > 22
    assert min(colorsys.rgb_to_hsv(*COLOUR_VALUES[colour])[1] for colour in COLOURS) > 0.45


def _mean_colour(scene):
    pixels, mask = render_video([scene], SMALL)[0], render_masks([scene], SMALL)[0, 0]
    return pixels[:, mask].mean(1)


def test_materials_keep_the_hue_and_look_different(make_actor, make_scene):
    for colour in ("red", "green", "blue"):
        looks = []
        for material in MATERIALS:
            scene = make_scene(make_actor(colour=colour, material=material))
            mean = _mean_colour(scene)
            assert mean.argmax() == ("red", "green", "blue").index(colour)
            looks.append(render_video([scene], SMALL)[0])
        for i, first in enumerate(looks):
            for second in looks[:i]:
                assert (first[:, :1] - second[:, :1]).abs().max() > 0.2


def test_places_and_lights_look_different(make_actor, make_scene):
    pictures = {
        (place, time): render_video(
            [make_scene(make_actor(), place=place, time_of_day=time)],
            ClipShape(num_frames=1, height=64, width=64),
        )
        for place in PLACES
        for time in TIMES_OF_DAY
    }
    keys = list(pictures)
    for i, first in enumerate(keys):
        for second in keys[:i]:
            assert (pictures[first] - pictures[second]).abs().mean() > 0.03, (first, second)
    for place in PLACES:
        day, dusk, night = (pictures[place, time].mean().item() for time in TIMES_OF_DAY)
        assert day > dusk > night


def test_night_dims_the_place_more_than_the_actor(make_actor, make_scene):
    day, night = (make_scene(make_actor(), time_of_day=time) for time in ("day", "night"))
    lit = (render_video([day], SMALL) + 1) / 2, (render_video([night], SMALL) + 1) / 2
    mask = render_masks([day], SMALL)[0, 0]
    actor = lit[1][0, :, mask].mean() / lit[0][0, :, mask].mean()
    place = lit[1][0, :, ~mask].mean() / lit[0][0, :, ~mask].mean()
    assert place < 0.6 * actor


def test_the_camera_moves_the_picture(make_actor, make_scene):
    still = make_scene(make_actor(action="spin", phase_s=2.0), duration_s=1.0)

    def middle(camera):
        mask = render_masks([replace(still, camera=camera)], SMALL)[0, 0].float()
        return [(frame.sum(0) * torch.arange(64)).sum() / frame.sum() for frame in mask[[0, 8]]]

    def area(camera):
        mask = render_masks([replace(still, camera=camera)], SMALL)[0, 0]
        return [int(frame.sum()) for frame in mask[[0, 8]]]

    start, end = middle("pan right")
    assert (start - end).item() == pytest.approx(0.4 * 32, abs=0.5)
    start, end = middle("pan left")
    assert (end - start).item() == pytest.approx(0.4 * 32, abs=0.5)
    assert middle("static")[0] == middle("static")[1]
    near, far = area("zoom in")[1], area("zoom in")[0]
    assert near / far == pytest.approx(1.25**2, rel=0.05)
    assert area("zoom out") == [near, far]


def test_rubber_squashes_after_a_landing_and_wood_does_not(make_actor, make_scene):
    times = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    for material, deformed in (("rubber", True), ("wood", False)):
        scene = make_scene(make_actor(material=material))
        times[1] = contacts(scene)[0].time_s + 0.05
        squash = pose(scene, times).squash[0]
        assert squash[0] == 1
        assert (squash[1] < 0.9).item() is deformed
        assert squash[2] > 0.9


def test_no_scene_is_refused():
    with pytest.raises(ValueError, match="at least one scene"):
        render_video([], SMALL)
    with pytest.raises(ValueError, match="at least one scene"):
        render_masks([], SMALL)
