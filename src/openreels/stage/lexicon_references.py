"""Words for references: how a prompt says that something is as in ``@handle``, with synonyms."""

from collections.abc import Mapping

from openreels.stage.lexicon import Words
from openreels.stage.references import Role
from openreels.stage.scene import EffectKind


def _words(common: str, rare: str) -> Words:
    """Split two lists written with ``|``."""
    return Words(tuple(common.split("|")), tuple(rare.split("|")))


MOTION_PHRASES: Words = _words(
    "moves like {handle}|moves as in {handle}|does what {handle} shows|moves exactly like {handle}"
    "|follows the motion of {handle}|has the motion of {handle}",
    "imitates the movement of {handle}",
)
"""What an actor does that moves like a reference clip."""
EXPRESSION_PHRASES: Words = _words(
    "with the expression of {handle}|with the face of {handle}|making the face of {handle}"
    "|looking like the face in {handle}|with the same expression as {handle}",
    "wearing the mien of {handle}",
)
"""What an actor looks like whose face is that of a reference clip."""
EFFECT_PHRASES: Words = _words(
    "then changes as in {handle}|then undergoes the effect of {handle}"
    "|then transforms like {handle}|then gets the effect of {handle}",
    "then suffers what befalls {handle}",
)
"""What happens to an actor under the effect of a reference clip."""
EFFECT_WORDS: Mapping[EffectKind, Words] = {
    "dissolve": _words(
        "then dissolves into sparks|then falls apart into sparks|then turns into sparks",
        "then disintegrates into embers",
    ),
    "melt": _words(
        "then melts|then melts away|then melts into a puddle|then melts down", "then liquefies"
    ),
    "inflate": _words(
        "then inflates|then swells up|then blows up like a balloon|then grows large", "then bloats"
    ),
    "glow": _words(
        "then glows|then begins to glow|then lights up|then shines brightly", "then radiates"
    ),
    "shatter": _words(
        "then shatters|then breaks into pieces|then breaks apart|then falls to pieces",
        "then splinters",
    ),
}
"""What happens to an actor under an effect that is said."""
PLACE_OF: Words = _words(
    "in the place of {handle}|in front of {handle}|in {handle}|with {handle} as the background"
    "|in the scene of {handle}",
    "against the scenery of {handle}",
)
"""Where a scene is that happens in a reference picture or clip."""
STYLE_OF: Words = _words(
    "the style is that of {handle}|it looks like {handle}|everything is drawn like {handle}"
    "|it has the style of {handle}",
    "it borrows the look of {handle}",
)
"""How a scene looks that has the style of a reference picture."""
FRAME_OF: Words = _words(
    "{handle} is the first frame|it starts with {handle}|the clip begins as {handle}"
    "|the first frame is {handle}",
    "the opening image is {handle}",
)
"""What a clip starts with."""
STORY_OF: Words = _words(
    "the clip tells the storyboard {handle} in order|it shows what {handle} shows, panel by panel"
    "|the four panels of {handle} are told one after the other|a clip of the storyboard {handle}",
    "animate the storyboard {handle}",
)
"""What a clip tells that has a storyboard."""
MUSIC_OF: Words = _words(
    "music like {handle}|the music of {handle}|music in the mood of {handle}",
    "a tune akin to {handle}",
)
"""What plays; in ``<bgm>`` or before "plays"."""
AMBIENCE_OF: Words = _words(
    "the ambience of {handle}|the sounds of {handle}|background sounds like {handle}",
    "an atmosphere akin to {handle}",
)
"""What is heard around; in ``<sfx>`` or before "are heard"."""
IMPACT_WORDS: Words = _words("a hit|a knock|the sound of the contact", "a blow")
"""The sound of an actor whose material is not said."""
ROLE_WORDS: Mapping[Role, Words] = {
    "subject": _words("shows the subject|is the subject|is who acts", "depicts the protagonist"),
    "place": _words("shows the place|is the place", "depicts the locality"),
    "style": _words("shows the style|gives the style", "sets the look"),
    "frame": _words("is the first frame|shows the first frame", "is the opening image"),
    "motion": _words("shows the motion|gives the motion", "sets the movement"),
    "expression": _words("shows the expression|gives the expression", "sets the mien"),
    "effect": _words("shows the effect|gives the effect", "sets the transformation"),
    "background": _words("shows the background|is the background", "is the backdrop"),
    "storyboard": _words("is the storyboard|shows the story in four panels", "is the plan of it"),
    "voice": _words("has the voice|gives the voice", "sets the timbre"),
    "music": _words("gives the music|has the music", "sets the tune"),
    "ambience": _words("gives the ambience|has the ambience", "sets the atmosphere"),
}
"""What a structured prompt says of each reference."""
