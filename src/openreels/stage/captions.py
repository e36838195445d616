"""Captions of scenes from a grammar with wide paraphrase, a part of which training never sees."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Literal, TypeAlias

from openreels.core.seeding import derive_seed
from openreels.stage import lexicon
from openreels.stage.captions_looks import LookWriter, fitting
from openreels.stage.captions_sounds import dressed
from openreels.stage.captions_structured import said_by_structured, structured
from openreels.stage.lexicon import Words
from openreels.stage.scene import Actor, Scene
from openreels.stage.tidy import tidied
from openreels.stage.world import WorldSettings, sample_scene

Tier: TypeAlias = Literal["short", "long", "structured"]
"""How much a caption tells: subject, colour and action only; nearly everything; or everything."""
_Form: TypeAlias = Literal["finite", "gerund", "bare"]

HELD_OUT_SEED = 987_654_321
"""Seed of the world from which the evaluation prompts are drawn; never used for training."""

_SLOTS: tuple[str, ...] = ("place", "time", "timesent", "camera")
_LONG = (
    "{place} {time}, {finite}. {camera}.",
    "{finite} {place} {time}. {camera}.",
    "{finite} {place}. {timesent}. {camera}.",
    "{camera}: {gerund} {place} {time}.",
    "{time}, {finite} {place}. {camera}.",
    "{camera}. {finite} {place} {time}.",
    "{finite}, {timesent}, {place}; {camera}.",
    "{bare}, {place}, {time}, {camera}",
)
_LONG_MARKED = (
    "a clip of {gerund} {place} {time}. {camera}.",
    "we see {gerund} {place} {time}; {camera}.",
    "{finite}. the scene is set {place} {time}. {camera}.",
    "{time} something happens {place}: {finite}, {camera}.",
)
_LONG_HELD_OUT = (
    "{timesent}. {place} you can watch {gerund}, {camera}.",
    "imagine {gerund}; all of it takes place {place} {time}, {camera}.",
    "footage, filmed {place} {time}: {finite}; {camera}.",
    "picture this: {place}, {timesent} and {finite}. {camera}.",
)
_SHORT = ("{finite}.", "{gerund}", "{bare}")
_SHORT_MARKED = ("a clip of {gerund}", "we see {gerund}.")
_SHORT_HELD_OUT = ("footage of {gerund}", "imagine that {finite}.", "watch {gerund}")
_PHRASES = (
    "{size} {colour} {material} {shape}",
    "{size} {colour} {material} {shape}",
    "{size} {colour} {shape} made of {noun}",
    "{size} {shape}, {colour} and made of {noun},",
    "{size} {material} {shape} in {colour}",
    "{colour} {material} {shape}, {size} in size,",
    "{material} {shape} that is {size} and {colour}",
    "{size} {shape} of {colour} {noun}",
)
_PHRASES_HELD_OUT = (
    "{size} {colour}-coloured {material} {shape}",
    "{material} {shape} painted {colour}, quite {size},",
    "{size} {shape}, {noun} and {colour} all over,",
)
_JOINS: dict[str, tuple[str, ...]] = {
    "finite": (" and ", ", while ", "; ", ". ", ", and next to it "),
    "gerund": (" and ", ", with ", " next to "),
    "bare": (" and ", ", ", "; "),
}
_ODDS: dict[Tier, dict[str, float]] = {
    "long": {
        "material": 0.9,
        "size": 0.9,
        "side": 0.75,
        "direction": 0.4,
        "sound": 0.2,
        "place": 0.92,
        "time": 0.9,
        "camera": 0.9,
    },
    "short": {"material": 0.3},
    "structured": {},
}
_QUIET_ODDS = 0.4
"""Share of the odds that remains for what goes without saying: medium size, static camera."""
_RESERVED_ONE_IN = 6
"""One synonym in so many is kept out of a marked template for evaluation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A caption and what exactly it says."""

    text: str
    """The caption."""
    order: tuple[int, ...]
    """Indices of the scene's actors in the order in which the caption names them."""
    stated: tuple[frozenset[str], ...]
    """For each of ``order``: which of shape, colour, material, size, action, side, direction
    are said."""
    stated_scene: frozenset[str]
    """Which of place, time_of_day, camera, looks, sounds and kinds of overlays are said."""


def caption(
    scene: Scene,
    variant: int,
    *,
    tier: Tier = "long",
    held_out: bool = False,
    rare_words: bool = False,
) -> str:
    """Say a scene in words; the same arguments always give the same words.

    Args:
        scene: What to describe. All that is said is true of it.
        variant: Which paraphrase; any integer.
        tier: ``short`` gives colour, shape and action of each actor; ``long`` nearly everything;
            ``structured`` everything, in the prompt language.
        held_out: True uses only sentences that no training caption contains: other sentence
            frames, or synonyms in frames from which they are kept out.
        rare_words: True uses the synonyms that training never shows, for evaluation.

    Returns:
        One or a few English sentences.
    """
    return describe(scene, variant, tier=tier, held_out=held_out, rare_words=rare_words).text


def describe(
    scene: Scene,
    variant: int,
    *,
    tier: Tier = "long",
    held_out: bool = False,
    rare_words: bool = False,
) -> Description:
    """Say a scene in words and tell what was said; arguments as in ``caption``.

    Args:
        scene: What to describe.
        variant: Which paraphrase; any integer.
        tier: How much to tell.
        held_out: True uses only sentences that no training caption contains.
        rare_words: True uses the synonyms that training never shows.

    Returns:
        The caption with the attributes that it states.

    Raises:
        ValueError: If the tier is unknown.
    """
    if tier not in _ODDS:
        raise ValueError(f"tier must be one of {tuple(_ODDS)}, got {tier!r}; use 'long'")
    draws = (scene.index, variant, tier, held_out, rare_words)
    rng = Random(derive_seed(scene.seed, "caption", *draws))
    looks = Random(derive_seed(scene.seed, "caption looks", *draws))
    extra = LookWriter(scene, looks, held_out=held_out, rare=rare_words)
    if tier == "structured":
        order, (actor, whole) = tuple(range(len(scene.actors))), said_by_structured(scene)
        stated = (actor,) * len(order)
        return Description(text=structured(extra), order=order, stated=stated, stated_scene=whole)
    long = tier == "long"
    marked = _LONG_MARKED if long else _SHORT_MARKED
    if held_out and not rare_words and rng.random() < 1 / 3:
        writer = _Writer(scene, rng, tier, extra, frame=rng.choice(marked), reserved="only")
        description = writer.write()
        if writer.used_reserved:
            return description
        extra = LookWriter(scene, looks, held_out=held_out, rare=rare_words)
    frames = _LONG_HELD_OUT if long else _SHORT_HELD_OUT
    if not held_out:
        frames = (_LONG if long else _SHORT) + marked
    frame = rng.choice(frames)
    guard = "never" if frame in marked and not held_out else "any"
    return _Writer(scene, rng, tier, extra, frame, guard, rare_words).write()


def held_out_prompts(count: int, duration_s: float = 2.0) -> list[tuple[str, Scene]]:
    """The fixed list of evaluation prompts: held-out long captions of scenes kept for evaluation.

    Args:
        count: How many; a shorter list is the start of a longer one.
        duration_s: How long the scenes last; nothing happens in them later, in [0.25, 15].

    Returns:
        Pairs of a prompt and the scene that it describes.
    """
    settings = WorldSettings(duration_s=duration_s)
    scenes = [sample_scene(HELD_OUT_SEED, index, settings=settings) for index in range(count)]
    return [(caption(scene, 0, held_out=True), scene) for scene in scenes]


@cache
def frame_words() -> frozenset[str]:
    """Every word of the grammar that is no word of the lexicon, in lower case."""
    texts = (
        *(_LONG + _LONG_MARKED + _LONG_HELD_OUT + _SHORT + _SHORT_MARKED + _SHORT_HELD_OUT),
        *(_PHRASES + _PHRASES_HELD_OUT),
        *(join for joins in _JOINS.values() for join in joins),
        "there is a that which an",
    )
    return frozenset(re.findall(r"\w+", re.sub(r"\{\w+\}", " ", " ".join(texts))))


def is_reserved(word: str, frame: str) -> bool:
    """Tell whether a synonym is kept out of a sentence frame in training captions.

    Args:
        word: A colour or shape synonym.
        frame: A sentence frame of the grammar.

    Returns:
        True where only held-out captions combine the two.
    """
    return zlib.crc32(f"{frame}/{word}".encode()) % _RESERVED_ONE_IN == 0


@dataclass(slots=True)
class _Writer:
    """Writes one caption: draws words and notes what was said."""

    scene: Scene
    rng: Random
    tier: Tier
    extra: LookWriter
    frame: str
    reserved: Literal["never", "only", "any"]
    rare: bool = False
    used_reserved: bool = False
    stated: dict[int, set[str]] = field(default_factory=dict[int, set[str]])

    def write(self) -> Description:
        """Fill the frame."""
        form: _Form = next(form for form in ("finite", "gerund", "bare") if form in self.frame)
        scene, said = self.scene, set[str]()
        slots: dict[str, str] = dict.fromkeys(_SLOTS, "")
        slots[form] = self._actors(form)
        if self._chance("place"):
            slots["place"] = self._pick(lexicon.PLACE_PHRASES[scene.place])
            said.add("place")
        if self.tier == "long":
            slots["place"] = f"{slots['place']} {self.extra.weather()}"
        if self._chance("time"):
            for slot, table in (
                ("time", lexicon.TIME_PHRASES),
                ("timesent", lexicon.TIME_SENTENCES),
            ):
                slots[slot] = self._pick(fitting(table[scene.time_of_day], scene.weather))
            said.add("time_of_day")
        if self._chance("camera", quiet=scene.camera == "static"):
            slots["camera"] = self._pick(lexicon.CAMERA_SENTENCES[scene.camera])
            said.add("camera")
        text = dressed(self.extra, self.frame.format_map(slots), brief=self.tier == "short")
        return Description(
            text=tidied(text),
            order=tuple(self.stated),
            stated=tuple(frozenset(names) for names in self.stated.values()),
            stated_scene=frozenset(said | self.extra.said),
        )

    def _chance(self, name: str, *, quiet: bool = False) -> bool:
        odds = _ODDS[self.tier].get(name, 0.0)
        return self.rng.random() < odds * (_QUIET_ODDS if quiet else 1)

    def _pick(self, words: Words) -> str:
        """Draw a synonym; the plain word comes more often."""
        if self.rare:
            return self.rng.choice(words.rare)
        if self.rng.random() < 0.35:
            return words.common[0]
        return self.rng.choice(words.common)

    def _pick_guarded(self, words: Words) -> str:
        """Draw a colour or shape synonym with regard to the frames from which some are kept."""
        if self.reserved == "any" or self.rare:
            return self._pick(words)
        kept = tuple(word for word in words.common[1:] if is_reserved(word, self.frame))
        if self.reserved == "only" and kept:
            self.used_reserved = True
            return self.rng.choice(kept)
        return self._pick(Words(tuple(w for w in words.common if w not in kept), words.rare))

    def _actors(self, form: _Form) -> str:
        """Say all actors, colliding ones together."""
        actors = self.scene.actors
        clauses, done = list[str](), set[int]()
        for index, actor in enumerate(actors):
            if index in done:
                continue
            self.stated[index] = set[str]()
            partner = actor.partner
            if actor.action == "collide" and partner is not None and partner not in done:
                self.stated[partner] = set[str]()
                done.add(partner)
                clauses.append(self._pair(index, partner, form))
            else:
                clauses.append(self._clause(index, form))
            done.add(index)
        join = self.rng.choice(_JOINS[form])
        return join.join(clauses)

    def _clause(self, index: int, form: _Form) -> str:
        """Say one actor and what it does."""
        actor = self.scene.actors[index]
        noun, side = self._noun_phrase(index, form), self._side(index)
        self.stated[index].add("action")
        finite, gerund = self._pick(lexicon.ACTION_WORDS[actor.action]).split("/")
        tail = f"{self.extra.plays(index)} {self._direction(index)} {self._sound(index)}"
        place = self.rng.random()
        if form != "finite":
            if self.frame in _LONG_HELD_OUT and place < 0.3:
                return f"{noun} {side}, which {finite} {tail}"
            return (
                f"{noun} {side} {gerund} {tail}"
                if place < 0.5
                else f"{noun} {gerund} {tail} {side}"
            )
        if self.frame in _LONG_HELD_OUT and place < 0.3:
            return f"{gerund} {tail} {side} is {noun}"
        orders: tuple[Callable[[], str], ...] = (
            lambda: f"{side}, {noun} {finite} {tail}",
            lambda: f"{noun} {side} {finite} {tail}",
            lambda: f"{noun} {finite} {tail} {side}",
            lambda: f"there is {noun} {side} that {finite} {tail}",
        )
        return orders[int(place * len(orders)) if side else 1]()

    def _pair(self, first: int, second: int, form: _Form) -> str:
        """Say two colliding actors."""
        ends = [f"{self._noun_phrase(i, form)} {self._side(i)}" for i in (first, second)]
        self.stated[first].add("action")
        self.stated[second].add("action")
        mutual = self.rng.random() < 0.4
        verbs = lexicon.MUTUAL_WORDS if mutual else lexicon.ACTION_WORDS["collide"]
        finite, gerund = self._pick(verbs).split("/")
        verb = finite if form == "finite" else gerund
        sound = self._sound(first)
        if mutual:
            return f"{ends[0]} and {ends[1]} {verb} {sound}"
        return f"{ends[0]} {verb} {ends[1]} {sound}"

    def _noun_phrase(self, index: int, form: _Form) -> str:
        """Say what an actor is."""
        actor, said = self.scene.actors[index], self.stated[index]
        has_size = self._chance("size", quiet=actor.size == "medium")
        has_material = self._chance("material")
        said.update({"shape", "colour"})
        said.update({"size"} if has_size else (), {"material"} if has_material else ())
        pool = _PHRASES
        if self.frame in _LONG_HELD_OUT and self.rng.random() < 0.6:
            pool = _PHRASES_HELD_OUT
        fits = [p for p in pool if _fits(p, has_size=has_size, has_material=has_material)]
        phrase = self.rng.choice(fits or _PHRASES[:1])
        text = phrase.format(
            size=self._pick(lexicon.SIZE_WORDS[actor.size]) if has_size else "",
            colour=self._pick_guarded(lexicon.COLOUR_WORDS[actor.colour]),
            shape=self._pick_guarded(lexicon.SHAPE_WORDS[actor.shape]),
            material=self._material(actor, lexicon.MATERIAL_ADJECTIVES, wanted=has_material),
            noun=self._material(actor, lexicon.MATERIAL_NOUNS, wanted=has_material),
        )
        text = " ".join([*text.split(), self.extra.face(index)]).strip()
        return text if form == "bare" else f"{'an' if text[0] in 'aeiou' else 'a'} {text}"

    def _material(self, actor: Actor, table: lexicon.MaterialTable, *, wanted: bool) -> str:
        return self._pick(table[actor.material]) if wanted else ""

    def _side(self, index: int) -> str:
        if not self._chance("side"):
            return ""
        self.stated[index].add("side")
        return self._pick(lexicon.SIDE_PHRASES[self.scene.actors[index].side])

    def _direction(self, index: int) -> str:
        if not self._chance("direction"):
            return ""
        actor = self.scene.actors[index]
        self.stated[index].add("direction")
        travel = self._pick(lexicon.TRAVEL_PHRASES[actor.direction])
        return f"{lexicon.TRAVEL_VERBS[actor.action]} {travel}"

    def _sound(self, index: int) -> str:
        if not self._chance("sound"):
            return ""
        actor = self.scene.actors[index]
        self.stated[index].add("material")
        phrase = self._pick(lexicon.SOUND_PHRASES[actor.material])
        return f"{phrase} {self.rng.choice(lexicon.SOUND_MOMENTS[actor.action])}"


def _fits(phrase: str, *, has_size: bool, has_material: bool) -> bool:
    """Tell whether a noun phrase can say just what is to be said."""
    if ("{noun}" in phrase or "and made of" in phrase) and not has_material:
        return False
    needs_size = "in size" in phrase or "quite" in phrase or "is {size}" in phrase
    return has_size or not needs_size
