from openreels.conditioning.keyframes import keyframe_places
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import add_low_rank
from openreels.training.joint_prediction import KEYFRAME_DATA, LOW_RANK
from openreels.training.recipes import RECIPES
from openreels.weights.checkpoint import load_network, shipped_path


def _run():
    (run,) = RECIPES["stage_keyframes"]()
    return run


def test_its_changes_are_of_all_the_video_branch_of_the_shipped_base():
    network = load_network(shipped_path("mmdit"), kind=MMDiT)
    before = {name for name, _ in network.named_parameters() if name.startswith("video.")}
    run = _run()
    layers = add_low_rank(network, run.lora)
    assert set(layers) <= set(LOW_RANK)
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    assert set(run.lora.whole) <= trained
    assert all(name.startswith("video.") for name in trained)
    left = before - set(run.lora.whole) - {f"{layer}.weight" for layer in layers}
    assert left == {name for name in before if ".truth." in name}


def test_every_batch_is_joint_and_clips_have_one_or_two_keyframes():
    run = _run()
    assert run.model.keyframes
    assert run.tasks.keyframes == 1.0
    assert [data.folder for data in run.data] == [part.folder for part in KEYFRAME_DATA]
    assert all(part.keyframes for part in KEYFRAME_DATA)
    assert {len(keyframe_places(part.clip.shape)) for part in KEYFRAME_DATA} == {1, 2}
