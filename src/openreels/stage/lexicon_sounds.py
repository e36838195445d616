"""Words for what is heard: voices, songs, music, ambience, bell and drum, with synonyms."""

from collections.abc import Mapping

from openreels.stage.ambience import AmbienceKind
from openreels.stage.events import Instrument
from openreels.stage.lexicon import Words
from openreels.stage.music import Mood, MusicTimbre
from openreels.stage.speech import Voice


def _words(common: str, rare: str) -> Words:
    """Split two lists written with ``|``."""
    return Words(tuple(common.split("|")), tuple(rare.split("|")))


SAY_WORDS: Words = _words(
    'says "{text}"|speaks: "{text}"|calls out "{text}"|says the words "{text}"', 'utters "{text}"'
)
"""What an actor that speaks does; its words in quotes."""
SING_WORDS: Words = _words(
    'sings "{text}"|sings the words "{text}"|sings a song: "{text}"|is singing "{text}"',
    'croons "{text}"',
)
"""What an actor that sings does."""
NARRATORS: Words = _words(
    "a narrator|a voice off screen|an unseen narrator|somebody off screen", "a voice-over"
)
"""Who speaks without being seen."""
VOICE_PHRASES: Mapping[Voice, Words] = {
    "low": _words("in a low voice|in a deep voice|with a low voice", "in a bass voice"),
    "mid": _words(
        "in a middle voice|in a medium voice|in a voice of middle height", "in a tenor voice"
    ),
    "high": _words(
        "in a high voice|with a high voice|in a high-pitched voice", "in a squeaky voice"
    ),
}
THEN_WORDS: Words = _words("then|after that|next", "thereafter")
"""Before a line or a piece of music that follows another one."""
MOOD_WORDS: Mapping[Mood, Words] = {
    "happy": _words("happy|cheerful|joyful|bright", "merry"),
    "sad": _words("sad|melancholic|sorrowful|mournful", "gloomy"),
}
TIMBRE_WORDS: Mapping[MusicTimbre, Words] = {
    "pluck": _words("plucked strings|a guitar|a harp", "a lute"),
    "pad": _words("soft strings|a string orchestra|a synthesiser", "a warm pad"),
    "organ": _words("an organ|a church organ|a pipe organ", "a harmonium"),
}
MUSIC_SENTENCES: Words = _words(
    "{mood} music plays on {timbre}|{mood} music is heard on {timbre}"
    "|{mood} background music plays on {timbre}|{timbre} plays {mood} music",
    "a {mood} tune sounds on {timbre}",
)
MUSIC_SENTENCES_HELD_OUT: tuple[str, ...] = (
    "there is {mood} music on {timbre}",
    "all of it is accompanied by {mood} music on {timbre}",
)
AMBIENCE_SENTENCES: Mapping[AmbienceKind, Words] = {
    "rain": _words(
        "rain patters|the sound of rain is heard|the patter of rain is heard", "drops drum down"
    ),
    "wind": _words(
        "wind howls|the wind howls|the wind is heard|the sound of wind is heard", "a gale whistles"
    ),
    "night": _words(
        "crickets chirp|crickets are heard|the chirping of crickets is heard", "cicadas sing"
    ),
}
AMBIENCE_HELD_OUT: Mapping[AmbienceKind, str] = {
    "rain": "you can hear the rain",
    "wind": "you can hear the wind",
    "night": "you can hear crickets",
}
PLAY_WORDS: Mapping[Instrument, Words] = {
    "drum": _words("beats a drum|hits a drum|drums on a drum|lands on a drum", "strikes a drum"),
    "bell": _words("rings a bell|hits a bell|makes a bell ring|knocks a bell", "strikes a bell"),
}
PLAY_PHRASES: Mapping[Instrument, Words] = {
    "drum": _words("on a drum|beating a drum|making a drum boom", "striking a drum"),
    "bell": _words("ringing a bell|making a bell ring|so that a bell rings", "striking a bell"),
}
"""After what an actor does: ``bounces on a drum``."""
PLAY_SOUNDS: Mapping[Instrument, Words] = {
    "drum": _words("drum beats|a drum|the boom of a drum", "a booming drum"),
    "bell": _words("a bell|the ring of a bell|a bell that rings", "a chiming bell"),
}


def music_phrases() -> Mapping[str, Words]:
    """Every sentence about music by ``mood/timbre``, as captions write them."""
    found = dict[str, Words]()
    for mood, moods in MOOD_WORDS.items():
        for timbre, timbres in TIMBRE_WORDS.items():
            common = [
                music_sentence(frame, mood=m, timbre=t)
                for frame in MUSIC_SENTENCES.common + MUSIC_SENTENCES_HELD_OUT
                for m in moods.common
                for t in timbres.common
            ]
            rare = [
                music_sentence(frame, mood=m, timbre=t)
                for frame in MUSIC_SENTENCES.rare
                for m in moods.rare
                for t in timbres.rare
            ]
            found[f"{mood}/{timbre}"] = Words(tuple(common), tuple(rare))
    return found


def music_sentence(frame: str, *, mood: str, timbre: str) -> str:
    """Fill a sentence about music: ``sad music plays on an organ``."""
    text = frame.format(mood=mood, timbre=timbre)
    return text.replace("strings plays", "strings play")
