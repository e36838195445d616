from dataclasses import replace

from openreels.conditioning.keyframes import keyframe_places
from openreels.models.mmdit.model import MMDiT
from openreels.training.joint_prediction import KEYFRAME_DATA, shipped_model, stage_keyframes
from openreels.weights.checkpoint import load_network, shipped_path


def test_it_goes_on_from_the_shipped_weights_with_their_config():
    run = stage_keyframes()
    shipped = load_network(shipped_path("mmdit"), kind=MMDiT).config
    assert run.init == "shipped"
    assert run.model == replace(shipped, keyframes=True) == replace(shipped_model(), keyframes=True)


def test_a_share_is_joint_and_clips_have_one_to_three_keyframes():
    run = stage_keyframes()
    assert 0 < run.tasks.keyframes < 1
    assert [data.folder for data in run.data] == [part.folder for part in KEYFRAME_DATA]
    assert all(part.keyframes for part in KEYFRAME_DATA)
    assert {len(keyframe_places(part.clip.shape)) for part in KEYFRAME_DATA} == {1, 2, 3}
