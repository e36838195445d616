import torch

from openreels.conditioning.material import Material
from openreels.conditioning.plans import plan
from openreels.conditioning.references import SOURCE, UNNAMED
from openreels.conditioning.showing import heard, shown
from openreels.core.request import GenerationRequest, Keyframe, Reference, TaggedFile


def _picture(height=64, width=64, count=None):
    size = (height, width, 3) if count is None else (count, height, width, 3)
    return torch.zeros(size, dtype=torch.uint8)


def _list(request, material, numbers):
    laid = plan(request, material)
    return [
        (tuple(part.frames.shape[:3]), part.tag) for part in shown(request, material, laid, numbers)
    ]


def test_views_of_subjects_stand_in_order_under_their_number():
    references = (Reference(tag="@a", images=("1", "2")), Reference(tag="@b", images=("3",)))
    request = GenerationRequest(prompt="@a @b", references=references)
    material = Material(references=((_picture(), _picture(64, 128)), (_picture(128, 64),)))
    assert _list(request, material, {"@a": 3, "@b": 4}) == [
        ((1, 64, 64), 3), ((1, 32, 64), 3), ((1, 64, 32), 4),
    ]  # fmt: skip


def test_panels_of_a_grid_are_references_of_one_number():
    request = GenerationRequest(prompt="@g", grid=TaggedFile(tag="@g", path="g"))
    found = _list(request, Material(grid=_picture(128, 128)), {"@g": 3})
    assert found == [((1, 64, 64), 3)] * 4


def test_keyframes_without_a_time_have_no_name():
    request = GenerationRequest(prompt="a", keyframes=(Keyframe(image="k"),))
    assert _list(request, Material(untimed=(_picture(90, 160),)), {}) == [((1, 64, 112), UNNAMED)]


def test_a_clip_that_is_changed_or_followed_stands_nearest_to_the_result():
    request = GenerationRequest(
        prompt="@a", edit="c", references=(Reference(tag="@a", images=("1",)),)
    )
    material = Material(clip=_picture(48, 64, count=11), references=((_picture(),),))
    found = _list(request, material, {"@video_1": SOURCE, "@a": 3})
    assert found == [((1, 64, 64), 3), ((9, 64, 80), SOURCE)]
    both = GenerationRequest(
        prompt="@m",
        edit="c",
        ref_video=TaggedFile(tag="@m", path="m"),
        references=request.references,
    )
    wide = Material(clip=material.clip, references=material.references, follow=_picture(64, 32, 7))
    assert _list(both, wide, {"@video_1": SOURCE, "@a": 3, "@m": 4}) == [
        ((1, 64, 64), 3), ((5, 64, 32), 4), ((9, 64, 80), SOURCE),
    ]  # fmt: skip
    follow = GenerationRequest(prompt="@m", ref_video=TaggedFile(tag="@m", path="c"))
    assert _list(follow, Material(follow=material.clip), {"@m": 3}) == [((9, 64, 80), 3)]


def test_a_voice_has_the_number_of_its_subject():
    request = GenerationRequest(
        prompt="@a @s",
        references=(Reference(tag="@a", images=("1",)),),
        voices=(TaggedFile(tag="@a", path="v"),),
        audio_refs=(TaggedFile(tag="@s", path="w"),),
    )
    voice, song = torch.zeros(2, 5), torch.ones(2, 6)
    found = heard(request, Material(voices=(voice,), audio_refs=(song,)), {"@a": 3, "@s": 4})
    assert [(part.waveform.shape[1], part.tag) for part in found] == [(5, 3), (6, 4)]
