"""What people say of a scene that no caption says, for the prompt enhancer. All of it is ours."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "shape", "thing", "many", "count", "colour", "material", "size", "expression", "action",
    "doing", "hit", "meet", "side", "direction", "sound", "moment", "place", "time_of_day",
    "camera", "weather", "style", "shot", "plays", "utters", "voice", "music", "ambience", "word",
    "stop", "unknown", "effect", "like", "mien", "changed", "place_of", "style_of", "frame_of",
    "story_of", "music_of", "ambience_of",
]  # fmt: skip
"""What a phrase is: ``thing`` is a noun that names no shape, ``many`` the plural of a shape,
``doing`` an -ing form, ``hit`` a collision with its object after it, ``meet`` one of two things
named before, ``sound`` the sound of a material, ``moment`` when it sounds, ``shot`` a cut or
something drawn over the picture, ``plays`` a bell or drum that a thing strikes, ``utters`` that it
says or sings, ``music`` a mood and a timbre with a slash, ``word`` one that says nothing of
the scene, ``effect`` what happens to a thing. The last ones are shown by the reference whose handle
is in the phrase: motion, face, effect, place, style, first frame, storyboard, music, ambience."""
LOOSE: Mapping[tuple[Kind, str], str] = {
    ("word", ""): "would like|id like|in the background|as the background|on the floor"
    "|on the ground|as a|in the style of|in the style of a|the weather is",
    ("count", "2"): "two|2|a pair of|a couple of",
    ("count", "3"): "three|3",
    ("thing", ""): "something|thing|object|toy|puppet|item",
    ("size", "small"): "teeny|wee",
    ("size", "large"): "gigantic|great big",
    ("action", "bounce"): "bounce|bounced|hop|falls|drops",
    ("doing", "bounce"): "falling|dropping",
    ("action", "roll"): "roll|rolled|rolls around|hits the wall|hits a wall|rolls to the wall"
    "|rolls into the wall",
    ("action", "jump"): "jump|jumped|leap",
    ("action", "spin"): "spin|spun|twirl|rotate|turns around|whirls",
    ("action", "swing"): "swing|swung|sways",
    ("doing", "swing"): "swaying",
    ("hit", "collide"): "collide with|collided with|hit|crash into|bump into|collides into",
    ("meet", "collide"): "collided|crash together|bang together",
    ("place", "meadow"): "meadow|grass|field|grassy field|lawn|pasture|park|garden",
    ("place", "beach"): "beach|sandy beach|sea|seaside|seashore|ocean|coast|shore",
    ("place", "desert"): "desert|sandy desert|dunes|sand dunes|sahara",
    ("place", "room"): "room|living room|bedroom|house|home|parlour",
    ("place", "theatre"): "theatre|theater|theatre stage|theatre curtain|playhouse|stage",
    ("place", "street"): "street|city street|road|city|town|avenue",
    ("time_of_day", "day"): "day|daytime|daylight|noon|midday|morning|sunshine|sunny",
    ("time_of_day", "dusk"): "dusk|sunset|evening|twilight|nightfall",
    ("time_of_day", "night"): "night|nighttime|midnight|moonlight|starry night",
    ("camera", "static"): "still camera|the camera stands still|the camera stays still"
    "|no camera movement|without camera movement|the camera is static|the camera is fixed",
    ("camera", "pan left"): "pans left|pans to the left|pan to the left|panning to the left"
    "|pans slowly left|pans slowly to the left",
    ("camera", "pan right"): "pans right|pans to the right|pan to the right|panning to the right"
    "|pans slowly right|pans slowly to the right",
    ("camera", "zoom in"): "zooms in|zooms slowly in",
    ("camera", "zoom out"): "zooms out|zooms slowly out",
    ("weather", "clear"): "clear weather|dry weather",
    ("weather", "rain"): "rain|rainy|raining",
    ("weather", "snow"): "snow|snowy|snowing",
    ("style", "paper-cut"): "paper cut|papercut|cut paper|paper cut style|papercut style",
    ("style", "mosaic"): "mosaic|brick mosaic|mosaic style|toy bricks|lego|lego style|lego bricks",
    ("style", "sketch"): "sketch|pencil sketch|pencil drawing|sketch style|pencil style|sketched",
    ("plays", "drum"): "beats a drum|hits a drum|drums|lands on a drum|onto a drum|drumming"
    "|playing a drum|plays a drum",
    ("plays", "bell"): "rings a bell|hits a bell|rings the bell|hits the bell|into a bell"
    "|against a bell|ringing the bell|rings bells",
    ("utters", "sing"): "sings|sing|singing|is singing|sings a song|singing a song|sings along",
    (
        "utters",
        "say",
    ): "speaks|speak|speaking|is speaking|talks|talk|talking|is talking|says something",
    ("voice", "low"): "low voice|deep voice|in a deep low voice",
    ("voice", "high"): "high voice|squeaky voice",
    ("music", "happy/"): "happy music|with happy music|cheerful music|with cheerful music"
    "|joyful music|happy background music|in a major key",
    ("music", "sad/"): "sad music|with sad music|melancholic music|sad background music"
    "|with melancholic music|gloomy music",
    ("music", "/pluck"): "guitar music|harp music|with guitar music|with a guitar playing",
    ("music", "/organ"): "organ music|with organ music|with an organ playing",
    ("music", "/pad"): "string music|with string music|orchestral music",
    ("ambience", "rain"): "the rain patters|sound of rain|with the sound of rain|rain sounds"
    "|the rain is heard",
    ("ambience", "wind"): "wind|windy|wind blows|the wind blows|howling wind|with howling wind"
    "|sound of wind|with the sound of wind|it is windy|in the wind",
    ("ambience", "night"): "crickets|chirping crickets|the crickets chirp|with crickets chirping"
    "|crickets chirping",
    (
        "effect",
        "dissolve",
    ): "dissolves|falls apart|turns into sparks|dissolving|dissolves into sparks",
    ("effect", "melt"): "melts|melts away|melting|and then melts|is melting|melts into a puddle",
    ("effect", "inflate"): "inflates|swells|swells up|blows up|inflating|and then swells up",
    ("effect", "glow"): "glows|glowing|begins to glow|lights up|and then glows|starts to glow",
    ("effect", "shatter"): "shatters|breaks|breaks apart|breaks into pieces|shattering"
    "|falls to pieces|and then shatters",
    ("shot", ""): "close up|closeup|watermark|subtitle|subtitles|logo",
    ("side", "left"): "left side|at the left|to its left",
    ("side", "right"): "right side|at the right|to its right",
    ("side", "middle"): "in the center|in the middle of the picture|at the centre|in the centre of"
    " the picture",
}
"""Ways to say a thing that no caption has; ours."""
LOOSE_REFERENCES: Mapping[Kind, str] = {
    "like": "dances like {handle}|moving like {handle}|move like {handle}|does the same as {handle}"
    "|with the motion of {handle}|copies {handle}|like in {handle}|just like {handle}",
    "mien": "with the face from {handle}|looks like {handle}|smiles like {handle}"
    "|the face of {handle}",
    "changed": "changes as in {handle}|with the effect of {handle}|transforms like {handle}"
    "|changes like {handle}|then changes like {handle}",
    "place_of": "on {handle}|at {handle}|inside {handle}|on the place of {handle}|against {handle}"
    "|in the background {handle}|before {handle}",
    "style_of": "in the style of {handle}|in the look of {handle}|drawn like {handle}"
    "|styled like {handle}|style of {handle}|the style of {handle}",
    "frame_of": "starting with {handle}|starts with {handle}|starts from {handle}"
    "|first frame {handle}|beginning with {handle}",
    "story_of": "the story of {handle}|tell the story of {handle}|tells the story of {handle}"
    "|the storyboard {handle}|follows the storyboard {handle}|animate {handle}",
    "music_of": "to the music of {handle}|with the music of {handle}|with music like {handle}"
    "|with the music {handle}|to the tune of {handle}|{handle} as music",
    "ambience_of": "with the ambience of {handle}|with the sounds of {handle}"
    "|with the ambience {handle}|{handle} as ambience|with sounds like {handle}",
}
"""What people say with the handle of a reference; ours."""
EMPTY = frozenset(
    """
    please create make generate render draw show shows showing give me us i id want need lets
    video movie film animation image photo short clip scene shot camera view where featuring are
    colour color colored shaped during setting simple nice beautiful cute theres
    """.split()  # noqa: SIM905 - a list of words is read more easily than a list of quotes
)
"""Words of a wish that say nothing of a scene."""
PREPOSITIONS = frozenset({
    "on", "in", "at", "by", "near", "under", "during", "from", "along", "across", "through",
    "inside",
})  # fmt: skip
"""Words that are understood before a place or a time."""
LOOKALIKES = frozenset(
    """
    beard bluer bouncer bounded bounding breach bread caret cast cater chromed clone coat coats
    compat cost dessert dripping drooping dusky failing felling filed filling gander genre glob
    homer hoping hose housed huger jaded jumpy lager larger leading leaning leaving limey loopy
    meal mental meta missive mourning nigh parka pinky plumb plump posture resolves resolving
    roes roomy rosen rotation rugby sage saying setter shoe shored
    sinning skinning sleet snip sore spanning spine spiny squared stag staged stair stare stark
    start steely stele sung swig tale timbre timer tinny tours violent wedged whirl wooed
    """.split()  # noqa: SIM905
)
"""Words of their own that look like ours with a slip; they are never mended."""
