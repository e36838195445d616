from openreels.conditioning.tasks import TASKS
from openreels.training.config import ShardData
from openreels.training.schedule import (
    DATA,
    EDITS,
    IMAGE_REFERENCES,
    STAGES,
    VIDEO_REFERENCES,
    audio,
    data_folder,
    joint,
    sft_1,
    sft_2,
    video_1,
    video_3,
    video_6,
)


def test_every_stage_begins_where_the_one_before_ended():
    made = [stage() for stage in STAGES]
    assert [stage.name for stage in made] == [stage.__name__ for stage in STAGES]
    for stage in made:
        if stage.init is not None:
            names = [other.name for other in made[: made.index(stage)]]
            assert stage.init.removesuffix("/mmdit.safetensors") in names
        assert stage.model == made[0].model
        assert stage.model.num_tags > 0
    assert joint().init_audio == "audio/mmdit.safetensors"
    assert (video_1().init, audio().init) == (None, None)


def test_every_bucket_is_made():
    folders = {bucket.folder for bucket in DATA}
    assert len(folders) == len(DATA)
    for stage in STAGES:
        assert {data_folder(data) for data in stage().data} <= folders


def _share(stage, *buckets):
    weights = {data.folder: data.weight for data in stage.data if isinstance(data, ShardData)}
    return sum(weights.get(bucket.folder, 0.0) for bucket in buckets) / sum(weights.values())


def test_shares_are_those_of_the_table():
    assert abs(_share(video_6(), IMAGE_REFERENCES) - 0.2) < 1e-9
    assert abs(_share(video_6(), VIDEO_REFERENCES) - 0.2) < 1e-9
    assert abs(_share(video_3(), EDITS) - 0.05) < 1e-9
    lessons = [bucket for bucket in DATA if bucket.lessons]
    assert abs(_share(sft_1(), *lessons) - 0.2) < 1e-9
    assert abs(_share(sft_2(), *lessons) - 0.2) < 1e-9


def test_video_stages_are_silent_and_the_audio_stage_is_blind():
    for stage in STAGES[:6]:
        assert not stage().tasks.sound
    assert all(not TASKS[name].video for name, _ in audio().tasks.mix)
    assert joint().tasks.sound
