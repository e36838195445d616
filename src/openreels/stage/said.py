"""What a prompt says of a Stage scene, as records; ``reading`` fills them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from openreels.stage.ambience import AmbienceKind
from openreels.stage.events import Instrument
from openreels.stage.loose_words import Kind
from openreels.stage.music import Mood, MusicTimbre
from openreels.stage.scene import (
    Action,
    Camera,
    Colour,
    Direction,
    EffectKind,
    Expression,
    Material,
    Place,
    Shape,
    Side,
    Size,
    Style,
    TimeOfDay,
    Weather,
)
from openreels.stage.speech import Voice
from openreels.stage.vocabulary import Mending


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedThing:
    """What is said of one thing; None is not said."""

    shape: Shape | None = None
    """Outline; None for a thing that is only called one."""
    colour: Colour | None = None
    """Named colour."""
    material: Material | None = None
    """What it is made of, or sounds like."""
    size: Size | None = None
    """How large it is."""
    expression: Expression | None = None
    """What its face shows."""
    action: Action | None = None
    """What it does."""
    side: Side | None = None
    """Where in the picture."""
    direction: Direction | None = None
    """Where it goes or turns first."""
    partner: int | None = None
    """Index of the thing that it collides with, for both of them."""
    plays: Instrument | None = None
    """What it strikes."""
    utters: Literal["say", "sing"] | None = None
    """Whether it speaks or sings."""
    voice: Voice | None = None
    """In which voice."""
    effect: EffectKind | None = None
    """What happens to it."""
    handle: str | None = None
    """Name of the reference that shows it, in the place of a noun."""
    like: str | None = None
    """Reference that shows how it moves."""
    mien: str | None = None
    """Reference that shows its face."""
    changed: str | None = None
    """Reference that shows what happens to it."""

    @property
    def is_whole(self) -> bool:
        """Whether it says what it is and does, as every thing of a caption."""
        looks = self.handle or (self.shape and self.colour)
        return bool(looks and (self.action or self.like))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a prompt says, and what of it was not understood."""

    things: tuple[NamedThing, ...]
    """Things in the order in which they are named."""
    named: bool
    """Whether there is a word for a thing; without one, what is said belongs to nothing."""
    place: Place | None
    """Background."""
    time_of_day: TimeOfDay | None
    """Light."""
    camera: Camera | None
    """Camera motion."""
    weather: Weather | None
    """What falls."""
    style: Style | None
    """How the picture is made."""
    music: tuple[tuple[Mood | None, MusicTimbre | None], ...]
    """Mood and timbre of each piece of music."""
    ambience: AmbienceKind | None
    """What is heard around."""
    shown: Mapping[Kind, str]
    """References that show or let hear something of the scene, by what it is: ``place_of``,
    ``style_of``, ``frame_of``, ``story_of``, ``music_of`` or ``ambience_of``."""
    composed: bool
    """Whether it speaks of cuts or of what is drawn over the picture, or quotes words for it."""
    unknown: tuple[str, ...]
    """Words that the world does not know."""
    clashes: tuple[str, ...]
    """What is said in two ways, or cannot be."""
    mendings: tuple[Mending, ...]
    """Words that were read as others."""
    in_captions: bool
    """Whether all of it is said as training captions say it."""

    @property
    def is_shown(self) -> bool:
        """Whether a first frame or a storyboard shows who is where."""
        return "frame_of" in self.shown or "story_of" in self.shown
