from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from openreels.core.config import from_json, to_json
from openreels.stage.camera import all_shots
from openreels.stage.edits import possible_edits, sample_edit
from openreels.stage.looks import LookSettings
from openreels.stage.music import MOODS, MUSIC_TIMBRES, beats
from openreels.stage.sample import truth_from_json, truth_of, truth_to_json
from openreels.stage.scene import OUTDOORS, PLAYERS, Actor, Scene
from openreels.stage.sounds import (
    SCALES,
    SHORTEST_S,
    SoundSettings,
    add_sounds,
    is_kept,
    matching_ambience,
)
from openreels.stage.speech import SUNG_MIDI, VOICES, Line, Syllable, midi_note
from openreels.stage.world import WorldSettings, sample_scene

LOOKS = {f.name for f in fields(LookSettings)}
SHARES = sorted(
    f.name for f in fields(SoundSettings) if f.name.endswith("_share") and f.name not in LOOKS
)
ALL = WorldSettings(
    duration_s=3.0,
    speech_share=0.5,
    song_share=0.5,
    narrator_share=0.7,
    music_share=0.6,
    ambience_share=0.8,
    instrument_share=0.7,
    weather_share=0.4,
    cut_share=0.4,
)


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(5, index, settings=ALL) for index in range(250)]


def bare(scene):
    """The scene without its sounds and the faces that came with them."""
    actors = tuple(replace(actor, face=None, plays=None) for actor in scene.actors)
    return replace(scene, actors=actors, lines=(), music=(), ambience=())


def test_sounds_change_nothing_else_of_a_scene(scenes):
    quiet = WorldSettings(duration_s=3.0, weather_share=0.4, cut_share=0.4)
    for index, scene in enumerate(scenes[:80]):
        assert bare(scene) == sample_scene(5, index, settings=quiet)


@pytest.mark.parametrize("name", SHARES)
def test_each_share_switches_its_sound_alone(name):
    base = [sample_scene(5, index, settings=WorldSettings(duration_s=2.0)) for index in range(60)]
    changed = [add_sounds(scene, SoundSettings(**{name: 0.5})) for scene in base]
    count = sum(one != other for one, other in zip(base, changed, strict=True))
    assert 8 <= count <= 52
    full = [add_sounds(scene, SoundSettings(**{name: 1.0})) for scene in base]
    for scene, some, every in zip(base, changed, full, strict=True):
        assert bare(every) == scene
        if name != "instrument_share":
            assert some in {scene, every}
    assert [add_sounds(scene, SoundSettings()) for scene in base] == base


def test_voices_are_those_asked_for_and_lines_fit_the_clip(scenes):
    kinds, voices = Counter(), Counter()
    for scene in scenes:
        for line in scene.lines:
            kinds["song" if line.is_sung else "narrator" if line.actor is None else "speech"] += 1
            voices[line.voice] += 1
            assert line.syllables[0].start_s >= 0
            assert line.end_s < scene.duration_s
            assert not is_kept(line.text)
            assert line.actor is None or scene.actors[line.actor].face is not None
        assert all(one.end_s < after.syllables[0].start_s for one, after in pairwise(scene.lines))
        for actor in {line.actor for line in scene.lines}:
            assert len({line.voice for line in scene.lines if line.actor == actor}) == 1
    assert min(kinds[kind] for kind in ("song", "speech", "narrator")) > 20
    assert min(voices[voice] for voice in VOICES) > 60
    turns = [scene for scene in scenes if len({line.actor for line in scene.lines}) == 2]
    assert len(turns) > 15
    assert all(len({line.voice for line in scene.lines}) == 2 for scene in turns)


def test_songs_are_in_key_and_on_the_beats_of_their_music(scenes):
    both = [s for s in scenes if s.music and any(line.is_sung for line in s.lines)]
    assert len(both) > 15
    for scene in both:
        music, (line,) = scene.music[0], scene.lines
        low, high = SUNG_MIDI[line.voice]
        for note in line.syllables:
            midi = midi_note(note.pitch_hz)
            assert low - 1e-6 <= midi <= high + 1e-6
            assert (round(midi) - music.key) % 12 in SCALES[music.mood]
            if len(line.syllables) > 1:
                halves = (note.start_s - music.start_s) / music.beat_s * 2
                assert halves == pytest.approx(round(halves), abs=1e-6)
        assert beats(music)[0] == music.start_s


def test_music_covers_the_clip_and_changes_its_mood_only_at_cuts(scenes):
    pieces = [piece for scene in scenes for piece in scene.music]
    assert {piece.mood for piece in pieces} == set(MOODS)
    assert {piece.timbre for piece in pieces} == set(MUSIC_TIMBRES)
    assert len({piece.key for piece in pieces}) == 12
    for scene in scenes:
        cuts = {shot.start_s for shot in all_shots(scene)}
        assert {piece.start_s for piece in scene.music} <= cuts
        assert all(one.mood != after.mood for one, after in pairwise(scene.music))
        if scene.music:
            assert sum(p.duration_s for p in scene.music) == pytest.approx(scene.duration_s)
    assert any(len(scene.music) > 1 for scene in scenes)


def test_ambience_is_heard_outdoors_and_fits_the_weather(scenes):
    kinds = Counter()
    for scene in scenes:
        assert scene.ambience in ((), matching_ambience(scene))
        for sound in scene.ambience:
            kinds[sound.kind] += 1
            assert (sound.kind == "rain") is (scene.weather == "rain")
            assert sound.kind != "night" or scene.time_of_day == "night"
            for shot in all_shots(scene):
                inside = sound.start_s <= shot.start_s < sound.start_s + sound.duration_s
                assert not inside or shot.place in OUTDOORS
    assert min(kinds[kind] for kind in ("rain", "wind", "night")) > 5


def test_ambience_stops_at_a_cut_to_a_place_indoors(scenes):
    mixed = [
        scene
        for scene in scenes
        if [shot.place in OUTDOORS for shot in all_shots(scene)] == [True, False]
    ]
    assert mixed
    for scene in mixed:
        (sound,) = matching_ambience(scene)
        assert (sound.start_s, sound.duration_s) == (0.0, scene.shots[0].start_s)


def test_instruments_are_struck_by_what_can(scenes):
    played = Counter(actor.plays for scene in scenes for actor in scene.actors)
    assert min(played["drum"], played["bell"]) > 30
    for scene in scenes:
        for actor in scene.actors:
            assert actor.plays is None or actor.action in PLAYERS[actor.plays]


def test_short_clips_have_no_voices_and_lines_may_be_those_kept_for_evaluation():
    settings = WorldSettings(duration_s=SHORTEST_S - 0.1, speech_share=1.0, song_share=1.0)
    assert not any(sample_scene(5, index, settings=settings).lines for index in range(20))
    kept = replace(settings, duration_s=1.0, held_out_lines=True)
    for index in range(20):
        lines = sample_scene(5, index, settings=kept).lines
        assert lines
        assert all(is_kept(line.text) for line in lines)


def test_scenes_and_truths_with_sounds_survive_json(scenes):
    for scene in scenes[:40]:
        assert from_json(Scene, to_json(scene)) == scene
        truth = truth_of(scene)
        assert truth_from_json(truth_to_json(truth)) == truth


def test_an_edit_keeps_or_matches_what_is_heard(scenes):
    removed = 0
    for scene in scenes:
        for kind in ("place", "weather", "time of day"):
            if kind in possible_edits(scene):
                target = sample_edit(scene, 0, kind).target
                assert target.ambience == (matching_ambience(target) if scene.ambience else ())
                assert (target.lines, target.music) == (scene.lines, scene.music)
        if "remove" in possible_edits(scene):
            edit = sample_edit(scene, 0, "remove")
            left = [line for line in scene.lines if line.actor != edit.number]
            removed += len(left) < len(scene.lines)
            assert [line.text for line in edit.target.lines] == [line.text for line in left]
            for line, after in zip(left, edit.target.lines, strict=True):
                if line.actor is not None:
                    speaker = edit.target.actors[after.actor]
                    assert speaker == scene.actors[line.actor]
    assert removed > 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actor": 0}, "a line is said by an actor with a face"),
        ({"actor": 3}, "a line is said by an actor with a face"),
        ({"start_s": 2.0}, "a line must begin inside the clip of 2 s, got 2 s"),
        ({"start_s": -0.1}, "a line must begin inside"),
    ],
)
def test_a_line_that_cannot_be_is_refused(make_actor, make_scene, changes, message):
    start_s = changes.get("start_s", 0.5)
    syllable = Syllable(text="ba", start_s=start_s, duration_s=0.2)
    line = Line(voice="low", syllables=(syllable,), actor=changes.get("actor"))
    with pytest.raises(ValueError, match=message):
        make_scene(make_actor(), lines=(line,))


@pytest.mark.parametrize(("plays", "action"), [("drum", "roll"), ("bell", "jump")])
def test_an_instrument_out_of_reach_is_refused(make_actor, plays, action):
    with pytest.raises(ValueError, match=f"a {plays} is struck by what does"):
        make_actor(plays=plays, action=action)
    assert isinstance(make_actor(plays="drum"), Actor)


def test_a_wrong_share_is_refused():
    with pytest.raises(ValueError, match=r"song_share must be in \[0, 1\], got 2"):
        WorldSettings(song_share=2)
