from dataclasses import replace

from openreels.stage.scene import OUTDOORS
from openreels.stage.world import sample_scene
from openreels.training.recipes import RECIPES
from openreels.training.weather import (
    MOVING_CLIPS,
    SPOKEN_CLIPS,
    WEATHER_CLIPS,
    WEATHER_DATA,
    weather_of,
)


def test_the_run_tells_what_that_of_shots_tells_and_reads_prompts_as_requests_are_read():
    (mixed,), (shots,), (weather,) = (
        RECIPES[name]() for name in ("stage_mixed", "stage_shots", "stage_weather")
    )
    assert weather == weather_of(mixed)
    assert (weather.init, weather.model, weather.lora) == (shots.init, shots.model, shots.lora)
    assert weather.codecs == replace(mixed.codecs, spoken_words="shipped")
    assert RECIPES["stage_data_weather"]() == WEATHER_DATA


def test_a_third_of_its_batches_are_those_of_the_base():
    (mixed,), (weather,) = RECIPES["stage_mixed"](), RECIPES["stage_weather"]()
    shares = {data.folder: data.weight for data in weather.data}
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert abs(sum(shares[data.folder] for data in mixed.data) - 0.35) < 1e-9
    assert {bucket.folder for bucket in WEATHER_DATA} < shares.keys()


def test_it_rains_or_snows_outdoors_in_clips_of_weather_and_cameras_move_in_those_of_cameras():
    weather, moving = (
        [sample_scene(5, index, settings=bucket.world) for index in range(100)]
        for bucket in (WEATHER_CLIPS, MOVING_CLIPS)
    )
    assert {scene.weather for scene in weather if scene.place in OUTDOORS} == {"rain", "snow"}
    assert {scene.camera for scene in moving} == {"pan left", "pan right", "zoom in", "zoom out"}
    assert not any(scene.shots for scene in weather + moving)


def test_somebody_is_heard_in_most_of_the_clips_with_voices_and_some_have_looks():
    scenes = [sample_scene(5, index, settings=SPOKEN_CLIPS.world) for index in range(100)]
    assert sum(bool(scene.lines) for scene in scenes) > 60
    assert sum(scene.weather != "clear" or scene.style != "plain" for scene in scenes) > 10
