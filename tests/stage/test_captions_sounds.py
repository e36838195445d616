import re
from dataclasses import fields
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openreels.core.prompt import parse, serialise
from openreels.core.prompt_rules import Named, broken_rules
from openreels.stage import lexicon_sounds
from openreels.stage.ambience import AMBIENCES
from openreels.stage.captions import caption, describe
from openreels.stage.captions_sounds import note_name, said_of_sounds, span
from openreels.stage.events import INSTRUMENTS
from openreels.stage.heard import strikes
from openreels.stage.music import MOODS, MUSIC_TIMBRES
from openreels.stage.speech import VOICES
from openreels.stage.world import WorldSettings, sample_scene

SHARES = {f.name: 0.6 for f in fields(WorldSettings) if f.name.endswith("_share")}
ALL = WorldSettings(duration_s=3.0, **SHARES)
HEARD = WorldSettings(
    duration_s=3.0,
    speech_share=0.5,
    song_share=0.6,
    narrator_share=0.6,
    music_share=0.7,
    ambience_share=0.8,
    instrument_share=0.7,
)


@cache
def scene_of(index, world=ALL):
    return sample_scene(7, index, settings=world)


def test_every_sound_has_synonyms_and_no_rare_one_is_common(check_synonyms):
    tables = [
        (VOICES, lexicon_sounds.VOICE_PHRASES),
        (MOODS, lexicon_sounds.MOOD_WORDS),
        (MUSIC_TIMBRES, lexicon_sounds.TIMBRE_WORDS),
        (AMBIENCES, lexicon_sounds.AMBIENCE_SENTENCES),
        (INSTRUMENTS, lexicon_sounds.PLAY_WORDS),
        (INSTRUMENTS, lexicon_sounds.PLAY_PHRASES),
        (INSTRUMENTS, lexicon_sounds.PLAY_SOUNDS),
    ]
    for words, table in tables:
        check_synonyms(words, table, least=3)
    found = lexicon_sounds.music_phrases()
    assert len(found) == len(MOODS) * len(MUSIC_TIMBRES)
    texts = [text for words in found.values() for text in words.common]
    assert len(set(texts)) == len(texts)
    assert not any("strings plays" in text for text in texts)


@settings(max_examples=150, deadline=None)
@given(
    index=st.integers(0, 10_000),
    variant=st.integers(0, 1000),
    held_out=st.booleans(),
    rare=st.booleans(),
)
def test_every_structured_caption_keeps_the_rules(index, variant, held_out, rare):
    scene = sample_scene(11, index, settings=ALL)
    text = caption(scene, variant, tier="structured", held_out=held_out, rare_words=rare)
    assert list(broken_rules(text, Named())) == []
    tree = parse(text)
    assert serialise(tree) == text
    spoken = [s for s in tree.spans if s.tag in ("dialogue", "singing")]
    lines = [("singing" if line.is_sung else "dialogue", line.text) for line in scene.lines]
    assert [(s.tag, s.text) for s in spoken] == lines
    assert sum(s.tag == "bgm" for s in tree.spans) == len(scene.music)
    assert [s.text for s in tree.spans if s.tag == "text"] == [
        overlay.text for overlay in scene.overlays if overlay.kind != "logo"
    ]


def test_a_structured_caption_says_who_when_and_how():
    seen = set()
    for index in range(80):
        scene = scene_of(index, HEARD)
        found = describe(scene, index, tier="structured")
        text = found.text
        assert said_of_sounds(scene) <= found.stated_scene
        handles = re.findall(r"(@\w+) is an? ", text.split(":")[1])
        for line in scene.lines:
            start = f"from {line.syllables[0].start_s:.1f} s: "
            part = next(p for p in re.split(r"; |: (?=from)", text) if f">{line.text}<" in p)
            assert start in text
            voices = lexicon_sounds.VOICE_PHRASES[line.voice]
            assert any(phrase in part for phrase in voices.common)
            if line.actor is None:
                assert any(word in part for word in lexicon_sounds.NARRATORS.common)
            else:
                assert handles[line.actor] in part
            if line.is_sung:
                assert len(part.split("on the notes ")[1].split()) >= len(line.syllables)
            seen.add("song" if line.is_sung else "speech")
        for piece in scene.music:
            assert f"{piece.tempo_bpm:.0f} beats a minute" in text
        played = {strike.actor for strike in strikes(scene)}
        sounds = [s for entry in lexicon_sounds.PLAY_SOUNDS.values() for s in entry.common]
        assert sum(text.count(span("sfx", sound)) for sound in sounds) == len(played)
        seen |= {"music"} if scene.music else set()
    assert seen == {"song", "speech", "music"}


@pytest.mark.parametrize("tier", ["long", "short"])
@pytest.mark.parametrize("held_out", [False, True])
def test_prose_says_the_words_in_quotes_and_only_what_is_heard(tier, held_out):
    said = dict.fromkeys(("voices", "music", "ambience", "instruments"), 0)
    there = dict.fromkeys(said, 0)
    for index in range(120):
        scene = scene_of(index, HEARD)
        found = describe(scene, index, tier=tier, held_out=held_out)
        quoted = re.findall(r'"([a-z-]+)"', found.text)
        lines = [line.text for line in scene.lines]
        assert quoted == (lines if "voices" in found.stated_scene else [])
        assert found.stated_scene & set(said) <= said_of_sounds(scene)
        for name in said:
            said[name] += name in found.stated_scene
            there[name] += name in said_of_sounds(scene)
        assert not re.search(r"[{}]|\s\.|\.\.|  ", found.text)
    for name, least in (("voices", 0.85), ("music", 0.3), ("ambience", 0.12)):
        assert said[name] >= least * there[name]
    assert said["instruments"] >= 0.8 * there["instruments"]


def test_training_never_says_a_held_out_sentence_about_sounds():
    kept = ("listen:", "is heard: it", "accompanied", "there is", "you can hear")
    plain = re.compile(r"there is an? |there is (?=the)")
    for index in range(80):
        text = caption(scene_of(index, HEARD), index).lower()
        text = plain.sub("", text)
        assert not any(phrase in text for phrase in kept), text


def test_notes_have_their_names():
    assert [note_name(n) for n in (60, 61, 63, 69, 58)] == ["C4", "C#4", "Eb4", "A4", "Bb3"]
