"""Captions that name references: the handle stands in the place of what the reference shows.

``@hero bounces on a beach`` says neither colour nor shape, so a model must look at the pictures of
``@hero``. ``REPLACED`` is what each kind of reference keeps from being said.
"""

from collections.abc import Sequence
from random import Random
from typing import Literal

from openreels.core.prompt_rules import Named
from openreels.core.seeding import derive_seed
from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage import lexicon_references as words_of
from openreels.stage.captions_looks import LookWriter, fitting
from openreels.stage.captions_sounds import span
from openreels.stage.lexicon import Words
from openreels.stage.physics import contacts
from openreels.stage.references import Role, StageReference
from openreels.stage.scene import Scene, Shot
from openreels.stage.speech import Line
from openreels.stage.tidy import tidied

_LOOKS = frozenset({"shape", "colour", "material", "expression"})
_ALL = _LOOKS | {"size", "side", "place", "time_of_day", "weather", "style", "overlays"}
REPLACED: dict[Role, frozenset[str]] = {
    "subject": _LOOKS,
    "place": frozenset({"place"}),
    "background": frozenset({"place", "time_of_day", "weather", "style"}),
    "style": frozenset({"style"}),
    "frame": _ALL,
    "storyboard": _ALL,
    "motion": frozenset({"action", "direction"}),
    "expression": frozenset({"expression"}),
    "effect": frozenset({"effect"}),
    "voice": frozenset({"voice"}),
    "music": frozenset({"music"}),
    "ambience": frozenset({"ambience"}),
}
"""What a caption does not say where there is a reference for it."""
_PROSE = (
    "{acts} {place} {time}. {camera}. {rest}",
    "{place} {time}, {acts}. {camera}. {rest}",
    "{camera}: {acts} {place} {time}. {rest}",
    "{rest}. {acts} {place}, {time}. {camera}",
)
_PROSE_HELD_OUT = (
    "imagine that {acts} {place} {time}, {camera}. {rest}",
    "footage, filmed {place} {time}: {acts}; {camera}. {rest}",
)
_HEADINGS = (
    ("References", "Cast", "Setting", "Action", "Sound", "Look"),
    ("Given", "Subjects", "Scene", "Motion", "Audio", "Picture"),
)
_HEADINGS_HELD_OUT = (("Sources", "Who", "Where", "What happens", "What is heard", "Appearance"),)
_JOINS = (" and ", ", while ", "; ")
_VOICE_REF_ODDS = 0.4


def named(references: Sequence[StageReference], *, source: bool = False) -> Named:
    """The handles that a request with these references gives.

    Args:
        references: The references.
        source: Whether a clip is edited.

    Returns:
        What ``core.prompt_rules.broken_rules`` checks a prompt against.
    """
    subjects = {one.handle for one in references if one.role == "subject"}
    heard = [one.handle for one in references if one.kind == "audio"]
    return Named(
        tags=tuple(dict.fromkeys(one.handle for one in references)),
        voices=tuple(handle for handle in heard if handle in subjects),
        sounds=tuple(handle for handle in heard if handle not in subjects),
        source=source,
    )


def caption_with(
    scene: Scene,
    references: Sequence[StageReference],
    variant: int,
    *,
    tier: Literal["long", "structured"] = "long",
    held_out: bool = False,
    rare_words: bool = False,
) -> str:
    """Say a scene in words and name its references; the same arguments give the same words.

    Args:
        scene: What to describe.
        references: Its references; each is named, and what it shows is not said.
        variant: Which paraphrase; any integer.
        tier: ``long`` is prose, ``structured`` the prompt language with everything else said.
        held_out: True uses only sentence frames that training never shows.
        rare_words: True uses the synonyms that training never shows.

    Returns:
        A prompt that keeps the rules of the prompt language.
    """
    handles = "/".join(one.handle for one in references)
    draws = (scene.index, variant, tier, held_out, rare_words, handles)
    rng = Random(derive_seed(scene.seed, "caption references", *draws))
    writer = LookWriter(scene, rng, held_out=held_out, rare=rare_words)
    teller = Teller(writer, references)
    return teller.structured() if tier == "structured" else teller.prose()


class Teller:
    """Says the parts of one scene, each by its reference if there is one."""

    def __init__(self, writer: LookWriter, references: Sequence[StageReference]) -> None:
        self.writer, self.scene, self.references = writer, writer.scene, tuple(references)
        self.pick, self.rng = writer.pick, writer.rng
        self.heard = {contact.actor for contact in contacts(self.scene)}

    def handle(self, role: Role, actor: int | None = None) -> str:
        """The handle of the reference for a role, of an actor if one is named; else empty."""
        for one in self.references:
            if one.role == role and actor in {None, one.actor}:
                return one.handle
        return ""

    def hides(self, what: str, actor: int | None = None) -> bool:
        """Whether a reference shows something, so that it must not be said."""
        return any(
            what in REPLACED[one.role] and (one.actor is None or actor in {None, one.actor})
            for one in self.references
        )

    def by(self, phrases: Words, handle: str) -> str:
        """Draw a phrase that names a handle."""
        return self.pick(phrases).format(handle=handle)

    def prose(self) -> str:
        """One or a few sentences."""
        frame = self.rng.choice(_PROSE_HELD_OUT if self.writer.held_out else _PROSE)
        rest = [*self.looks(), *self.sounds(tagged=False)]
        text = frame.format(
            acts=self.rng.choice(_JOINS).join(self.acts(tagged=False)),
            place=self.place(),
            time=self.time(),
            camera=self.pick(lexicon.CAMERA_SENTENCES[self.scene.camera]),
            rest=". ".join(part for part in rest if part),
        )
        return tidied(text.rstrip(" .;,") + ".")

    def structured(self) -> str:
        """Sections of what is given, who, where, what happens, what is heard, and the look."""
        headings = self.rng.choice(_HEADINGS_HELD_OUT if self.writer.held_out else _HEADINGS)
        shown: dict[str, Role] = {one.handle: one.role for one in reversed(self.references)}
        order = dict.fromkeys(one.handle for one in self.references)
        given = [f"{handle} {self.pick(words_of.ROLE_WORDS[shown[handle]])}" for handle in order]
        place = ", ".join(part for part in (self.place(), self.time(), self.weather()) if part)
        camera = self.pick(lexicon.CAMERA_SENTENCES[self.scene.camera])
        cuts = [self.cut(shot) for shot in self.scene.shots]
        sections = (
            "; ".join(given),
            "; ".join(filter(None, map(self.member, range(len(self.scene.actors))))),
            ". ".join([f"{place}; {camera}" if place else camera, *cuts]),
            "; ".join(self.acts(tagged=True)),
            "; ".join(self.sounds(tagged=True)),
            "; ".join(part for part in self.looks() if part),
        )
        return " ".join(f"{h}: {s}." for h, s in zip(headings, sections, strict=True) if s)

    def name(self, actor: int, *, again: bool = False) -> str:
        """Name an actor: by its handle, or in words; shortly if it was named before."""
        handle, body = self.handle("subject", actor), self.scene.actors[actor]
        if handle:
            small = body.size != "medium" and not again and self.rng.random() < 0.5
            return f"the {self.pick(lexicon.SIZE_WORDS[body.size])} {handle}" if small else handle
        if self.hides("colour", actor):
            return "it" if len(self.scene.actors) == 1 else f"the actor {self.side(actor)}"
        colour, shape = lexicon.COLOUR_WORDS[body.colour], lexicon.SHAPE_WORDS[body.shape]
        if again:
            return f"the {self.pick(colour)} {self.pick(shape)}"
        noun = " ".join([
            self.pick(lexicon.SIZE_WORDS[body.size]),
            self.pick(colour),
            self.pick(lexicon.MATERIAL_ADJECTIVES[body.material]),
            self.pick(shape),
        ])
        return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"

    def side(self, actor: int) -> str:
        """Where an actor starts."""
        return self.pick(lexicon.SIDE_PHRASES[self.scene.actors[actor].side])

    def face(self, actor: int) -> str:
        """Say the face of an actor, by its reference or in words."""
        body, handle = self.scene.actors[actor], self.handle("expression", actor)
        if handle:
            return self.by(words_of.EXPRESSION_PHRASES, handle)
        if body.face is None or self.hides("expression", actor):
            return ""
        return self.pick(lexicon_looks.FACE_PHRASES[body.face.expression])

    def member(self, actor: int) -> str:
        """Introduce an actor in a structured caption."""
        if self.hides("side", actor):
            return ""
        side, face = self.side(actor), self.face(actor)
        size = self.pick(lexicon.SIZE_WORDS[self.scene.actors[actor].size])
        handle = self.handle("subject", actor)
        if handle:
            return ", ".join(part for part in (handle, size, face, side) if part)
        return " ".join(f"@actor_{actor + 1} is {self.name(actor)} {face} {side}".split())

    def acts(self, *, tagged: bool) -> list[str]:
        """Say what every actor does."""
        if self.handle("storyboard"):
            return [self.by(words_of.STORY_OF, self.handle("storyboard"))]
        found, done = list[str](), set[int]()
        if self.handle("frame"):
            found.append(self.by(words_of.FRAME_OF, self.handle("frame")))
        for index, actor in enumerate(self.scene.actors):
            meets = actor.partner if actor.partner not in done and not tagged else None
            if index in done and not tagged:
                continue
            done |= {index} if meets is None else {index, meets}
            found.append(self.act(index, tagged=tagged))
        return found

    def act(self, index: int, *, tagged: bool) -> str:
        """Say what one actor does, against whom, with what face and which effect."""
        actor, other = self.scene.actors[index], self.scene.actors[index].partner
        parts = [self.handle_or_name(index) if tagged else self.name(index)]
        if other is not None and not tagged:
            parts.append(self.face(index))
        parts.append(self.verb(index))
        if other is not None:
            found = [self.name(other), self.face(other), self.effect(other)]
            parts += [self.handle_or_name(other)] if tagged else found
        if not self.hides("direction", index) and (tagged or self.rng.random() < 0.4):
            travel = self.pick(lexicon.TRAVEL_PHRASES[actor.direction])
            parts.append(f", {lexicon.TRAVEL_VERBS[actor.action]} {travel}")
        if (not tagged and other is None) or self.hides("side", index):
            parts.append(self.face(index))
        parts.append(self.effect(index))
        if tagged and index in self.heard:
            parts.append(span("sfx", self.impact(index)))
        return " ".join(" ".join(part for part in parts if part).replace(" ,", ",").split())

    def handle_or_name(self, index: int) -> str:
        """The handle of an actor in a structured caption."""
        if self.hides("side", index):
            return self.name(index)
        return self.handle("subject", index) or f"@actor_{index + 1}"

    def verb(self, index: int) -> str:
        """Say what an actor does."""
        handle = self.handle("motion", index)
        if handle:
            return self.by(words_of.MOTION_PHRASES, handle)
        return self.pick(lexicon.ACTION_WORDS[self.scene.actors[index].action]).split("/")[0]

    def effect(self, index: int) -> str:
        """Say what happens to an actor."""
        mine = [effect for effect in self.scene.effects if effect.actor == index]
        if not mine:
            return ""
        handle = self.handle("effect", index)
        if handle:
            return self.by(words_of.EFFECT_PHRASES, handle)
        return self.pick(words_of.EFFECT_WORDS[mine[0].kind])

    def impact(self, index: int) -> str:
        """Say the sound of an actor, without its material where that is shown."""
        actor, moment = self.scene.actors[index], "each time"
        if not self.hides("action", index):
            moment = self.rng.choice(lexicon.SOUND_MOMENTS[actor.action])
        if self.hides("material", index):
            return f"{self.pick(words_of.IMPACT_WORDS)} {moment}".strip()
        sound = self.pick(lexicon.SOUND_PHRASES[actor.material]).removeprefix("with ")
        return f"{sound} {moment}".strip()

    def place(self) -> str:
        """Say where it is."""
        handle = self.handle("background") or self.handle("place")
        if handle:
            return self.by(words_of.PLACE_OF, handle)
        if self.hides("place"):
            return ""
        return self.pick(lexicon.PLACE_PHRASES[self.scene.place])

    def time(self) -> str:
        """Say when it is."""
        if self.hides("time_of_day"):
            return ""
        return self.pick(fitting(lexicon.TIME_PHRASES[self.scene.time_of_day], self.scene.weather))

    def weather(self) -> str:
        """Say the weather, if there is any."""
        if self.scene.weather == "clear" or self.hides("weather"):
            return ""
        return self.pick(lexicon_looks.WEATHER_PHRASES[self.scene.weather])

    def cut(self, shot: Shot) -> str:
        """Say a cut and what comes after it."""
        what = self.pick(lexicon_looks.WIDE_WORDS)
        if shot.focus is not None:
            name = self.name(shot.focus, again=True)
            what = f"{self.pick(lexicon_looks.CLOSE_WORDS)} {name}"
        place = self.pick(lexicon.PLACE_PHRASES[shot.place])
        return f"{self.pick(lexicon_looks.CUT_WORDS)} {what} {place}"

    def looks(self) -> list[str]:
        """Say style, overlays, and in prose weather and cuts."""
        scene, found = self.scene, list[str]()
        if self.handle("style"):
            found.append(self.by(words_of.STYLE_OF, self.handle("style")))
        elif scene.style != "plain" and not self.hides("style"):
            found.append(self.pick(lexicon_looks.STYLE_SENTENCES[scene.style]))
        if not self.hides("overlays"):
            for overlay in scene.overlays:
                said = self.writer.overlay(overlay)
                found.append(said.replace(f'"{overlay.text}"', span("text", overlay.text)))
        return found

    def sounds(self, *, tagged: bool) -> list[str]:
        """Say lines, music and ambience."""
        found = list[str]()
        if not tagged:
            if self.weather():
                found.append(self.pick(lexicon_looks.WEATHER_SENTENCES[self.scene.weather]))
            found += [self.cut(shot) for shot in self.scene.shots]
        found += [self.line(line, tagged=tagged) for line in self.scene.lines]
        samples = [one for one in self.references if one.role == "voice" and one.sound is not None]
        for one in samples:
            if tagged or self.rng.random() < _VOICE_REF_ODDS:
                words = "" if one.sound is None else one.sound.utterances[0].text
                found.append(f"sample: {span('voice_ref', words)}{one.handle}")
        for piece in self.scene.music:
            handle = self.handle("music")
            if handle:
                said = self.by(words_of.MUSIC_OF, handle)
                found.append(span("bgm", said) if tagged else f"{said} plays")
                break
            sentence = self.pick(lexicon_sounds.MUSIC_SENTENCES)
            mood = self.pick(lexicon_sounds.MOOD_WORDS[piece.mood])
            timbre = self.pick(lexicon_sounds.TIMBRE_WORDS[piece.timbre])
            said = sentence.format(mood=mood, timbre=timbre)
            found.append(span("bgm", said) if tagged else said)
        for air in self.scene.ambience:
            handle = self.handle("ambience")
            said = self.pick(lexicon_sounds.AMBIENCE_SENTENCES[air.kind])
            if handle:
                said = self.by(words_of.AMBIENCE_OF, handle)
                found.append(span("sfx", said) if tagged else f"one hears {said}")
                break
            found.append(span("sfx", said) if tagged else said)
        return found

    def line(self, line: Line, *, tagged: bool) -> str:
        """Say a line; the handle of its voice stands right after its words."""
        table = lexicon_sounds.SING_WORDS if line.is_sung else lexicon_sounds.SAY_WORDS
        who = self.pick(lexicon_sounds.NARRATORS)
        if line.actor is not None:
            who = self.handle_or_name(line.actor) if tagged else self.name(line.actor, again=True)
        voice = next(
            (o.handle for o in self.references if o.role == "voice" and o.actor == line.actor), ""
        )
        said = span("singing" if line.is_sung else "dialogue", line.text) + voice
        says = self.pick(table)
        if tagged or voice:
            says = says.replace('"{text}"', said)
        tail = "" if voice else self.pick(lexicon_sounds.VOICE_PHRASES[line.voice])
        return f"{who} {says.format(text=line.text)} {tail}".strip()
