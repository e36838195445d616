"""Synonyms of every word of the Stage world, and which of them only evaluation may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from openreels.stage.scene import (
    Action,
    Camera,
    Colour,
    Direction,
    Material,
    Shape,
    Side,
    Size,
    TimeOfDay,
)
from openreels.stage.scene import (
    Place as PlaceName,
)

Finite: TypeAlias = str
"""Third person singular, e.g. ``bounces``."""
Gerund: TypeAlias = str
"""The -ing form, e.g. ``bouncing``."""


@dataclass(frozen=True, slots=True)
class Words:
    """The ways to say one thing."""

    common: tuple[str, ...]
    """Synonyms that training captions use; the first is the plain word and is drawn more often."""
    rare: tuple[str, ...]
    """Synonyms that only captions with ``rare_words`` use, for evaluation."""


def _words(common: str, rare: str) -> Words:
    """Split two lists written with ``|``."""
    return Words(tuple(common.split("|")), tuple(rare.split("|")))


SHAPE_WORDS: Mapping[Shape, Words] = {
    "ball": _words("ball|sphere|orb|globe|round ball|toy ball", "bead|spheroid"),
    "cube": _words("cube|box|block|square block|toy block|square", "crate|dice"),
    "pyramid": _words("pyramid|triangle|triangular block|tetrahedron|prism", "wedge|cone"),
    "star": _words("star|five-pointed star|starfish|star shape|pointed star", "pentagram|asterisk"),
    "ring": _words("ring|hoop|doughnut|torus|annulus|round hoop", "donut|loop"),
}
COLOUR_WORDS: Mapping[Colour, Words] = {
    "red": _words(
        "red|crimson|scarlet|ruby|bright red|dark red|maroon|blood-red", "vermilion|cherry"
    ),
    "orange": _words("orange|tangerine|apricot|bright orange|amber|rust-orange", "pumpkin|carrot"),
    "yellow": _words("yellow|golden|lemon|canary|gold|bright yellow", "sunny yellow|mustard"),
    "green": _words("green|lime|emerald|leaf green|dark green|mint|grassy green", "jade|olive"),
    "cyan": _words("cyan|turquoise|aqua|teal|light cyan|bluish green", "aquamarine|blue-green"),
    "blue": _words(
        "blue|navy|azure|cobalt|dark blue|royal blue|bright blue", "sapphire|ultramarine"
    ),
    "purple": _words("purple|violet|lavender|plum|lilac|dark purple", "mauve|amethyst"),
    "pink": _words("pink|rose|magenta|fuchsia|rosy|light pink", "salmon|hot pink"),
}
MaterialTable: TypeAlias = Mapping[Material, Words]
"""Words for each material."""
MATERIAL_ADJECTIVES: Mapping[Material, Words] = {
    "rubber": _words("rubber|rubbery|soft rubber|squishy rubber", "elastic|latex"),
    "wood": _words("wooden|timber|wood", "oak|oaken"),
    "metal": _words("metal|steel|metallic|iron|shiny metal|chrome", "tin|aluminium"),
    "glass": _words("glass|crystal|glassy|transparent glass", "see-through|vitreous"),
}
MATERIAL_NOUNS: Mapping[Material, Words] = {
    "rubber": _words("rubber|soft rubber", "latex|elastic rubber"),
    "wood": _words("wood|timber", "oak|pine"),
    "metal": _words("metal|steel|iron", "tin|aluminium"),
    "glass": _words("glass|crystal", "clear glass|quartz"),
}
SIZE_WORDS: Mapping[Size, Words] = {
    "small": _words("small|little|tiny|miniature|compact", "mini|petite"),
    "medium": _words("medium|medium-sized|mid-sized|normal-sized", "average-sized|middle-sized"),
    "large": _words("large|big|huge|massive|oversized", "giant|enormous"),
}
ACTION_WORDS: Mapping[Action, Words] = {
    "bounce": _words(
        "bounces/bouncing|bounces up and down/bouncing up and down"
        "|is bouncing/bouncing|keeps bouncing/repeatedly bouncing|bounces again and again"
        "/bouncing again and again|falls and bounces/falling and bouncing"
        "|hops up and down/hopping up and down|hops/hopping|drops and rebounds/dropping and"
        " rebounding|falls to the floor and bounces back/falling to the floor and bouncing back",
        "rebounds off the floor/rebounding off the floor|bobs up and down/bobbing up and down",
    ),
    "roll": _words(
        "rolls/rolling|is rolling/rolling|rolls away/rolling away|rolls on the floor/rolling on the"
        " floor|rolls into a wall and back/rolling into a wall and back"
        "|rolls along the floor/rolling along the floor|trundles along/trundling along"
        "|rolls across the ground/rolling across the ground",
        "tumbles along the ground/tumbling along the ground|wheels along/wheeling along",
    ),
    "jump": _words(
        "jumps/jumping|is jumping/jumping|jumps up and down/jumping up and down|jumps again and"
        " again/jumping again and again|keeps jumping/repeatedly jumping|leaps/leaping|leaps"
        " into the air/leaping into the air"
        "|jumps up and lands/jumping up and landing|springs into the air/springing into the air",
        "vaults upwards/vaulting upwards|lifts off and lands/lifting off and landing",
    ),
    "spin": _words(
        "spins/spinning|is spinning/spinning|spins around/spinning around|keeps spinning/whirling"
        "|spins quickly/quickly spinning|twirls/twirling|rotates/rotating|turns round and"
        " round/turning round and"
        " round|spins like a top/spinning like a top|whirls on the spot/whirling on the spot",
        "pirouettes/pirouetting|revolves/revolving",
    ),
    "swing": _words(
        "swings/swinging|is swinging/swinging|swings back and forth/swinging back and forth|swings"
        " from a string/swinging from a string|swings on a rope/swinging on a rope|swings on a"
        " rope and knocks a post/"
        "swinging on a rope and knocking a post|dangles from a rope and sways/dangling from a rope"
        " and swaying|swings like a pendulum/swinging like a pendulum",
        "sways from a cord/swaying from a cord|oscillates on a string/oscillating on a string",
    ),
    "collide": _words(
        "collides with/colliding with|is colliding with/colliding with|hits/hitting|bangs into"
        "/banging into|crashes into/crashing into|bumps into/bumping into"
        "|smashes into/smashing into|knocks against/knocking against|runs into/running into",
        "slams into/slamming into|rams/ramming",
    ),
}
"""Pairs ``finite/gerund``; those of ``collide`` take the partner as object."""
MUTUAL_WORDS: Words = _words(
    "collide/colliding|collide with each other/colliding with each other|hit each other/hitting"
    " each"
    " other|crash into each other/crashing into each other|bump together/bumping"
    " together|run into each other/running into each other",
    "slam together/slamming together|smack into one another/smacking into one another",
)
"""Pairs for two colliding actors named first: ``A and B collide``."""
PLACE_PHRASES: Mapping[PlaceName, Words] = {
    "meadow": _words(
        "in a meadow|on a grassy field|on the grass|in a pasture|in a field|in a park", "on a lawn"
    ),
    "beach": _words(
        "on a beach|on the seashore|by the sea|at the seaside|on a sandy beach|by the ocean",
        "on the coast",
    ),
    "desert": _words(
        "in a desert|among sand dunes|in a dry desert|in the dunes|in the sandy desert",
        "in the sahara",
    ),
    "room": _words(
        "in a room|indoors|in a living room|inside a house|at home|in a bedroom", "in a parlour"
    ),
    "theatre": _words(
        "in a theatre|on a theatre stage|on stage|in front of a theatre curtain|in a theater",
        "in a playhouse",
    ),
    "street": _words(
        "on a street|on a city street|on a road|in the city|in a street|in town", "on an avenue"
    ),
}
TIME_PHRASES: Mapping[TimeOfDay, Words] = {
    "day": _words(
        "by day|during the day|in daylight|at noon|in bright sunshine|in the daytime|in the"
        " morning",
        "at midday",
    ),
    "dusk": _words(
        "at dusk|at sunset|in the evening|at twilight|in the sunset light", "at nightfall"
    ),
    "night": _words(
        "at night|after dark|at midnight|under the moon|in the night|in moonlight",
        "late in the night",
    ),
}
TIME_SENTENCES: Mapping[TimeOfDay, Words] = {
    "day": _words("it is daytime|it is day|the sun is high|it is a sunny day", "it is midday"),
    "dusk": _words("it is dusk|the sun is setting|it is evening", "the light is fading"),
    "night": _words("it is night|night has fallen|the moon is out|it is dark", "the stars are out"),
}
CAMERA_SENTENCES: Mapping[Camera, Words] = {
    "static": _words(
        "the camera is still|static camera|static shot|the camera does not move|fixed camera",
        "the camera stays put",
    ),
    "pan left": _words(
        "the camera pans left|the camera pans to the left|slow pan left|pan left|panning left"
        "|camera moving left|the view slides leftwards",
        "the shot sweeps left",
    ),
    "pan right": _words(
        "the camera pans right|the camera pans to the right|slow pan right"
        "|pan right|panning right|camera moving right"
        "|the view slides rightwards",
        "the shot sweeps right",
    ),
    "zoom in": _words(
        "the camera zooms in|slow zoom in|zoom in|zooming in|the camera moves closer|the view"
        " closes in",
        "the camera pushes in",
    ),
    "zoom out": _words(
        "the camera zooms out|slow zoom out|zoom out|zooming out|the camera pulls back|the view"
        " widens",
        "the camera backs away",
    ),
}
SIDE_PHRASES: Mapping[Side, Words] = {
    "left": _words(
        "on the left|on the left side|at the left of the picture", "in the left third of the frame"
    ),
    "middle": _words(
        "in the middle|in the centre|at the centre of the picture",
        "in the middle third of the frame",
    ),
    "right": _words(
        "on the right|on the right side|at the right of the picture",
        "in the right third of the frame",
    ),
}
TRAVEL_PHRASES: Mapping[Direction, Words] = {
    "left": _words("to the left|towards the left|leftwards", "toward the left edge"),
    "right": _words("to the right|towards the right|rightwards", "toward the right edge"),
}
TRAVEL_VERBS: Mapping[Action, str] = {
    "bounce": "drifting",
    "roll": "",
    "jump": "drifting",
    "spin": "turning",
    "swing": "first",
    "collide": "",
}
"""Word before the direction: what ``direction`` means for each action."""
SOUND_PHRASES: Mapping[Material, Words] = {
    "rubber": _words("with a dull thud|with a soft thump", "with a muffled plop"),
    "wood": _words("with a hollow knock|with a wooden clack", "with a woody tock"),
    "metal": _words("with a metallic clang|ringing like metal", "with a ringing gong"),
    "glass": _words("with a bright clink|tinkling like glass", "with a glassy ping"),
}
"""Each names one material, so that it never contradicts the scene."""
SOUND_MOMENTS: Mapping[Action, tuple[str, ...]] = {
    "bounce": ("at each landing", "at every bounce", ""),
    "roll": ("at the wall", "when it hits the wall", ""),
    "jump": ("at each landing", "when it lands", ""),
    "spin": ("", "at each touch"),
    "swing": ("at the post", "at every swing", ""),
    "collide": ("at the impact", ""),
}
