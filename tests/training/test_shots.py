from dataclasses import replace

from openreels.stage.world import sample_scene
from openreels.training.recipes import RECIPES
from openreels.training.references import ENDS
from openreels.training.shot_truth import NUM_SHOT_TRUTHS
from openreels.training.shots import SHOTS_CLIPS, shots_of
from openreels.training.start import SEEN_TRUTHS
from openreels.training.truth import NUM_CELL_TRUTHS


def test_the_run_goes_on_from_the_changes_for_the_world_and_tells_shots():
    (mixed,), (world,), (shots,) = (
        RECIPES[name]() for name in ("stage_mixed", "stage_world", "stage_shots")
    )
    assert shots == shots_of(mixed)
    assert shots.init == "shipped"
    assert shots.init_lora == f"{world.name}/lora.safetensors"
    assert shots.model == replace(mixed.model, video_truths=NUM_CELL_TRUTHS + NUM_SHOT_TRUTHS)
    assert replace(shots.lora, whole=world.lora.whole) == world.lora
    assert shots.lora.whole == ENDS + SEEN_TRUTHS
    assert shots.codecs.shot_words == "shipped"
    assert RECIPES["stage_data_shots"]() == (SHOTS_CLIPS,)


def test_nearly_half_of_its_batches_have_cuts_and_none_of_the_world_is_left_out():
    (world,), (shots,) = RECIPES["stage_world"](), RECIPES["stage_shots"]()
    shares = {data.folder: data.weight for data in shots.data}
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert shares.keys() == {SHOTS_CLIPS.folder, *(data.folder for data in world.data)}
    assert 0.4 < shares[SHOTS_CLIPS.folder] < 0.5


def test_clips_of_shots_have_one_or_two_cuts_each():
    scenes = [sample_scene(5, index, settings=SHOTS_CLIPS.world) for index in range(60)]
    assert {len(scene.shots) for scene in scenes} == {1, 2}
