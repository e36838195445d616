import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.stage.geometry import (
    GRAVITY,
    HULLS,
    RESTITUTIONS,
    floor_y,
    half_size,
    lane_of,
    mass,
    radius,
    reach,
)
from openreels.stage.motion import elastic, tracks
from openreels.stage.physics import contacts, pose
from openreels.stage.scene import ACTIONS, MATERIALS, SHAPES
from openreels.stage.world import WorldSettings, sample_scene


def _at(scene, *times):
    return pose(scene, torch.tensor(times, dtype=torch.float64))


def _extreme_x(actor, placed, index, column, sign):
    """Outermost x of an actor to one side, from its turned hull."""
    corners, rounding = HULLS[actor.shape]
    angle = placed.angle[index, column].item()
    reach_x = max(sign * (x * math.cos(angle) - y * math.sin(angle)) for x, y in corners)
    return placed.x[index, column].item() + sign * radius(actor) * (reach_x + rounding)


def _scenes(count=60, **settings):
    world = WorldSettings(**settings)
    return [sample_scene(11, index, settings=world) for index in range(count)]


def test_actor_touches_its_surface_at_every_contact():
    seen = set()
    for scene in _scenes(120):
        for contact in contacts(scene):
            placed = _at(scene, contact.time_s)
            actor = scene.actors[contact.actor]
            seen.add((actor.action, contact.surface))
            if contact.surface == "floor":
                low = floor_y(scene, lane_of(scene, contact.actor))
                assert placed.bottom[contact.actor, 0].item() == pytest.approx(low, abs=1e-9)
            elif contact.surface == "post":
                gaps = [
                    abs(post.x - _extreme_x(actor, placed, contact.actor, 0, -post.normal))
                    for post in tracks(scene)[contact.actor].posts
                ]
                assert min(gaps) < 1e-9
            else:
                pair = sorted(
                    (contact.actor, actor.partner or 0), key=lambda k: placed.x[k, 0].item()
                )
                right_of_left = _extreme_x(scene.actors[pair[0]], placed, pair[0], 0, 1)
                left_of_right = _extreme_x(scene.actors[pair[1]], placed, pair[1], 0, -1)
                assert left_of_right == pytest.approx(right_of_left, abs=1e-9)
    assert seen == {
        ("bounce", "floor"),
        ("jump", "floor"),
        ("spin", "floor"),
        ("roll", "post"),
        ("swing", "post"),
        ("collide", "actor"),
        ("collide", "post"),
    }


def test_nothing_sinks_into_the_floor_or_passes_a_post():
    times = torch.linspace(0, 2, 801, dtype=torch.float64)
    for scene in _scenes(60):
        placed = pose(scene, times)
        for index, actor in enumerate(scene.actors):
            low = floor_y(scene, lane_of(scene, index))
            assert placed.bottom[index].min().item() > low - 1e-9
            for post in tracks(scene)[index].posts:
                corners, rounding = HULLS[actor.shape]
                angle = placed.angle[index]
                reaches = [
                    -post.normal * (x * torch.cos(angle) - y * torch.sin(angle)) for x, y in corners
                ]
                side = radius(actor) * (torch.stack(reaches).amax(0) + rounding)
                gap = post.normal * (placed.x[index] - post.x) - side
                assert gap.min().item() > -1e-9


def test_no_part_of_a_bouncing_outline_is_below_its_lowest_point(make_actor, make_scene):
    times = torch.linspace(0, 2, 401, dtype=torch.float64)
    for shape in SHAPES:
        scene = make_scene(make_actor(shape=shape, action="jump", height=0.4))
        placed, (corners, rounding) = pose(scene, times), HULLS[shape]
        turned = torch.stack([
            x * torch.sin(placed.angle[0]) + y * torch.cos(placed.angle[0]) for x, y in corners
        ])
        lowest = placed.y[0] + radius(scene.actors[0]) * (turned.amin(0) - rounding)
        torch.testing.assert_close(lowest, placed.bottom[0])
        assert lowest.min().item() > floor_y(scene) - 1e-9


@given(material=st.sampled_from(MATERIALS), height=st.floats(0.3, 1.2), phase=st.floats(0, 0.2))
def test_bounce_follows_gravity_and_restitution(material, height, phase, make_actor, make_scene):
    scene = make_scene(make_actor(material=material, height=height, phase_s=phase), duration_s=4.0)
    touches = contacts(scene)
    e = RESTITUTIONS[material]
    fall = math.sqrt(2 * height / GRAVITY)
    assert touches[0].time_s == pytest.approx(phase + fall)
    if len(touches) > 1:
        assert touches[1].time_s - touches[0].time_s == pytest.approx(2 * e * fall)
        assert touches[1].speed == pytest.approx(e * touches[0].speed)
        top = _at(scene, touches[0].time_s + e * fall)
        assert top.bottom[0, 0].item() - floor_y(scene) == pytest.approx(e * e * height)


def test_velocity_flips_at_a_bounce(make_actor, make_scene):
    scene = make_scene(make_actor())
    time, step = contacts(scene)[0].time_s, 1e-6
    placed = _at(scene, time - step, time, time + step)
    before, after = placed.y[0].diff().div(step).tolist()
    assert before < 0 < after
    assert after == pytest.approx(-RESTITUTIONS["rubber"] * before, rel=1e-4)


def test_mechanical_energy_is_constant_in_flight_and_falls_at_contacts(make_actor, make_scene):
    scene = make_scene(make_actor(), duration_s=3.0)
    times = torch.arange(0.11, 3, 0.001, dtype=torch.float64)
    y = pose(scene, times).bottom[0] - floor_y(scene)
    speed = (y[2:] - y[:-2]) / 0.002
    energy = speed**2 / 2 + GRAVITY * y[1:-1]
    marks = [contact.time_s for contact in contacts(scene)]
    middle = times[1:-1]
    levels = []
    for start, end in zip([0.11, *marks], [*marks, 3.0], strict=True):
        inside = energy[(middle > start + 0.005) & (middle < end - 0.005)]
        if len(inside):
            assert inside.max() - inside.min() < 1e-6
            levels.append(inside[0].item())
    assert len(levels) >= 3
    assert levels == sorted(levels, reverse=True)


@given(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-2, 2), st.floats(-2, 2))
def test_elastic_collision_keeps_momentum_and_energy(m, n, v, w):
    a, b = elastic((m, n), (v, w))
    assert m * a + n * b == pytest.approx(m * v + n * w, abs=1e-9)
    assert m * a**2 + n * b**2 == pytest.approx(m * v**2 + n * w**2, abs=1e-9)
    assert a - b == pytest.approx(w - v, abs=1e-9)


def test_collision_time_and_recoil_are_exact(make_actor, make_scene):
    left = make_actor(action="collide", start_x=-0.6, partner=1, size="small", material="metal")
    right = make_actor(
        action="collide", start_x=0.6, partner=0, shape="cube", direction="left", tempo=1.3
    )
    scene = make_scene(left, right)
    first = contacts(scene)[0]
    gap = 1.2 - reach(left, (1.0, 0.0)) - reach(right, (1.0, 0.0))
    speeds = _at(scene, 0.2, 0.3).x.diff()[:, 0] / 0.1
    assert first.time_s == pytest.approx(0.1 + gap / (speeds[0] - speeds[1]).item())
    assert first.surface == "actor"
    assert [contact.actor for contact in contacts(scene)[:2]] == [0, 1]
    after = _at(scene, first.time_s + 1e-4, first.time_s + 2e-4).x.diff()[:, 0] / 1e-4
    expected = elastic((mass(left), mass(right)), (speeds[0].item(), speeds[1].item()))
    assert after.tolist() == pytest.approx(list(expected), rel=1e-6)


def test_swing_is_a_pendulum_that_rebounds(make_actor, make_scene):
    scene = make_scene(make_actor(action="swing", height=0.6), duration_s=3.0)
    times = [contact.time_s for contact in contacts(scene)]
    gaps = torch.tensor(times).diff()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps))
    placed = _at(scene, times[0] - 1e-5, times[0], times[0] + 1e-5)
    before, after = placed.angle[0].diff().tolist()
    assert before == pytest.approx(-after, rel=1e-3)
    assert before > 0


def test_motion_is_continuous():
    times = torch.linspace(0, 2, 4001, dtype=torch.float64)
    for scene in _scenes(40):
        placed = pose(scene, times)
        assert placed.x.diff(dim=1).abs().max() < 6 * 0.0005
        assert placed.y.diff(dim=1).abs().max() < 8 * 0.0005


def test_contacts_are_sorted_inside_the_clip_and_early():
    counts = []
    for scene in _scenes(200):
        found = contacts(scene)
        times = [contact.time_s for contact in found]
        assert times == sorted(times)
        assert times[0] <= 0.9
        assert times[-1] < scene.duration_s
        assert all(0 < c.speed <= 1 and -1 <= c.x <= 1 for c in found)
        counts.append(len(set(times)))
    assert 3 < sum(counts) / len(counts) < 6


def test_contact_place_follows_the_camera(make_actor, make_scene):
    still = make_scene(make_actor(start_x=0.3, action="spin"))
    moved = replace(still, camera="pan right")
    zoomed = replace(still, camera="zoom in")
    (a,), (b,), (c,) = contacts(still), contacts(moved), contacts(zoomed)
    assert a.x == pytest.approx(0.3)
    assert b.x == pytest.approx(0.3 + 0.2 * (1 - a.time_s))  # looks left in the first half
    assert c.x == pytest.approx(0.3 * 1.25 ** (a.time_s / 2))


def test_wide_stage_spreads_start_positions(make_actor, make_scene):
    wide = make_scene(make_actor(start_x=0.5), aspect_ratio="16:9")
    assert half_size("16:9") == (1.75, 1.0)
    assert _at(wide, 0.0).x.item() == pytest.approx(0.875)


@pytest.mark.parametrize("action", [a for a in ACTIONS if a != "collide"])
def test_long_scenes_have_finite_motion(action, make_actor, make_scene):
    scene = make_scene(make_actor(action=action, height=0.4), duration_s=15.0)
    placed = pose(scene, torch.linspace(0, 15, 200, dtype=torch.float64))
    assert torch.isfinite(placed.x).all()
    assert torch.isfinite(placed.y).all()
    assert contacts(scene)
