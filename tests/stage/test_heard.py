import math
from dataclasses import replace

import pytest
import torch
from test_voice import pitch_of

from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.stage.ambience import Ambience
from openreels.stage.camera import view
from openreels.stage.events import spoken
from openreels.stage.faces import mouth
from openreels.stage.geometry import half_size
from openreels.stage.heard import (
    render_scene_sounds,
    render_sound,
    scene_chords,
    scene_soundtrack,
    soundtrack,
    strikes,
    utterances,
)
from openreels.stage.music import Music, chords
from openreels.stage.physics import contacts, pose
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import make_samples, render_truths, truth_of
from openreels.stage.scene import STYLES, Face, Shot
from openreels.stage.sound import render_audio
from openreels.stage.speech import Line, Syllable, energy, midi_hz
from openreels.stage.world import WorldSettings, sample_scene

SECOND = SAMPLE_RATE_HZ
LENGTH = 2 * SECOND


def line(*texts, start_s=0.2, pace_s=0.25, notes=None, **fields):
    pitches = [None] * len(texts) if notes is None else [midi_hz(note) for note in notes]
    syllables = tuple(
        Syllable(text=text, start_s=start_s + k * pace_s, duration_s=pace_s, pitch_hz=pitch)
        for k, (text, pitch) in enumerate(zip(texts, pitches, strict=True))
    )
    return Line(**{"voice": "mid", "syllables": syllables, "actor": 0} | fields)


@pytest.fixture(scope="module")
def make_speaker(make_actor, make_scene):
    """A large ball with a neutral face that hangs in the air and says something."""

    def make(*lines, **changes):
        face = Face(expression="neutral")
        fields = {"size": "large", "phase_s": 15.0, "face": face}
        return make_scene(make_actor(**fields), lines=lines, **changes)

    return make


def heard(scene, length=LENGTH):
    """The sound of a scene without what it hits."""
    return render_sound([replace(truth_of(scene), contacts=())], length, [3])[0]


def test_strikes_are_the_contacts_of_those_who_play(make_actor, make_scene):
    drum = make_actor(plays="drum", size="small", start_x=-0.5)
    bell = make_actor(action="roll", shape="ring", plays="bell", height=0.4, start_x=0.4)
    scene = make_scene(drum, bell, camera="pan left")
    found, touched = strikes(scene), contacts(scene)
    assert {(s.instrument, s.actor, s.size) for s in found} == {
        ("drum", 0, "small"),
        ("bell", 1, "medium"),
    }
    assert [(s.time_s, s.speed, s.x) for s in found] == [(c.time_s, c.speed, c.x) for c in touched]
    quiet = replace(scene, actors=tuple(replace(a, plays=None) for a in scene.actors))
    assert strikes(quiet) == ()
    assert contacts(quiet) == touched


def test_a_strike_is_heard_at_its_time(make_actor, make_scene):
    scene = make_scene(make_actor(plays="drum", phase_s=0.3))
    wave, first = heard(scene), strikes(scene)[0].time_s
    begin = int((wave.abs().amax(0) > 1e-4).nonzero()[0]) / SECOND
    assert begin == pytest.approx(first, abs=0.001)


def test_syllables_are_heard_from_their_times(make_speaker):
    scene = make_speaker(line("pa", "ta", "ka", "ba", "mo", pace_s=0.3))
    wave = heard(scene).abs().amax(0)
    for event in truth_of(scene).spoken:
        start, end = round(event.start_s * SECOND), round(event.end_s * SECOND)
        assert wave[start - 30 : start + 1].max() < 1e-3
        begin = start - 30 + int((wave[start - 30 :] > 1e-3).nonzero()[0])
        assert begin / SECOND == pytest.approx(event.start_s, abs=0.004)
        assert wave[end - 40 : end].max() < 2e-3
    last = round(truth_of(scene).spoken[-1].end_s * SECOND)
    assert not wave[last + 32 :].any()
    assert not wave[: round(0.2 * SECOND) - 1].any()


def test_the_mouth_in_the_picture_follows_the_sound(make_speaker):
    """Pixels that the open mouth changes, and the level of the rendered voice, frame by frame."""
    scene = make_speaker(line("ma", "ba", "mo", "pa", "ma", pace_s=0.32))
    shape = ClipShape(num_frames=33, height=96, width=96, fps=16)
    shut = replace(scene, lines=(), actors=(
        replace(scene.actors[0], face=Face(expression="neutral", mouth=((0.0, 0.0),))),
    ))  # fmt: skip
    seen = render_video([scene], shape)[0] - render_video([shut], shape)[0]
    seen = seen.abs().sum(dim=(0, 2, 3)).double()
    times = torch.arange(33, dtype=torch.float64) / 16
    want = mouth(scene, 0, times)
    assert torch.corrcoef(torch.stack((seen, want)))[0, 1] > 0.98
    assert (seen[want < 1e-3] < 1e-3 * seen.max()).all()
    wave = heard(scene, 33 * SECOND // 16 + 1)[:, : 33 * SECOND // 16].double()
    level = torch.stack([
        wave[:, max(0, k - 330) : k + 330].square().mean().sqrt()
        for k in (times * SECOND).round().long().tolist()
    ])
    assert torch.corrcoef(torch.stack((seen, level)))[0, 1] > 0.9
    assert torch.corrcoef(torch.stack((seen, energy(scene.lines[0], times))))[0, 1] > 0.9
    late = [torch.corrcoef(torch.stack((seen, level.roll(k))))[0, 1] for k in (-1, 0, 1)]
    assert max(late) == late[1]


@pytest.mark.parametrize("style", STYLES)
def test_a_mouth_opens_in_every_style(make_speaker, style):
    scene = make_speaker(line("ma"), style=style)
    still = ClipShape(num_frames=5, height=64, width=64, fps=10)
    frames = render_video([scene], still)[0]
    moved = (frames[:, 4] - frames[:, 0]).abs().amax(0) > 0.5
    inside = render_masks([scene], still)[0, 0, 0]
    assert moved.sum() > 15
    assert not (moved & ~inside).any()


def test_a_mouth_of_a_silent_actor_stays_as_its_face_has_it(make_actor, make_speaker, make_scene):
    times = torch.linspace(0, 2, 9)
    open_mouth = Face(expression="surprised")
    scene = make_scene(make_actor(face=open_mouth), make_actor(shape="cube", colour="blue"))
    assert torch.equal(mouth(scene, 0, times), torch.full((9,), 0.65))
    assert mouth(make_speaker(line("ma")), 0, times[-2:]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="the cube has no face to open"):
        mouth(scene, 1, times)


def test_a_sung_note_has_the_pitch_of_the_truth(make_speaker):
    scene = make_speaker(line("la", "mo", "ne", pace_s=0.55, notes=(52, 59, 64)))
    wave = heard(scene).sum(0)
    for event in truth_of(scene).spoken:
        held = wave[round((event.start_s + 0.16) * SECOND) : round((event.end_s - 0.07) * SECOND)]
        pitch = pitch_of(held, event.pitch_hz / 1.4, event.pitch_hz * 1.4)
        assert abs(1200 * math.log2(pitch / event.pitch_hz)) < 15
        assert midi_hz(event.midi) == pytest.approx(event.pitch_hz)


def test_a_voice_is_where_its_actor_is_seen(make_actor, make_scene):
    face = Face(expression="neutral")
    roller = make_actor(action="roll", height=1.0, start_x=-0.5, tempo=1.4, face=face, phase_s=0.0)
    scene = make_scene(roller, lines=(line("ma", "la", "no", "ma", "la"),), camera="zoom in")
    (one,) = utterances(scene)
    times = torch.tensor([time for time, _ in one.path], dtype=torch.float64)
    look, place = view(scene, times), pose(scene, times).x[0]
    x = (place - look.x) * look.zoom / half_size("1:1")[0]
    assert torch.allclose(torch.tensor([x for _, x in one.path], dtype=torch.float64), x)
    assert float(x.max() - x.min()) > 0.4
    wave = heard(scene)
    for event in spoken((one,)):
        span = wave[:, round(event.vowel_s * SECOND) : round(event.end_s * SECOND)]
        left, right = span.square().mean(1).sqrt().tolist()
        assert math.atan2(right, left) * 4 / math.pi - 1 == pytest.approx(event.x, abs=0.08)


def test_a_voice_jumps_with_a_cut_and_a_narrator_is_in_the_middle(make_speaker):
    shot = Shot(start_s=0.6, place="beach", camera="static", x=0.4)
    scene = make_speaker(line("ma", "la", "no", "ma"), line("ba", actor=None), shots=(shot,))
    actor, narrator = utterances(scene)
    assert (narrator.x, narrator.path) == (0.0, ())
    before = [x for time, x in actor.path if time < 0.6]
    after = [x for time, x in actor.path if time >= 0.6]
    assert max(map(abs, before)) < 1e-9
    assert after == pytest.approx([-0.4] * len(after))
    still = make_speaker(line("ma", "la"))
    assert utterances(still)[0].path == ()


def test_chords_are_those_of_the_music_inside_of_the_clip(make_speaker):
    first = Music(start_s=0, duration_s=1, mood="happy", timbre="pluck", key=0, tempo_bpm=120)
    second = replace(first, start_s=1.0, duration_s=4.0, mood="sad", key=9)
    scene = make_speaker(music=(second, first))
    found = scene_chords(scene)
    assert found == (*chords(first), chords(second)[0])
    assert [chord.root for chord in found] == [0, 9]
    assert found[0].tones == (0, 4, 7)
    assert found[1].tones == (9, 0, 4)


def test_music_and_ambience_stop_where_the_truth_says(make_speaker):
    music = Music(start_s=0.0, duration_s=0.8, mood="sad", timbre="organ", key=2, tempo_bpm=80)
    wind = Ambience(kind="wind", start_s=1.0, duration_s=0.5)
    wave = heard(make_speaker(music=(music,), ambience=(wind,))).abs().amax(0)
    assert wave[: round(0.7 * SECOND)].max() > 0.02
    assert not wave[round(0.81 * SECOND) : round(1.0 * SECOND) - 2].any()
    assert wave[round(1.1 * SECOND) : round(1.4 * SECOND)].max() > 0.02
    assert not wave[round(1.5 * SECOND) + 2 :].any()


def test_a_scene_without_sounds_sounds_as_before():
    truths = [truth_of(sample_scene(4, index)) for index in range(4)]
    seeds = [1, 2, 3, 4]
    plain = render_audio([truth.contacts for truth in truths], LENGTH, seeds)
    assert torch.equal(render_sound(truths, LENGTH, seeds), plain)
    scenes = [truth.scene for truth in truths]
    assert torch.equal(render_scene_sounds(scenes, LENGTH, seeds), plain)


def test_a_whole_world_of_sounds_is_repeatable_and_does_not_clip():
    shape = ClipShape(num_frames=33, height=32, width=32)
    settings = WorldSettings(
        speech_share=0.5, song_share=0.5, narrator_share=1.0, music_share=0.7, ambience_share=1.0,
        instrument_share=1.0, weather_share=0.5,
    )  # fmt: skip
    batch = make_samples(3, range(6), shape, settings)
    assert batch.waveform.abs().max() < 1
    assert batch.waveform.abs().amax(dim=(1, 2)).min() > 0.1
    alone = make_samples(3, [4], shape, settings)
    assert torch.equal(batch.waveform[4:5], alone.waveform)
    assert torch.equal(batch.pixels[4:5], alone.pixels)
    assert torch.equal(render_truths(batch.truths[4:5], shape).waveform, alone.waveform)
    track = soundtrack(batch.truths[4])
    assert all(scene_soundtrack(truth.scene) == soundtrack(truth) for truth in batch.truths)
    assert (track.music, track.ambience) == (
        batch.truths[4].scene.music,
        batch.truths[4].scene.ambience,
    )
    assert len(track.utterances) == len(batch.truths[4].scene.lines)


def test_masks_do_not_depend_on_what_is_said_or_played(make_speaker):
    scene = make_speaker(line("ma", "la"))
    shape = ClipShape(num_frames=5, height=48, width=48, fps=4)
    drummer = replace(scene, lines=(), actors=(replace(scene.actors[0], plays="drum"),))
    assert torch.equal(render_masks([scene], shape), render_masks([drummer], shape))
