"""Says what is heard in a scene: voices, songs, music, ambience; in tags also bell and drum."""

from openreels.core.prompt import Tag
from openreels.stage import lexicon, lexicon_sounds
from openreels.stage.ambience import AmbienceKind
from openreels.stage.captions_looks import LookWriter
from openreels.stage.heard import strikes
from openreels.stage.music import Music
from openreels.stage.scene import Scene
from openreels.stage.speech import Line, midi_note

_LINE = ("{who} {says} {voice}", "{voice}, {who} {says}", "{who} {says}")
_LINE_HELD_OUT = ("listen: {who} {says} {voice}", "{who} is heard: it {says} {voice}")
_BRIEF_ODDS = {"voices": 0.9, "music": 0.5, "ambience": 0.35}
_ODDS = {"voices": 0.97, "music": 0.92, "ambience": 0.9}
_KEYS = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")


def dressed(writer: LookWriter, text: str, *, brief: bool) -> str:
    """Add sentences about looks and about what is heard to a prose caption.

    Args:
        writer: Its scene is told, its draws choose the words; ``said`` gains what is said.
        text: The caption without them.
        brief: Whether all looks are left out, and most of what is heard but the voices.

    Returns:
        The longer caption, not yet tidied; the same one for a scene without looks and sounds.
    """
    odds = _BRIEF_ODDS if brief else _ODDS
    makers = {
        "voices": _voices,
        "music": _music,
        "ambience": _ambience,
    }
    text = text if brief else writer.dress(text)
    parts = [text]
    for name, make in makers.items():
        found = make(writer)
        if found and writer.rng.random() < odds[name]:
            writer.said.add(name)
            parts += found
    return ". ".join(parts) + "." if len(parts) > 1 else text


def said_of_sounds(scene: Scene) -> frozenset[str]:
    """Which of voices, instruments, music and ambience a caption that says all says."""
    there = {
        "voices": scene.lines,
        "instruments": any(actor.plays for actor in scene.actors),
        "music": scene.music,
        "ambience": scene.ambience,
    }
    return frozenset(name for name, items in there.items() if items)


def span(tag: Tag, text: str) -> str:
    """Wrap a text in a tag: ``<sfx>a dull thud</sfx>``."""
    return f"<{tag}>{text}</{tag}>"


def structured_sounds(writer: LookWriter, handles: list[str]) -> str:
    """Say all that is heard but contacts in the prompt language.

    Args:
        writer: Its scene is told, its draws choose the words.
        handles: The handle of each actor.

    Returns:
        ``from 0.2 s: @ball says <dialogue>ba-mo</dialogue> in a low voice; …``; empty where there
        is nothing.
    """
    scene, narrator = writer.scene, writer.pick(lexicon_sounds.NARRATORS)
    voices = [
        _tagged_line(writer, line, narrator if line.actor is None else handles[line.actor])
        for line in scene.lines
    ]
    beside = _players(writer, handles)
    for sound in scene.ambience:
        words = writer.pick(lexicon_sounds.AMBIENCE_SENTENCES[sound.kind])
        when = _when(scene, sound.start_s, sound.start_s + sound.duration_s)
        beside.append(when + span("sfx", words))
    beside += [_tagged_music(writer, piece) for piece in scene.music]
    if writer.rng.random() < 0.5:
        beside.reverse()
    return "; ".join(voices + beside)


def _players(writer: LookWriter, handles: list[str]) -> list[str]:
    """Say who plays what; it sounds if it is struck inside the clip."""
    scene, found = writer.scene, list[str]()
    struck = {strike.actor for strike in strikes(scene)}
    for index, actor in enumerate(scene.actors):
        if actor.plays:
            text = f"{handles[index]} {writer.pick(lexicon_sounds.PLAY_WORDS[actor.plays])}"
            sound = span("sfx", writer.pick(lexicon_sounds.PLAY_SOUNDS[actor.plays]))
            found.append(f"{text} {sound}" if index in struck else text)
    return found


def _who(writer: LookWriter, index: int) -> str:
    """Name an actor again."""
    actor = writer.scene.actors[index]
    colour = writer.pick(lexicon.COLOUR_WORDS[actor.colour])
    return f"the {colour} {writer.pick(lexicon.SHAPE_WORDS[actor.shape])}"


def _voices(writer: LookWriter) -> list[str]:
    if not writer.scene.lines:
        return []
    found, heard = list[str](), set[int | None]()
    narrator = writer.pick(lexicon_sounds.NARRATORS)
    for line in writer.scene.lines:
        table = lexicon_sounds.SING_WORDS if line.is_sung else lexicon_sounds.SAY_WORDS
        says = writer.pick(table).format(text=line.text)
        frames = _LINE_HELD_OUT if writer.held_out else _LINE
        known = line.actor in heard
        frame = _LINE[-1] if known and not writer.held_out else writer.rng.choice(frames)
        voice = writer.pick(lexicon_sounds.VOICE_PHRASES[line.voice])
        who = narrator if line.actor is None else _who(writer, line.actor)
        text = frame.format(who=who, says=says, voice=voice)
        found.append(f"{writer.pick(lexicon_sounds.THEN_WORDS)} {text}" if found else text)
        heard.add(line.actor)
    return found


def _music(writer: LookWriter) -> list[str]:
    found = list[str]()
    for piece in writer.scene.music:
        frame = writer.pick(lexicon_sounds.MUSIC_SENTENCES)
        if writer.held_out and not writer.rare:
            frame = writer.rng.choice(lexicon_sounds.MUSIC_SENTENCES_HELD_OUT)
        mood = writer.pick(lexicon_sounds.MOOD_WORDS[piece.mood])
        timbre = writer.pick(lexicon_sounds.TIMBRE_WORDS[piece.timbre])
        text = lexicon_sounds.music_sentence(frame, mood=mood, timbre=timbre)
        found.append(f"{writer.pick(lexicon_sounds.THEN_WORDS)} {text}" if found else text)
    return found


def _ambience(writer: LookWriter) -> list[str]:
    kinds = list[AmbienceKind]()
    for sound in writer.scene.ambience:
        if sound.kind not in kinds:
            kinds.append(sound.kind)
    if writer.held_out and not writer.rare:
        return [lexicon_sounds.AMBIENCE_HELD_OUT[kind] for kind in kinds]
    return [writer.pick(lexicon_sounds.AMBIENCE_SENTENCES[kind]) for kind in kinds]


def _when(scene: Scene, start_s: float, end_s: float) -> str:
    """Say from when to when, but for what is heard all the time."""
    if start_s <= 0 and end_s >= scene.duration_s:
        return ""
    return f"from {start_s:.1f} to {end_s:.1f} s: "


def _tagged_line(writer: LookWriter, line: Line, who: str) -> str:
    table = lexicon_sounds.SING_WORDS if line.is_sung else lexicon_sounds.SAY_WORDS
    says = writer.pick(table).replace('"{text}"', span(_tag(line), line.text))
    voice = writer.pick(lexicon_sounds.VOICE_PHRASES[line.voice])
    notes = ""
    if line.is_sung:
        names = (note_name(midi_note(s.pitch_hz)) for s in line.syllables if s.pitch_hz)
        notes = f" on the notes {' '.join(names)}"
    return f"from {line.syllables[0].start_s:.1f} s: {who} {says} {voice}{notes}"


def _tag(line: Line) -> Tag:
    return "singing" if line.is_sung else "dialogue"


def note_name(midi: float) -> str:
    """Name a note, e.g. ``A4`` for 69; ``Bb3`` and ``C#4`` for black keys."""
    octave, tone = divmod(round(midi), 12)
    return f"{_KEYS[tone].replace(' sharp', '#').replace(' flat', 'b')}{octave - 1}"


def _tagged_music(writer: LookWriter, piece: Music) -> str:
    mood = writer.pick(lexicon_sounds.MOOD_WORDS[piece.mood])
    timbre = writer.pick(lexicon_sounds.TIMBRE_WORDS[piece.timbre])
    scale = "major" if piece.mood == "happy" else "minor"
    how = f"{mood} music on {timbre}, {piece.tempo_bpm:.0f} beats a minute"
    key = f"in {_KEYS[piece.key]} {scale}"
    when = _when(writer.scene, piece.start_s, piece.start_s + piece.duration_s)
    return when + span("bgm", f"{how}, {key}")
