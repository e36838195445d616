"""What a prompt says of a Stage scene: things with what belongs to them, place, light, camera.

The inverse of ``captions`` for all that its grammar writes, and for much that people write.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from openreels.stage.loose_words import Kind
from openreels.stage.said import NamedThing, Reading
from openreels.stage.scene import OUTDOORS, PLAYERS
from openreels.stage.vocabulary import ARTICLES, PREPOSITIONS, Item, find

MAX_NAMED = 3
"""Most things that a caption names."""

_ATTRIBUTES = ("colour", "material", "size")
_SCENIC = ("place", "time_of_day", "weather", "style")
_OF_A_THING = (
    *_ATTRIBUTES,
    "expression",
    "action",
    "doing",
    "hit",
    "meet",
    "side",
    "direction",
    "sound",
    "moment",
    "plays",
    "utters",
    "voice",
    *("effect", "like", "mien", "changed"),
)
_SHOWN: tuple[Kind, ...] = (
    "place_of", "style_of", "frame_of", "story_of", "music_of", "ambience_of",
)  # fmt: skip
_CLAUSE = ("plays", "direction", "sound", "moment", "side")
"""What may stand between what a thing does and ``is``."""
_QUOTES = frozenset('"\u201c\u201d')
_ADVERBS = frozenset({"coloured", "quite"})
_LINKS = frozenset({"in", "is", "and", "of", "painted", "quite", ",", *ARTICLES})
"""Words after which a property of the thing before may stand."""
_TAILS = frozenset({"size", "over", "coloured"})
"""Last words of what is said of a thing."""


def read(text: str) -> Reading:
    """Read a prompt.

    Args:
        text: Any text without tags.

    Returns:
        All that was understood.
    """
    items, mendings = find(text)
    reader = _Reader(_recalled(_judged(items)))
    reader.run()
    things = tuple(NamedThing(**thing) for thing in reader.things)
    usual = all(item.origin == "caption" for item in reader.items)
    unknown = tuple(" ".join(item.words) for item in reader.items if item.kind == "unknown")
    return Reading(
        things=things,
        named=bool(reader.nouns),
        place=reader.scene.get("place"),
        time_of_day=reader.scene.get("time_of_day"),
        camera=reader.scene.get("camera"),
        weather=reader.scene.get("weather"),
        style=reader.scene.get("style"),
        music=tuple(_piece(item.value) for item in reader.items if item.kind == "music"),
        ambience=reader.scene.get("ambience"),
        shown={kind: reader.scene[kind] for kind in _SHOWN if kind in reader.scene},
        composed=any(i.kind == "shot" or i.words[0] in _QUOTES for i in reader.items),
        unknown=unknown,
        clashes=tuple(dict.fromkeys(reader.clashes)),
        mendings=mendings,
        in_captions=usual
        and bool(things or "story_of" in reader.scene)
        and not (unknown or mendings or reader.clashes or reader.loose)
        and all(thing.is_whole or "frame_of" in reader.scene for thing in things),
    )


def _piece(value: str) -> tuple[Any, Any]:
    mood, _, timbre = value.partition("/")
    return mood or None, timbre or None


def _judged(items: tuple[Item, ...]) -> list[Item]:
    """Take words for known or unknown by what stands beside them; write plurals out."""
    judged = list[Item]()
    for index, item in enumerate(items):
        word, after = item.words[0], items[index + 1 :]
        behind = next((i for i in after if i.words[0] not in ARTICLES), None)
        if len(item.words) == 1 and word in PREPOSITIONS and item.kind in ("word", "unknown"):
            of_colour = word == "in" and bool(after) and _is_hue(after[0])
            known = of_colour or (behind is not None and behind.kind in _SCENIC)
            origin = "caption" if of_colour else "loose"
            item = replace(item, kind="word" if known else "unknown", origin=origin)
        elif item.words in (("slow",), ("slowly",)):
            beside = (*after[:1], *items[max(index - 1, 0) : index])
            known = any(other.kind == "camera" for other in beside)
            item = replace(item, kind="word" if known else "unknown")
        elif item.kind in _ATTRIBUTES and after and after[0].origin == "loose":
            lost = after[0].kind in _SCENIC  # ``a red sunset``: no thing is red
            item = replace(item, kind="unknown") if lost else item
        judged.append(item)
        if item.kind == "many":
            _write_out(judged)
    return [replace(i, kind="unknown") if i.kind in ("many", "count") else i for i in judged]


def _recalled(items: list[Item]) -> list[Item]:
    """Move ``the red ball then melts`` to the ball that was named before, if there is just one."""
    found = list(items)
    for index in range(len(items) - 1, 3, -1):
        if items[index].kind != "effect":
            continue
        article, colour, shape = items[index - 3 : index]
        if article.words != ("the",) or (colour.kind, shape.kind) != ("colour", "shape"):
            continue
        named = [at for at in range(index - 3) if items[at].kind == "shape"]
        same = [at for at in named if items[at].value == shape.value]
        if len(same) == 1:
            noun = same[0]
            del found[index - 3 : index + 1]
            found[noun : noun + 1] = [colour, items[noun], items[index]]
    return found


def _write_out(items: list[Item]) -> None:
    """Put ``a red ball a red ball`` in the place of ``two red balls`` at the end of a list."""
    at = len(items) - 2
    while at >= 0 and items[at].kind in _ATTRIBUTES:
        at -= 1
    if at >= 0 and items[at].kind == "count":
        article = replace(items[at], kind="word", value="", words=("a",))
        one = [article, *items[at + 1 : -1], replace(items[-1], kind="shape")]
        items[at:] = one * int(items[at].value)


def _is_hue(item: Item) -> bool:
    return item.kind == "colour" or item.words == ("size",)


def _begun(noun: Item) -> dict[str, Any]:
    """A thing of which no more is known than its noun, or the handle in its place."""
    if noun.words[0].startswith("@"):
        return {"handle": noun.words[0]}
    return {"shape": noun.value or None}


@dataclass(slots=True)
class _Reader:
    """Gives every item to the thing that it belongs to."""

    items: list[Item]
    nouns: list[int] = field(default_factory=list[int])
    things: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    scene: dict[str, Any] = field(default_factory=dict[str, Any])
    clashes: list[str] = field(default_factory=list[str])
    beside: list[int] = field(default_factory=list[int])
    """Things named just before two that collide; they must do something else."""
    loose: bool = False

    def run(self) -> None:
        """Read nouns, what stands before them, collisions, and then the rest."""
        self.nouns = [i for i, item in enumerate(self.items) if item.kind in ("shape", "thing")]
        self.things = [_begun(self.items[i]) for i in self.nouns]
        said = any(item.kind in _OF_A_THING for item in self.items)
        if not self.things and said:
            self.things = [{}]
        before = {i: number for number, noun in enumerate(self.nouns) for i in self._run(noun)}
        before |= self._inverted()
        for index, number in before.items():
            if self.items[index].kind != "moment":
                self._put(number, index)
        for index, item in enumerate(self.items):
            if item.kind in ("hit", "meet"):
                self._collide(index)
        for item in self.items:
            if item.kind in (*_SCENIC, "camera", "ambience", *_SHOWN):
                self._set(self.scene, item.kind, item.value, "the scene")
        self._share_out(before)
        self._compare()

    def _compare(self) -> None:
        """Note what cannot be."""
        place, weather = self.scene.get("place"), self.scene.get("weather")
        if weather not in (None, "clear") and place not in (None, *OUTDOORS):
            self.clashes.append(f"{weather} in the {place}")
        for number, thing in enumerate(self.things):
            plays, action = thing.get("plays"), thing.get("action")
            if plays and action and action not in PLAYERS[plays]:
                self.clashes.append(f"a {plays} for {self._name(number)} with {action}")
        if any({"action", "like"}.isdisjoint(self.things[number]) for number in self.beside):
            self.clashes.append("a collision of three things")

    def _share_out(self, before: dict[int, int]) -> None:
        """Give what stands after the nouns to its owners."""
        for index, item in enumerate(self.items):
            if index not in before and item.kind in _OWNERS and self.things:
                for number in self._alike(_OWNERS[item.kind](self, index)):
                    self._put(number, index)

    def _run(self, noun: int) -> list[int]:
        """Items that stand before a noun and describe it: ``a large, red and bouncing`` ball."""
        run, at = list[int](), noun - 1
        while at >= 0 and self._describes(at):
            run.append(at)
            at -= 1
        wide = list(run)
        while at >= 0 and (self._describes(at) or self.items[at].words[0] in (",", "and")):
            wide.append(at)
            at -= 1
        anchored = at < 0 or self.items[at].words[0] in ARTICLES
        return [i for i in reversed(wide if anchored else run) if self.items[i].value]

    def _inverted(self) -> dict[int, int]:
        """Items of clauses that end with their thing: ``bouncing on the left is a ball``."""
        found: dict[int, int] = {}
        for index, item in enumerate(self.items):
            end = index + 1
            while end < len(self.items) and self.items[end].kind in _CLAUSE:
                end += 1
            following = sum(noun < index for noun in self.nouns)
            turned = end < len(self.items) and self.items[end].words == ("is",)
            if item.kind == "doing" and turned and following < len(self.nouns):
                found |= {i: following for i in range(index, end) if self.items[i].value}
        return found

    def _describes(self, index: int) -> bool:
        item = self.items[index]
        return item.kind in (*_ATTRIBUTES, "expression", "doing") or item.words[0] in _ADVERBS

    def _alike(self, number: int) -> list[int]:
        """The things that are named by one plural, or just the one."""
        if not self.nouns:
            return [number]
        start = self.items[self.nouns[number]].start
        return [n for n, noun in enumerate(self.nouns) if self.items[noun].start == start]

    def _before(self, index: int) -> int:
        """The last thing named before an item, or the first of all."""
        return max(sum(noun < index for noun in self.nouns) - 1, 0)

    def _property(self, index: int) -> int:
        """Whose property it is that stands after a noun."""
        at = index - 1
        while at >= 0 and self.items[at].kind in _ATTRIBUTES:
            at -= 1
        if at < 0 or self.items[at].words[0] not in _LINKS:
            self.loose = True
        return self._before(index)

    def _doer(self, index: int) -> int:
        """Who does it: the thing before, or the one after if that has something to do."""
        number = self._before(index)
        named_before = bool(self.nouns) and self.nouns[number] < index
        busy = named_before and not {"action", "like"}.isdisjoint(self.things[number])
        return number + 1 if busy and number + 1 < len(self.things) else number

    def _stander(self, index: int) -> int:
        """Whose side it is: of the thing before, or of that after where a clause begins."""
        at = index - 1
        while at >= 0 and self.items[at].words == (",",):
            at -= 1
        follows = at >= 0 and (
            self.items[at].kind in ("shape", "thing", *_OF_A_THING)
            or self.items[at].words[-1] in _TAILS
        )
        number = self._before(index)
        named_before = bool(self.nouns) and self.nouns[number] < index
        opens = named_before and not follows and number + 1 < len(self.things)
        return number + 1 if opens else number

    def _sounder(self, index: int) -> int:
        """Who sounds: the thing before; of a collision the one that hits."""
        number = self._before(index)
        partner = self.things[number].get("partner")
        return partner if isinstance(partner, int) and partner < number else number

    def _collide(self, index: int) -> None:
        """Make partners of two things."""
        first = sum(noun < index for noun in self.nouns) - 1
        first -= self.items[index].kind == "meet"
        if first < 0 or first + 1 >= len(self.things):
            self.clashes.append("a collision of one thing")
            return
        if self.items[index].kind == "meet" and first > 0:
            self.beside.append(first - 1)
        if self.items[index].kind == "hit" and len(self._alike(first) + self._alike(first + 1)) > 2:
            self.clashes.append("a collision of three things")
        for number, partner in ((first, first + 1), (first + 1, first)):
            thing = self.things[number]
            self._set(thing, "action", "collide", self._name(number))
            self._set(thing, "partner", partner, self._name(number))

    def _put(self, number: int, index: int) -> None:
        item = self.items[index]
        name = {"doing": "action", "sound": "material"}.get(item.kind, item.kind)
        self._set(self.things[number], name, item.value, self._name(number))

    def _set(self, record: dict[str, Any], name: str, value: object, whose: str) -> None:
        if record.setdefault(name, value) != value:
            self.clashes.append(f"{name} {record[name]} and {value} of {whose}")

    def _name(self, number: int) -> str:
        words = ("one thing",) if not self.nouns else self.items[self.nouns[number]].words
        return " ".join(words)


_OWNERS: dict[str, Callable[[_Reader, int], int]] = {
    **dict.fromkeys(_ATTRIBUTES, _Reader._property),
    **dict.fromkeys(("action", "doing", "like"), _Reader._doer),
    "side": _Reader._stander,
    **dict.fromkeys(("direction", "effect", "mien", "changed"), _Reader._before),
    "plays": _Reader._before,
    "utters": _Reader._before,
    "voice": _Reader._before,
    "expression": _Reader._before,
    "sound": _Reader._sounder,
}
"""How the owner of an item is found."""
