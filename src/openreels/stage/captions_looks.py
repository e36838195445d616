"""Says how a scene looks: its weather, style, faces, overlays, cuts and effects."""

import re
from dataclasses import dataclass, field
from random import Random

from openreels.stage import lexicon, lexicon_looks, lexicon_sounds
from openreels.stage import lexicon_references as words_of
from openreels.stage.lexicon import Words
from openreels.stage.scene import LOGOS, Effect, Logo, Overlay, Scene, Shot, Weather

_TITLED = ("{title}: {text}", "{title}. {text}")
_TITLED_HELD_OUT = ("presented as {title}: {text}", "{title}, in which {text}")
_SUNNY = ("the sun is high", "it is a sunny day")
_OVERLAY_ODDS = 0.92
_WEATHER_ODDS = 0.95
_STYLE_ODDS = 0.95
_FACE_ODDS = 0.9
_EFFECT_ODDS = 0.95
_HAPPENS_HELD_OUT = "watch: {text}"
_PLAY_ODDS = 0.9


def fitting(words: Words, weather: Weather) -> Words:
    """Leave out what does not fit rain or snow: nobody says that the sun shines."""
    if weather == "clear":
        return words
    kept = tuple(word for word in words.common if "sunshine" not in word and word not in _SUNNY)
    return Words(kept, words.rare)


@dataclass(slots=True)
class LookWriter:
    """Adds looks to one caption; it has draws of its own, so captions without looks stay."""

    scene: Scene
    rng: Random
    held_out: bool = False
    """Whether to use the sentences that training never shows."""
    rare: bool = False
    """Whether to use the synonyms that training never shows."""
    said: set[str] = field(default_factory=set[str])
    """Which of weather, style, cuts, effects, instruments and the kinds of overlays are said."""

    def pick(self, words: Words) -> str:
        """Draw a synonym; the plain word comes more often."""
        if self.rare:
            return self.rng.choice(words.rare)
        return words.common[0] if self.rng.random() < 0.35 else self.rng.choice(words.common)

    def face(self, index: int) -> str:
        """Say an actor's face, e.g. ``with a happy face``; empty without one or unsaid."""
        face = self.scene.actors[index].face
        if face is None or self.rng.random() >= _FACE_ODDS:
            return ""
        return self.pick(lexicon_looks.FACE_PHRASES[face.expression])

    def plays(self, index: int) -> str:
        """Say what an actor strikes, e.g. ``on a drum``; empty without one or unsaid."""
        instrument = self.scene.actors[index].plays
        if instrument is None or self.rng.random() >= _PLAY_ODDS:
            return ""
        self.said.add("instruments")
        return self.pick(lexicon_sounds.PLAY_PHRASES[instrument])

    def weather(self) -> str:
        """Say the weather after the place, e.g. ``in the rain``; empty if it goes elsewhere."""
        if self.scene.weather == "clear" or self.rng.random() >= 0.5:
            return ""
        self.said.add("weather")
        return self.pick(lexicon_looks.WEATHER_PHRASES[self.scene.weather])

    def dress(self, text: str) -> str:
        """Add sentences about everything else to a caption.

        Args:
            text: The caption without them.

        Returns:
            The longer caption, not yet tidied; the same one where the scene has no looks.
        """
        scene, parts = self.scene, [text]
        unsaid = scene.weather != "clear" and "weather" not in self.said
        if unsaid and self.rng.random() < _WEATHER_ODDS:
            self.said.add("weather")
            sentence = self.pick(lexicon_looks.WEATHER_SENTENCES[scene.weather])
            parts.insert(self.rng.randrange(2), sentence)
        for effect in scene.effects:
            if self.rng.random() < _EFFECT_ODDS:
                self.said.add("effects")
                text = self.happens(effect)
                parts.append(_HAPPENS_HELD_OUT.format(text=text) if self.held_out else text)
        for overlay in scene.overlays:
            if self.rng.random() < _OVERLAY_ODDS:
                self.said.add(overlay.kind)
                parts.append(self.overlay(overlay))
        if scene.shots:
            self.said.add("cuts")
            parts += [self.cut(shot) for shot in scene.shots]
        if scene.style != "plain" and self.rng.random() < _STYLE_ODDS:
            self.said.add("style")
            return self._styled(". ".join(parts))
        return ". ".join(parts) + ("." if len(parts) > 1 else "")

    def overlay(self, overlay: Overlay) -> str:
        """Say one overlay, its words in quotes."""
        text = overlay.text
        if overlay.kind == "logo":
            logo: Logo = next(name for name in LOGOS if name == text)
            text = self.pick(lexicon_looks.LOGO_WORDS[logo])
        sentence = self.pick(lexicon_looks.OVERLAY_SENTENCES[overlay.kind])
        spot = self.pick(lexicon_looks.SPOT_PHRASES[overlay.spot])
        sentence = sentence.format(text=text, spot=spot)
        return re.sub(r"\ba arrow", "an arrow", sentence)

    def happens(self, effect: Effect) -> str:
        """Say what happens to an actor, which was named before."""
        actor = self.scene.actors[effect.actor]
        colour = self.pick(lexicon.COLOUR_WORDS[actor.colour])
        shape = self.pick(lexicon.SHAPE_WORDS[actor.shape])
        return f"the {colour} {shape} {self.pick(words_of.EFFECT_WORDS[effect.kind])}"

    def cut(self, shot: Shot) -> str:
        """Say a cut and what comes after it."""
        place = self.pick(lexicon.PLACE_PHRASES[shot.place])
        cut = self.pick(lexicon_looks.CUT_WORDS)
        if shot.focus is None:
            what = self.pick(lexicon_looks.WIDE_WORDS)
        else:
            actor = self.scene.actors[shot.focus]
            what = f"{self.pick(lexicon_looks.CLOSE_WORDS)} the {actor.colour} {actor.shape}"
        move = ""
        if shot.camera != "static":
            move = f"; {self.pick(lexicon.CAMERA_SENTENCES[shot.camera])}"
        return f"{cut} {what} {place}{move}"

    def _styled(self, text: str) -> str:
        style = self.scene.style
        if self.rng.random() < 0.5:
            sentence = self.pick(lexicon_looks.STYLE_SENTENCES[style])
            return f"{sentence}. {text}." if self.held_out else f"{text}. {sentence}."
        frame = self.rng.choice(_TITLED_HELD_OUT if self.held_out else _TITLED)
        return frame.format(title=self.pick(lexicon_looks.STYLE_TITLES[style]), text=text)
