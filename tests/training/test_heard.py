from dataclasses import replace

from openreels.stage.world import sample_scene
from openreels.training.heard import HEARD, HEARD_LESSONS, heard_of
from openreels.training.lessons import draw_examples
from openreels.training.recipes import RECIPES, SHORT
from openreels.training.schedule import WORLD


def test_the_run_is_that_of_the_base_for_the_ear_alone():
    (mixed,), (heard,) = RECIPES["stage_mixed"](), RECIPES["stage_heard"]()
    assert heard == heard_of(mixed, SHORT)
    assert (heard.init, heard.init_names, heard.trained) == ("shipped", "shipped", "audio")
    assert replace(heard.model, num_tags=0) == replace(mixed.model, num_tags=0)
    assert {data.folder for data in heard.data} == {
        *(part.folder for part in SHORT), HEARD.folder, HEARD_LESSONS.folder,
    }  # fmt: skip
    shares = dict(heard.tasks.mix)
    assert shares["t2a"] > shares["t2av"] > 0
    assert heard.tasks.sounds_factor > 1


def test_its_world_is_more_for_the_ear_and_less_for_the_eye():
    def shares(world):
        scenes = [sample_scene(3, index, settings=world) for index in range(150)]
        heard = sum(bool(one.lines or one.music or one.ambience) for one in scenes)
        return heard / 150, sum(bool(one.shots or one.overlays) for one in scenes) / 150

    (ours, seen), (whole, _) = shares(HEARD.world), shares(WORLD)
    assert ours > whole
    assert seen == 0


def test_every_lesson_has_a_sound():
    shape = HEARD_LESSONS.clip.shape
    drawn = draw_examples(1, range(12), HEARD_LESSONS.lessons, shape, HEARD_LESSONS.world)
    for task, captions in drawn:
        assert captions
        assert any(one.kind == "audio" for one in task.references)
