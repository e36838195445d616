from dataclasses import replace

from openreels.stage.captions import caption
from openreels.stage.looks import has_looks
from openreels.stage.world import sample_scene
from openreels.training.recipes import RECIPES
from openreels.training.references import ENDS
from openreels.training.whole_world import LOOKS_CLIPS, LOOKS_DATA, LOOKS_PICTURES, world_of


def test_the_run_changes_the_video_of_the_shipped_base():
    (mixed,), (world,) = RECIPES["stage_mixed"](), RECIPES["stage_world"]()
    assert world == world_of(mixed)
    assert (world.init, world.model) == ("shipped", mixed.model)
    assert (world.lora.layers, world.lora.whole) == (("video.",), ENDS)
    assert RECIPES["stage_data_world"]() == LOOKS_DATA


def test_three_batches_in_ten_are_those_of_the_base_in_its_own_proportions():
    (mixed,), (world,) = RECIPES["stage_mixed"](), RECIPES["stage_world"]()
    shares = {data.folder: data.weight for data in world.data}
    assert abs(sum(shares.values()) - 1) < 1e-9
    plain = {data.folder: shares.pop(data.folder) for data in mixed.data}
    assert abs(sum(plain.values()) - 0.3) < 1e-9
    first = mixed.data[0]
    for data in mixed.data:
        wanted = data.weight / first.weight
        assert abs(plain[data.folder] / plain[first.folder] - wanted) < 1e-9
    assert shares.keys() == {bucket.folder for bucket in LOOKS_DATA}


def test_its_scenes_have_every_look_and_nearly_all_captions_name_it():
    scenes = [sample_scene(5, index, settings=LOOKS_CLIPS.world) for index in range(300)]
    looks = {
        "style": [scene for scene in scenes if scene.style != "plain"],
        "weather": [scene for scene in scenes if scene.weather != "clear"],
        "face": [scene for scene in scenes if any(actor.face for actor in scene.actors)],
        "overlay": [scene for scene in scenes if scene.overlays],
        "cut": [scene for scene in scenes if scene.shots],
        "none": [scene for scene in scenes if not has_looks(scene)],
    }
    assert all(len(found) >= 25 for found in looks.values()), {k: len(v) for k, v in looks.items()}
    assert not any(scene.lines or scene.music or scene.ambience for scene in scenes)
    for name, nothing in (("style", "plain"), ("weather", "clear"), ("shots", ())):
        shown = [scene for scene in scenes if getattr(scene, name) != nothing]
        told = [caption(one, 1) != caption(replace(one, **{name: nothing}), 1) for one in shown]
        assert sum(told) > 0.9 * len(told)


def test_single_frames_have_no_cuts():
    scenes = [sample_scene(5, index, settings=LOOKS_PICTURES.world) for index in range(100)]
    assert not any(scene.shots for scene in scenes)
