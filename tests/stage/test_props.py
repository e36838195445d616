import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.captions_props import prop_caption
from openreels.stage.props import (
    ENTRY_S,
    LICENCES,
    Prop,
    prop_calls,
    prop_places,
    prop_table,
    render_prop_sounds,
    render_props,
    sample_prop_scene,
)

SHAPE = ClipShape(num_frames=9, height=48, width=64, fps=4)
SCENES = [sample_prop_scene(1, index, aspect_ratio="4:3") for index in range(60)]


@pytest.fixture(scope="module")
def made():
    """Props of one colour each, round, that click; no package is needed."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    inside = (x * x + y * y < 1).float()
    props = {}
    for number, (name, entry) in enumerate(prop_table().items()):
        colour = torch.tensor([number % 2, 0.2, 1 - number % 2]).view(3, 1, 1).expand(3, 64, 64)
        sound = torch.exp(-torch.arange(2_000) / 400)
        props[name] = Prop(entry=entry, picture=torch.cat((colour, inside[None])), sound=sound)
    return props


def test_the_table_has_enough_free_props():
    table = prop_table()
    assert len(table) >= 24
    for entry in table.values():
        assert {entry.picture_licence, entry.sound_licence} <= LICENCES
        assert entry.verb != entry.rare_verb
    assert len({entry.sound for entry in table.values()}) == len(table)


def test_scenes_are_deterministic_and_props_call_in_turn():
    counts, entered = set(), 0
    for index, scene in enumerate(SCENES):
        assert scene == sample_prop_scene(1, index, aspect_ratio="4:3")
        calls = prop_calls(scene)
        assert calls
        assert all(0 <= call.time_s < scene.duration_s for call in calls)
        order = list(dict.fromkeys(call.name for call in calls))
        assert order == [actor.name for actor in scene.actors]
        for actor in scene.actors:
            counts.add(len(actor.calls))
            entered += actor.enters is not None
            x, hop = prop_places(scene, torch.tensor([0.0, *actor.calls]))
            number = scene.actors.index(actor)
            assert torch.allclose(x[number, 1:], torch.tensor(actor.x).double())
            assert hop[number].abs().max() < 1e-6, "it hops after a call, not before"
            if actor.enters:
                assert abs(float(x[number, 0])) > 1.5
                assert actor.calls[0] == pytest.approx(actor.enter_s + ENTRY_S)
    assert counts >= {1, 2}
    assert entered > 10
    with pytest.raises(ValueError, match="at least 2 seconds"):
        sample_prop_scene(1, 0, duration_s=1.0)


def test_a_prop_is_drawn_where_it_is(made):
    for scene in SCENES[:6]:
        clip, masks = render_props(scene, made, SHAPE)
        assert clip.shape == (3, 9, 48, 64)
        assert masks.shape[0] == len(scene.actors)
        for number, actor in enumerate(scene.actors):
            mask = masks[number, -1]
            columns = (torch.arange(64) + 0.5) / 32 - 1
            centre = float((mask.sum(0) * columns).sum() / mask.sum())
            assert centre == pytest.approx(actor.x, abs=0.03)
            tall = mask.any(1).sum() * 2 / 48
            assert float(tall) == pytest.approx(actor.height, abs=0.06)
            seen = (clip[:, -1][:, mask].mean(1) + 1) / 2
            colour = made[actor.name].picture[:3, 32, 32]
            assert torch.allclose(seen, colour, atol=0.12)


def test_calls_begin_at_their_exact_times(made):
    for scene in SCENES[:10]:
        wave = render_prop_sounds([scene], made, 88_200)[0]
        calls = prop_calls(scene)
        first = int((wave.abs().amax(0) > 1e-4).to(torch.uint8).argmax())
        assert first == pytest.approx(calls[0].time_s * 44_100, abs=1)
        left, right = wave.square().sum(1).sqrt().tolist()
        if len(scene.actors) == 1 and abs(calls[0].x) > 0.02:
            assert (right > left) == (calls[0].x > 0)
        for call in calls:
            at = round(call.time_s * 44_100)
            assert wave[:, at : at + 40].abs().max() > 0.05


def test_captions_name_props_in_order_and_how_often_they_call():
    seen = kept = frozenset()
    for scene in SCENES:
        text = prop_caption(scene, 0)
        assert text == prop_caption(scene, 0)
        places = [text.lower().index(actor.name) for actor in scene.actors]
        assert places == sorted(places)
        for actor in scene.actors:
            assert prop_table()[actor.name].verb in text
            if len(actor.calls) == 2:
                assert "twice" in text
        seen |= {prop_caption(scene, variant) for variant in range(4)}
        kept |= {prop_caption(scene, variant, held_out=True) for variant in range(4)}
    assert not seen & kept
