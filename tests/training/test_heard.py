from dataclasses import replace

from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import add_low_rank
from openreels.stage.looks import has_looks
from openreels.stage.world import sample_scene
from openreels.training.heard import ENDS, HEARD, heard_of
from openreels.training.recipes import RECIPES, SHORT
from openreels.training.schedule import WORLD
from openreels.training.truth import NUM_ONSET_TRUTHS
from openreels.training.voice_truth import NUM_VOICE_TRUTHS


def test_the_run_is_that_of_the_base_for_the_ear_alone():
    (mixed,), (heard,) = RECIPES["stage_mixed"](), RECIPES["stage_heard"]()
    assert heard == heard_of(mixed, SHORT[1])
    assert (heard.init, heard.lora.layers) == ("shipped", ("audio.",))
    assert replace(heard.model, audio_truths=mixed.model.audio_truths) == mixed.model
    assert heard.model.audio_truths == NUM_ONSET_TRUTHS + NUM_VOICE_TRUTHS
    assert heard.sigma.shift > mixed.sigma.shift
    assert [data.folder for data in heard.data] == [HEARD.folder, SHORT[1].folder]
    shares = dict(heard.tasks.mix)
    assert shares["t2a"] > shares["t2av"] > 0
    assert heard.tasks.structured_share > 0.5
    assert heard.tasks.sounds_factor > 1


def test_nothing_but_the_audio_branch_is_trained():
    (heard,) = RECIPES["stage_heard"]()
    network = MMDiT(heard.model)
    add_low_rank(network, heard.lora)
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    assert trained
    assert all(name.startswith("audio.") for name in trained)
    assert set(ENDS) <= trained


def test_its_world_is_more_for_the_ear_and_less_for_the_eye():
    def shares(world):
        scenes = [sample_scene(3, index, settings=world) for index in range(150)]
        heard = sum(bool(one.lines or one.music or one.ambience) for one in scenes)
        seen = sum(has_looks(one) and not one.lines for one in scenes)
        return heard / 150, seen / 150

    (ours, seen), (whole, _) = shares(HEARD.world), shares(WORLD)
    assert ours > whole
    assert seen == 0
