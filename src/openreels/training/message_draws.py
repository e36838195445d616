"""Pictures, clips and sounds that a reference may be, with the words that each stands for.

They are the lessons of what the prompt encoder reads beside words. All of it is ours: the paper has
a multimodal language model.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import ASPECT_RATIOS, ClipShape, coded_size
from openreels.stage import lexicon
from openreels.stage.dice import Dice
from openreels.stage.looks import with_effect
from openreels.stage.reference_views import (
    Dice as SceneDice,
)
from openreels.stage.reference_views import (
    ambience_sample,
    effect_double,
    face_double,
    motion_double,
    music_sample,
    place_picture,
    style_picture,
    subject_views,
    voice_sample,
)
from openreels.stage.references import StageReference, Still
from openreels.stage.scene import (
    EFFECTS,
    EXPRESSIONS,
    PLACES,
    Action,
    Direction,
    EffectKind,
    Expression,
    Scene,
    Style,
)
from openreels.stage.speech import Voice
from openreels.stage.world import WorldSettings, sample_scene

NOTHING = ""
"""The word of a token that has nothing to say: the empty prompt."""
STYLE_WORDS: dict[Style, tuple[str, str]] = {
    "paper-cut": ("paper", "cut"), "mosaic": ("brick", "mosaic"), "sketch": ("pencil", "sketch"),
}  # fmt: skip
"""What a styled picture says."""
DIRECTION_WORDS: dict[Direction, str] = {"left": "leftwards", "right": "rightwards"}
EXPRESSION_WORDS: dict[Expression, str] = {
    "neutral": "neutral", "happy": "smile", "sad": "frown", "surprised": "surprised",
}  # fmt: skip
EFFECT_WORDS: dict[EffectKind, str] = {
    "dissolve": "dissolves", "melt": "melts", "inflate": "inflates", "glow": "glows",
    "shatter": "shatters",
}  # fmt: skip
VOICE_WORDS: dict[Voice, str] = {"low": "low", "mid": "middle", "high": "high"}
TIMBRE_WORDS = {"pluck": "guitar", "pad": "strings", "organ": "organ"}
AMBIENCE_WORDS = {"rain": "rain", "wind": "wind", "night": "crickets"}
_VOICE, _MUSIC = "voice", "music"
_MOODS = ("happy", "sad")
_LOOKS: tuple[Mapping[Any, lexicon.Words], ...] = (
    lexicon.COLOUR_WORDS,
    lexicon.MATERIAL_ADJECTIVES,
    lexicon.SHAPE_WORDS,
)
_ACTIONS: dict[Action, str] = {
    name: words.common[0].split("/")[0]
    for name, words in lexicon.ACTION_WORDS.items()
    if name != "collide"
}
_LENGTHS = (17, 33, 33, 49)
"""Frames of clips, 1 to 3 s."""

WORDS: tuple[str, ...] = (
    *(words.common[0] for table in _LOOKS for words in table.values()),
    *PLACES,
    *(word for pair in STYLE_WORDS.values() for word in pair),
    NOTHING,
)
"""What a token of a picture may say."""
CLIP_WORDS: tuple[str, ...] = (
    *_ACTIONS.values(), *DIRECTION_WORDS.values(), *(EXPRESSION_WORDS[one] for one in EXPRESSIONS),
    *(EFFECT_WORDS[one] for one in EFFECTS), *PLACES, NOTHING,
)  # fmt: skip
"""What a token of a clip may say."""
SOUND_WORDS: tuple[str, ...] = (
    *VOICE_WORDS.values(), _VOICE, *_MOODS, *TIMBRE_WORDS.values(), _MUSIC,
    *AMBIENCE_WORDS.values(), NOTHING,
)  # fmt: skip
"""What a token of a sound may say."""


def _ratio(dice: Dice) -> str:
    ratio = dice.one(tuple(ASPECT_RATIOS))
    return "1:1" if dice.uniform() < 0.5 else ratio


def draw_picture(seed: int, number: int) -> tuple[Still, ClipShape, tuple[str, ...]]:
    """Draw a picture that a reference may show.

    Args:
        seed: Of the world.
        number: Which picture; the same is always the same.

    Returns:
        Two thirds of the time an actor, else a place with nobody in it or a style; its size; and
        the three words that it stands for.
    """
    dice = Dice(generator(seed, "picture", number))
    ratio, kind = dice.one(tuple(ASPECT_RATIOS)), dice.uniform()
    ratio = "1:1" if dice.uniform() < 0.5 else ratio
    settings = WorldSettings(aspect_ratio=ratio, face_share=0.2)
    if kind > 0.8:
        settings = replace(settings, style_share=1.0)
    scene = sample_scene(derive_seed(seed, "pictured") % 2**31, number, settings=settings)
    height, width = coded_size(ratio, 64)
    shape = ClipShape(num_frames=1, height=height, width=width)
    if kind < 0.66:
        return subject_views(scene, 0, 1, number)[0], shape, words_of(scene, "subject")
    if kind > 0.8 and scene.style != "plain":
        return style_picture(scene, number), shape, words_of(scene, "style")
    return place_picture(scene, number), shape, words_of(scene, "place")


def words_of(scene: Scene, role: str) -> tuple[str, ...]:
    """The words of a picture: those of the first actor, of the place, or of the style."""
    if role == "subject":
        actor = scene.actors[0]
        looks = (actor.colour, actor.material, actor.shape)
        return tuple(table[look].common[0] for table, look in zip(_LOOKS, looks, strict=True))
    if role == "place":
        return (scene.place, NOTHING, NOTHING)
    return (*STYLE_WORDS[scene.style], NOTHING)


def draw_clip(seed: int, number: int) -> tuple[StageReference, ClipShape, tuple[str, ...]]:
    """Draw a clip that a reference may show.

    Args:
        seed: Of the world.
        number: Which clip; the same is always the same.

    Returns:
        Six times of ten somebody who moves, else an effect, a face, or a place with nobody in it;
        its shape; and three words: what is done and in which direction, what befalls somebody,
        what face is made, or where it is.
    """
    dice = Dice(generator(seed, "clip", number))
    kind, ratio, frames = dice.uniform(), _ratio(dice), dice.one(_LENGTHS)
    height, width = coded_size(ratio, 64)
    shape = ClipShape(num_frames=frames, height=height, width=width)
    settings = WorldSettings(
        aspect_ratio=ratio,
        duration_s=float(shape.duration_s),
        actor_odds=(1.0, 0.0, 0.0),
        face_share=1.0 if kind > 0.88 else 0.0,
    )
    scene = sample_scene(derive_seed(seed, "filmed") % 2**31, number, settings=settings)
    actor, empty = scene.actors[0], False
    if kind < 0.6:
        shown = motion_double(scene, 0, number)
        words = (_ACTIONS[actor.action], DIRECTION_WORDS[actor.direction], NOTHING)
    elif kind < 0.76:
        effect = with_effect(scene, 0, SceneDice(scene, "effect of a clip", number)).effects[0]
        shown, words = effect_double(scene, effect, number), (EFFECT_WORDS[effect.kind],)
    elif kind > 0.88 and actor.face is not None:
        shown, words = face_double(scene, 0, number), (EXPRESSION_WORDS[actor.face.expression],)
    else:
        shown, words, empty = scene, (scene.place,), True
    reference = StageReference(
        kind="clip", role="background" if empty else "motion", handle="@it", scene=shown,
        empty=empty,
    )  # fmt: skip
    return reference, shape, (*words, NOTHING, NOTHING)[:3]


def draw_sound(seed: int, number: int) -> tuple[StageReference, tuple[str, ...]]:
    """Draw a sound that a reference may be.

    Args:
        seed: Of the world.
        number: Which sound; the same is always the same.

    Returns:
        A voice half of the time, else music or ambience; and three words: how high a voice is,
        mood and instrument of a piece, or what is heard around.

    Raises:
        ValueError: If the world has no such scene.
    """
    kind = Dice(generator(seed, "sound", number)).one(("voice", "voice", "music", "ambience"))
    shares = {"voice": "speech_share", "music": "music_share", "ambience": "ambience_share"}
    settings = replace(WorldSettings(), **{shares[kind]: 1.0})
    start = derive_seed(seed, "heard", number) % 2**31
    for index in range(start, start + 400):
        scene = sample_scene(seed, index, settings=settings)
        if kind == "voice" and scene.lines:
            line = scene.lines[0]
            words = (VOICE_WORDS[line.voice], _VOICE, NOTHING)
            return voice_sample(scene, line, "@it"), words
        if kind == "music" and scene.music:
            piece = scene.music[0]
            return music_sample(scene, piece, "@it"), (
                piece.mood, TIMBRE_WORDS[piece.timbre], _MUSIC,
            )  # fmt: skip
        if kind == "ambience" and scene.ambience:
            air = scene.ambience[0]
            return ambience_sample(scene, air, "@it"), (
                AMBIENCE_WORDS[air.kind], NOTHING, NOTHING,
            )  # fmt: skip
    raise ValueError(f"this world has no {kind} among 400 scenes; change its settings")
