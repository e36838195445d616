"""Words for how a scene looks: weather, styles, faces, overlays and cuts, with synonyms."""

from collections.abc import Mapping

from openreels.stage.lexicon import Words
from openreels.stage.scene import Expression, Logo, OverlayKind, Spot, Style, Weather


def _words(common: str, rare: str) -> Words:
    """Split two lists written with ``|``."""
    return Words(tuple(common.split("|")), tuple(rare.split("|")))


WEATHER_PHRASES: Mapping[Weather, Words] = {
    "clear": _words("in clear weather|in dry weather|without rain or snow", "in fair weather"),
    "rain": _words(
        "in the rain|in pouring rain|in heavy rain|while it rains|in rainy weather",
        "in a downpour",
    ),
    "snow": _words(
        "in the snow|in falling snow|while it snows|in snowy weather|in a snowfall",
        "in a blizzard",
    ),
}
WEATHER_SENTENCES: Mapping[Weather, Words] = {
    "clear": _words("the weather is clear|the weather is dry", "the weather is fair"),
    "rain": _words(
        "it is raining|it rains|rain is falling|rain pours down|the weather is rainy",
        "it is drizzling",
    ),
    "snow": _words(
        "it is snowing|it snows|snow is falling|snowflakes drift down|the weather is snowy",
        "white flakes come down",
    ),
}
STYLE_TITLES: Mapping[Style, Words] = {
    "plain": _words("a plain animation|a plain film|a plain cartoon", "an ordinary animation"),
    "paper-cut": _words(
        "a paper-cut animation|a paper-cut film|a cut-paper film|a papercut scene",
        "a paper collage",
    ),
    "mosaic": _words(
        "a brick animation|a toy brick film|a mosaic of bricks|a brick mosaic film",
        "a building-block film",
    ),
    "sketch": _words(
        "a pencil sketch|a sketched animation|a pencil drawing|a hand-drawn film", "a doodle"
    ),
}
STYLE_SENTENCES: Mapping[Style, Words] = {
    "plain": _words("the style is plain|plain style", "the look is ordinary"),
    "paper-cut": _words(
        "the style is paper-cut|paper-cut style|everything is cut out of paper"
        "|it looks like cut paper|all of it is paper",
        "it is a collage of paper",
    ),
    "mosaic": _words(
        "the style is a brick mosaic|brick mosaic style|everything is built of toy bricks"
        "|it looks like bricks|all of it is made of bricks",
        "it is all building blocks",
    ),
    "sketch": _words(
        "the style is a pencil sketch|sketch style|everything is drawn with a pencil"
        "|it looks like a drawing|all of it is sketched on paper",
        "it is all scribbled by hand",
    ),
}
FACE_PHRASES: Mapping[Expression, Words] = {
    "neutral": _words(
        "with a neutral face|with a calm face|with a plain face|with a serious face",
        "with a blank face",
    ),
    "happy": _words(
        "with a happy face|with a smiling face|with a cheerful face|with a big smile",
        "with a grin",
    ),
    "sad": _words(
        "with a sad face|with an unhappy face|with a frowning face|with a frown",
        "with a gloomy face",
    ),
    "surprised": _words(
        "with a surprised face|with an astonished face|with an amazed face|with a look of surprise",
        "with a startled face",
    ),
}
FACE_WORDS: Mapping[Expression, Words] = {
    "neutral": _words("neutral|calm|serious", "blank"),
    "happy": _words("happy|cheerful|joyful", "merry"),
    "sad": _words("sad|unhappy", "gloomy"),
    "surprised": _words("surprised|astonished|amazed", "startled"),
}
SPOT_PHRASES: Mapping[Spot, Words] = {
    "top": _words("at the top|along the top", "across the top"),
    "bottom": _words("at the bottom|along the bottom", "across the bottom"),
    "top left": _words("in the top left corner|in the upper left corner", "at the upper left"),
    "top right": _words("in the top right corner|in the upper right corner", "at the upper right"),
    "bottom left": _words(
        "in the bottom left corner|in the lower left corner", "at the lower left"
    ),
    "bottom right": _words(
        "in the bottom right corner|in the lower right corner", "at the lower right"
    ),
}
OVERLAY_SENTENCES: Mapping[OverlayKind, Words] = {
    "words": _words(
        'the word "{text}" is written {spot}|"{text}" is written {spot}'
        '|the text "{text}" appears {spot}|{spot} it says "{text}"|big letters {spot} say "{text}"',
        'the lettering "{text}" stands {spot}',
    ),
    "subtitle": _words(
        'the subtitle says "{text}"|a subtitle reads "{text}"|the subtitle "{text}" is shown'
        '|it is subtitled "{text}"',
        'the caption line reads "{text}"',
    ),
    "watermark": _words(
        'a faint watermark "{text}" is {spot}|there is a watermark "{text}" {spot}'
        '|{spot} is the watermark "{text}"',
        'a pale stamp "{text}" lies {spot}',
    ),
    "logo": _words(
        "a {text} logo is {spot}|there is a logo of a {text} {spot}|{spot} is a {text} logo",
        "a {text} emblem sits {spot}",
    ),
}
OVERLAY_NOUNS: Mapping[OverlayKind, Words] = {
    "words": _words("the word|the text|the writing|the letters", "the lettering"),
    "subtitle": _words("the subtitle|the subtitles", "the caption line"),
    "watermark": _words("the watermark|the faint watermark", "the pale stamp"),
    "logo": _words("the logo|the badge", "the emblem"),
}
LOGO_WORDS: Mapping[Logo, Words] = {
    "heart": _words("heart|heart-shaped", "love-heart"),
    "crown": _words("crown|royal crown", "coronet"),
    "bolt": _words("lightning bolt|lightning", "thunderbolt"),
    "arrow": _words("arrow|up arrow", "pointer"),
}
CUT_WORDS: Words = _words(
    "cut to|then a cut to|a hard cut to|the next shot is|after a cut we see", "the film jumps to"
)
WIDE_WORDS: Words = _words("a wide shot|the whole scene|a wide view", "a full shot")
CLOSE_WORDS: Words = _words("a close-up of|a close shot of|a close view of", "a tight shot of")
SHOT_NUMBERS: tuple[str, ...] = ("one shot", "two shots", "three shots")

SCREEN_WORDS: tuple[str, ...] = (
    "HELLO", "WOW", "GO", "STOP", "BANG", "JUMP", "PLAY", "SHOW", "OPEN", "MOVE", "FUN", "HEY",
    "BOOM", "ROLL", "SPIN", "STAGE", "SUN", "MOON", "TOY", "NEW", "WIN", "ONE", "TWO", "QUIZ",
    "JAZZ", "KIDS", "FLY", "EXIT", "CAFE", "LUCKY",
)  # fmt: skip
"""Words of the picture that training shows."""
HELD_OUT_SCREEN_WORDS: tuple[str, ...] = (
    "YES", "HI", "BOX", "PARK", "LAKE", "ZERO", "DANCE", "VIDEO", "GAME", "WAVE",
)  # fmt: skip
"""Words of the picture for evaluation only."""
SUBTITLES: tuple[str, ...] = (
    "HERE I AM", "LOOK AT ME", "LETS GO", "OH NO", "GOOD DAY", "COME ON", "SO FAST", "UP UP UP",
    "I CAN FLY", "NOT BAD", "MY TURN", "ALL DONE",
)  # fmt: skip
"""Lines of at most ten characters."""
HELD_OUT_SUBTITLES: tuple[str, ...] = ("HOLD ON", "SEE YOU", "TOO LATE", "WELL DONE")
"""Lines for evaluation only."""
WATERMARKS: tuple[str, ...] = ("DEMO", "SAMPLE", "DRAFT", "TEST", "PREVIEW", "COPY", "TRIAL")
"""Words of watermarks."""
