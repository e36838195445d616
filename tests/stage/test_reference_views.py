from dataclasses import replace

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.actors import COLOUR_VALUES
from openreels.stage.geometry import floor_y, lane_of, reach
from openreels.stage.music import chords
from openreels.stage.physics import contacts, pose
from openreels.stage.reference_views import (
    Dice,
    ambience_sample,
    effect_double,
    face_double,
    motion_double,
    moved_elsewhere,
    music_sample,
    place_picture,
    style_picture,
    subject_views,
    voice_sample,
)
from openreels.stage.references import (
    ROLES,
    StageReference,
    Still,
    render_reference,
    render_still,
)
from openreels.stage.render import render_moments
from openreels.stage.scene import Effect
from openreels.stage.world import WorldSettings, sample_scene

LOOKS = WorldSettings(
    face_share=0.5, style_share=0.4, speech_share=0.6, narrator_share=0.2, music_share=0.6,
    ambience_share=0.6, instrument_share=0.3, actor_odds=(0.5, 0.3, 0.2),
)  # fmt: skip
SCENES = [sample_scene(6, index, settings=LOOKS) for index in range(60)]
SHAPE = ClipShape(num_frames=5, height=48, width=48, fps=4)
TIMES = torch.linspace(0, 2, 41, dtype=torch.float64)


def hue(colour):
    return (colour - colour.mean()) / (colour - colour.mean()).norm()


def test_views_show_the_looks_of_the_actor_elsewhere():
    shown = 0
    for scene in SCENES[:12]:
        views = subject_views(scene, 0, 3)
        assert views == subject_views(scene, 0, 3)
        assert views[:2] == subject_views(scene, 0, 2)
        assert len(set(views)) == 3 != len({*views, *subject_views(scene, 0, 3, 1)})
        for view in views:
            body, looks = scene.actors[0], view.scene.actors[0]
            for name in ("shape", "colour", "material", "size", "face"):
                assert getattr(body, name) == getattr(looks, name)
            assert view.scene.place != scene.place
            _, mask = render_moments(view.scene, [view.time_s], SHAPE)
            inside = mask[0, 0]
            assert inside.sum() > 60
            edge = torch.cat((inside[0], inside[-1], inside[:, 0], inside[:, -1]))
            assert not edge.any(), "the whole actor is in the picture"
            seen = (render_still(view, SHAPE)[:, inside].mean(1) + 1) / 2
            if body.face is None and body.material == "rubber":
                likeness = {
                    name: float(hue(seen) @ hue(torch.tensor(value)))
                    for name, value in COLOUR_VALUES.items()
                }
                assert max(likeness, key=likeness.get) == body.colour
                shown += 1
    assert shown > 3
    with pytest.raises(ValueError, match="1 to 5 views"):
        subject_views(SCENES[0], 0, 6)


def test_a_plain_backdrop_hides_everything_but_the_actor():
    views = [view for scene in SCENES for view in subject_views(scene, 0, 2)]
    plain = [view for view in views if view.backdrop is not None]
    assert 0.2 < len(plain) / len(views) < 0.5
    picture = render_still(plain[0], SHAPE)
    mask = render_moments(plain[0].scene, [plain[0].time_s], SHAPE)[1][0, 0]
    backdrop = torch.tensor(plain[0].backdrop).view(3, 1, 1) * 2 - 1
    far = torch.nn.functional.max_pool2d(mask[None].float(), 5, 1, 2)[0] == 0
    assert torch.allclose((picture - backdrop).abs().amax(0)[far], torch.zeros(1), atol=1e-6)


def test_a_double_moves_exactly_as_the_actor_does():
    compared = 0
    for scene in SCENES:
        for index, body in enumerate(scene.actors):
            if body.partner is not None:
                with pytest.raises(ValueError, match="must act alone"):
                    motion_double(scene, index)
                continue
            double = motion_double(scene, index)
            other = double.actors[0]
            assert double == motion_double(scene, index)
            assert other.shape != body.shape
            assert other.colour != body.colour
            assert other.material != body.material
            assert double.place != scene.place
            mine, its = pose(scene, TIMES), pose(double, TIMES)
            assert torch.equal(mine.x[index], its.x[0])
            if body.action == "swing":
                heights = (mine.y[index] - mine.y[index].min(), its.y[0] - its.y[0].min())
                assert torch.allclose(*heights, atol=1e-12)
            else:  # in the air the rise is the same, on the floor the lowest point
                lane, down = floor_y(scene, lane_of(scene, index)), (0.0, -1.0)
                stood = mine.y[index] - lane - reach(body, down)
                rise = (stood - (its.y[0] - floor_y(double) - reach(other, down))).abs()
                low = (mine.bottom[index] - lane - (its.bottom[0] - floor_y(double))).abs()
                assert torch.minimum(rise, low).max() < 1e-9
            touched = [(c.time_s, c.speed) for c in contacts(scene) if c.actor == index]
            assert touched == [(c.time_s, c.speed) for c in contacts(double)]
            compared += 1
    assert compared > 50
    assert motion_double(SCENES[0], 0) != motion_double(SCENES[0], 0, 1)


def test_doubles_show_faces_and_effects():
    for scene in SCENES:
        for index, body in enumerate(scene.actors):
            double = face_double(scene, index).actors[0]
            assert double.face == body.face
            assert double.colour not in {actor.colour for actor in scene.actors}
        effect = Effect(kind="melt", actor=len(scene.actors) - 1, start_s=0.5, duration_s=0.7)
        shown = effect_double(scene, effect)
        assert shown.effects == (replace(effect, actor=0),)
        assert shown.actors[0].shape != scene.actors[effect.actor].shape


def test_pictures_of_places_and_styles():
    for scene in SCENES[:20]:
        style, place = style_picture(scene), place_picture(scene)
        assert style.scene.style == scene.style
        assert style.scene.actors != scene.actors
        assert place.empty
        assert (place.scene.place, place.scene.seed) == (scene.place, scene.seed)
        assert place.scene.time_of_day != scene.time_of_day
        moved = moved_elsewhere(scene)
        assert moved.place != scene.place
        assert moved.actors == scene.actors


def test_a_voice_sample_has_the_voice_and_other_words():
    found = 0
    for scene in SCENES:
        for line in scene.lines:
            sample = voice_sample(scene, line, "@hero")
            said = sample.sound.utterances[0]
            assert said.voice == line.voice
            assert sample.actor == line.actor
            assert not {s.text for s in said.syllables} & {s.text for s in line.syllables}
            assert not said.is_sung
            assert said.end_s < sample.sound_s
            found += 1
    assert found > 20
    wave = render_reference(sample, SHAPE).waveform
    assert wave.shape[0] == 2
    assert wave.shape[1] % 1024 == 0
    assert abs(wave.shape[1] / 44100 - sample.sound_s) < 0.03
    assert wave.abs().max() > 0.05


def test_samples_of_music_and_ambience_keep_what_counts():
    for scene in SCENES:
        for piece in scene.music:
            sample = music_sample(scene, piece, "@theme").sound.music[0]
            assert (sample.mood, sample.timbre, sample.key) == (piece.mood, piece.timbre, piece.key)
            roots = [chord.root for chord in chords(sample)]
            assert roots[:1] == [chords(piece)[0].root]
        for air in scene.ambience:
            assert ambience_sample(scene, air, "@air").sound.ambience[0].kind == air.kind
    assert {"voice", "music", "ambience"} < set(ROLES)


def test_references_render_as_their_kind_says():
    scene, shape = SCENES[0], SHAPE
    made = {
        "image": StageReference(
            kind="image", role="subject", handle="@a", actor=0, stills=subject_views(scene, 0, 2)
        ),
        "clip": StageReference(kind="clip", role="motion", handle="@b", scene=scene),
        "grid": StageReference(kind="grid", role="storyboard", handle="@c", scene=scene),
    }
    shapes = {"image": (2, 3, 48, 48), "clip": (3, 5, 48, 48), "grid": (1, 3, 96, 96)}
    for kind, one in made.items():
        got, again = (render_reference(one, shape) for _ in range(2))
        tensor = got.clip if kind == "clip" else got.images
        assert tensor.shape == shapes[kind]
        assert torch.equal(tensor, again.clip if kind == "clip" else again.images)
        assert got.waveform is None
    empty = replace(made["clip"], empty=True, role="background")
    assert not torch.equal(
        render_reference(empty, shape).clip, render_reference(made["clip"], shape).clip
    )
    with pytest.raises(ValueError, match="must hold what its kind shows"):
        StageReference(kind="image", role="subject", handle="@a")
    with pytest.raises(ValueError, match="at most 5 pictures"):
        StageReference(kind="image", role="subject", handle="@a", stills=(Still(scene=scene),) * 6)


def test_dice_depend_on_scene_and_purpose():
    draws = {Dice(SCENES[k], name).uniform() for k in (0, 1) for name in ("a", "b")}
    assert len(draws) == 4
    assert Dice(SCENES[0], "a").uniform() in draws
