import pytest
import torch

from openreels.core.request import validate
from openreels.evaluation.cases import FEATURES, Made, fitted, make_case, request_of
from openreels.evaluation.clips import tensors_of
from openreels.evaluation.config import FEATURE_ROWS, ROWS, BenchConfig
from openreels.media.clip import read_clip
from openreels.media.image import read_image

CONFIG = BenchConfig(duration_s=1.0, count=2, task_count=1)


def test_every_feature_has_a_row():
    assert tuple(FEATURES) == FEATURE_ROWS


@pytest.mark.parametrize("name", ROWS)
def test_every_row_makes_a_case_and_the_same_one_again(name):
    config = BenchConfig(duration_s=2.0)
    case = make_case(name, 1, config)
    assert case.task == make_case(name, 1, config).task
    assert case.task != make_case(name, 0, config).task
    assert case.task.name == name
    assert (case.shape.num_frames, case.shape.height, case.shape.width) == (33, 64, 64)


def test_an_unknown_row_is_refused():
    with pytest.raises(ValueError, match="a row must be one of"):
        make_case("moon", 0, CONFIG)


def test_pictures_and_their_handles_become_references(tmp_path):
    case = make_case("subjects", 0, CONFIG)
    request = validate(request_of(case, tmp_path, CONFIG, 4))
    assert request.seed == 4
    assert {r.tag for r in request.references} == {r.handle for r in case.task.references}
    rendered = case.references[0]
    assert rendered.images is not None
    read = read_image(request.references[0].images[0])
    assert torch.equal(
        torch.from_numpy(read.copy()).permute(2, 0, 1),
        ((rendered.images[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8),
    )


def test_voices_belong_to_pictures_and_music_stands_alone(tmp_path):
    config = BenchConfig(duration_s=2.0)
    spoken = request_of(make_case("subjects and voices", 0, config), tmp_path, config, 0)
    assert spoken.voices
    assert {v.tag for v in spoken.voices} <= {r.tag for r in spoken.references}
    music = request_of(make_case("music", 0, config), tmp_path, config, 0)
    assert len(music.audio_refs) == 1
    assert not music.voices
    for request in (spoken, music):
        validate(request)


def test_a_masked_edit_writes_its_source_and_where_it_may_change(tmp_path):
    case = make_case("inpaint colour", 0, CONFIG)
    request = validate(request_of(case, tmp_path, CONFIG, 0))
    assert case.source is not None
    assert request.duration_s is None
    pixels, _ = tensors_of(read_clip(request.edit))
    assert (pixels - case.source.pixels).abs().mean() < 0.05
    mask, _ = tensors_of(read_clip(request.edit_region))
    agree = ((mask[0] > 0) == case.changed).float().mean()
    assert agree > 0.97


def test_a_motion_clip_gives_its_length(tmp_path):
    request = validate(request_of(make_case("images and motion", 0, CONFIG), tmp_path, CONFIG, 0))
    assert request.ref_video is not None
    assert request.duration_s is None


def test_clips_of_other_lengths_and_sizes_are_fitted():
    case = make_case("text style", 0, CONFIG)
    short = Made(pixels=torch.rand(3, 5, 32, 32), waveform=torch.zeros(2, 100))
    found = fitted(short, case.shape)
    assert found.pixels.shape == (3, 17, 64, 64)
    assert torch.equal(found.pixels[:, 4], found.pixels[:, 16])
    same = Made(pixels=torch.rand(3, 17, 64, 64), waveform=torch.zeros(2, 100))
    assert torch.equal(fitted(same, case.shape).pixels, same.pixels)
