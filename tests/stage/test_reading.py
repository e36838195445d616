import random

import pytest

from openreels.stage.captions import describe
from openreels.stage.reading import read
from openreels.stage.world import WorldSettings, sample_scene

OF_A_THING = ("shape", "colour", "material", "size", "action", "side", "direction")
OF_A_SCENE = ("place", "time_of_day", "camera", "weather", "style")
LOOKS = WorldSettings(weather_share=0.7, style_share=0.6, face_share=0.5)
HEARD = WorldSettings(
    music_share=0.6, ambience_share=0.7, instrument_share=0.8, weather_share=0.4, cut_share=0.0
)


def truth(scene, said):
    """What a caption says, from the scene that it was written for."""
    things = []
    for position, names in zip(said.order, said.stated, strict=True):
        actor = scene.actors[position]
        names |= {"action"} if actor.action == "collide" else set()
        things.append({n: getattr(actor, n) if n in names else None for n in OF_A_THING})
    facts = {n: getattr(scene, n) if n in said.stated_scene else None for n in OF_A_SCENE}
    return things, facts


def told(reading):
    things = [{n: getattr(thing, n) for n in OF_A_THING} for thing in reading.things]
    return things, {n: getattr(reading, n) for n in OF_A_SCENE}


@pytest.mark.parametrize(
    "settings", [WorldSettings(), LOOKS, HEARD], ids=["plain", "looks", "heard"]
)
@pytest.mark.parametrize("rare_words", [False, True])
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("tier", ["long", "short"])
def test_a_caption_is_read_as_what_it_was_written_for(tier, held_out, rare_words, settings):
    for index in range(100):
        scene = sample_scene(5, index, settings=settings)
        said = describe(scene, index, tier=tier, held_out=held_out, rare_words=rare_words)
        reading = read(said.text)
        assert told(reading) == truth(scene, said), said.text
        for position, thing in zip(said.order, reading.things, strict=True):
            face = scene.actors[position].face
            assert thing.expression in (None, face and face.expression), said.text
        pieces = [(piece.mood, piece.timbre) for piece in scene.music]
        assert list(reading.music) == (pieces if "music" in said.stated_scene else []), said.text
        kinds = [sound.kind for sound in scene.ambience]
        heard = kinds[0] if "ambience" in said.stated_scene else None
        assert reading.ambience == heard, said.text
        plays = {thing.plays for thing in reading.things}
        assert (plays != {None}) is ("instruments" in said.stated_scene), said.text
        for position, thing in zip(said.order, reading.things, strict=True):
            assert thing.plays in (None, scene.actors[position].plays), said.text
        assert reading.unknown == reading.clashes == reading.mendings == (), said.text
        assert reading.in_captions is not rare_words, said.text
        assert not reading.composed


def test_voices_are_read_and_those_of_captions_are_quoted():
    thing = read("a red ball sings in a high voice while it rolls").things[0]
    assert (thing.utters, thing.voice, thing.action) == ("sing", "high", "roll")
    assert read("a blue cube speaks").things[0].utters == "say"
    for share in ("speech", "song", "narrator"):
        settings = WorldSettings(**{f"{share}_share": 1.0})
        for index in range(10):
            scene = sample_scene(6, index, settings=settings)
            said = describe(scene, index)
            assert read(said.text).composed is ("voices" in said.stated_scene), said.text


def test_an_instrument_that_cannot_be_struck_is_a_clash():
    assert read("a red ball rolls and beats a drum").clashes == ("a drum for ball with roll",)
    assert read("a red ball bounces on a drum").clashes == ()


@pytest.mark.parametrize("look", ["words", "subtitle", "watermark", "logo", "cut"])
def test_cuts_and_what_is_drawn_over_the_picture_are_noticed(look):
    settings = WorldSettings(**{f"{look}_share": 1.0})
    for index in range(30):
        scene = sample_scene(6, index, settings=settings)
        said = describe(scene, index)
        drawn = {*(overlay.kind for overlay in scene.overlays), "cuts"} & said.stated_scene
        assert read(said.text).composed is bool(drawn), said.text


def test_partners_are_those_of_the_scene():
    for index in range(60):
        scene = sample_scene(3, index)
        said = describe(scene, index)
        partners = [scene.actors[position].partner for position in said.order]
        known = [None if p is None else said.order.index(p) for p in partners]
        assert [thing.partner for thing in read(said.text).things] == known


def one(text):
    (thing,) = read(text).things
    return thing


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("a large, red and bouncing ball", {"size": "large", "colour": "red", "action": "bounce"}),
        ("a cube, blue and made of glass", {"colour": "blue", "material": "glass"}),
        ("a star with a metallic clang", {"material": "metal"}),
        ("bouncing on the left is a ball", {"action": "bounce", "side": "left"}),
        ("something red spins", {"shape": None, "colour": "red", "action": "spin"}),
        ("a ring hits the wall", {"action": "roll"}),
        ("a ball drops", {"action": "bounce"}),
        ("rolling to the left: a ball", {"action": "roll", "direction": "left"}),
    ],
)
def test_what_people_write_of_one_thing(text, facts):
    assert {name: getattr(one(text), name) for name in facts} == facts


@pytest.mark.parametrize(
    ("text", "place", "time_of_day", "camera"),
    [
        ("a ball, beach, night, zoom in", "beach", "night", "zoom in"),
        ("a ball on a sunny street", "street", "day", None),
        ("a ball near the sea at sunset, slow pan left", "beach", "dusk", "pan left"),
        ("a ball, the camera pans slowly to the left", None, None, "pan left"),
        ("a ball in the desert. No camera movement", "desert", None, "static"),
    ],
)  # fmt: skip
def test_what_people_write_of_the_scene(text, place, time_of_day, camera):
    reading = read(text)
    assert (reading.place, reading.time_of_day, reading.camera) == (place, time_of_day, camera)
    assert not reading.unknown
    assert not reading.in_captions


@pytest.mark.parametrize(
    ("text", "weather", "style"),
    [
        ("a ball in the rain", "rain", None),
        ("a snowy beach, a ball", "snow", None),
        ("a ball as a pencil sketch", None, "sketch"),
        ("a ball in paper-cut style", None, "paper-cut"),
        ("lego: a ball, rain", "rain", "mosaic"),
    ],
)
def test_what_people_write_of_weather_and_style(text, weather, style):
    reading = read(text)
    assert (reading.weather, reading.style, reading.unknown) == (weather, style, ())
    assert one("a happy ball").expression == "happy"


def test_plurals_are_written_out():
    first, second = read("two red balls roll to the left").things
    assert first == second
    assert (first.shape, first.colour, first.action, first.direction) == (
        "ball", "red", "roll", "left",
    )  # fmt: skip
    hit = read("two wooden cubes crash into each other").things
    assert [thing.partner for thing in hit] == [1, 0]
    assert {thing.material for thing in hit} == {"wood"}
    assert read("balls bounce").unknown == ("balls",)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a dog runs on a beach", ("dog", "runs")),
        ("a ball on a cube", ("on",)),
        ("a ball in a forest", ("in", "forest")),
        ("a ball does not bounce", ("does", "not")),
        ("a ball slowly rolls", ("slowly",)),
        ("a ball at a golden sunset", ("at", "golden")),
        ("5 balls", ("5", "balls")),
        ("a ball & a cube", ("&",)),
        ("红色的球", ("红色的球",)),
    ],
)
def test_words_that_could_change_the_meaning_are_unknown(text, unknown):
    assert read(text).unknown == unknown


@pytest.mark.parametrize(
    ("text", "clash"),
    [
        ("a red and blue ball", "colour red and blue of ball"),
        ("a ball bounces and rolls", "action bounce and roll of ball"),
        ("a ball on a beach, then in a meadow", "place beach and meadow of the scene"),
        ("a ball in a room in the rain", "rain in the room"),
        ("a ball collides with", "a collision of one thing"),
        ("a ball, a cube and a ring collide", "a collision of three things"),
        ("two balls hit a cube", "a collision of three things"),
    ],
)
def test_what_is_said_in_two_ways_is_told(text, clash):
    assert clash in read(text).clashes


def test_any_order_of_words_is_read_without_an_error():
    rng = random.Random(0)
    words = "a red ball cube bounces hits collide is two on left in size , . and the at night with"
    for _ in range(400):
        reading = read(" ".join(rng.choices(words.split(), k=rng.randrange(12))))
        for index, thing in enumerate(reading.things):
            if thing.partner is not None and not reading.clashes:
                assert reading.things[thing.partner].partner == index
