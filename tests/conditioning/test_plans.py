from dataclasses import replace

import pytest
import torch

from openreels.conditioning.material import Material
from openreels.conditioning.plans import plan
from openreels.core.request import GenerationRequest, Keyframe, TaggedFile, validate


def _clip(count, height=64, width=64):
    draw = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, height, width, 3), generator=draw, dtype=torch.uint8)


FOLLOW = TaggedFile(tag="@m", path="m")


def test_an_edit_by_instruction_has_the_length_and_size_of_its_clip_and_gives_nothing():
    laid = plan(GenerationRequest(prompt="a", edit="c"), Material(clip=_clip(23, 48, 64)))
    assert (laid.shape.num_frames, laid.shape.height, laid.shape.width) == (21, 64, 80)
    assert laid.task.name == "edit"
    assert laid.changed.shape == (21, 64, 80, 3)
    assert (laid.clip, laid.known, laid.around.source, laid.follows) == (None,) * 4
    assert "cut from 23 to 21" in laid.notes[0]


def test_a_picture_is_edited_as_a_clip_of_one_frame():
    request = GenerationRequest(prompt="a", kind="image", edit="c", edit_region="m")
    region = torch.zeros(1, 64, 64, dtype=torch.bool)
    region[:, :16] = True
    laid = plan(request, Material(clip=_clip(1), region=region))
    assert (laid.task.name, laid.shape.num_frames) == ("inpaint_image", 1)
    assert torch.equal(laid.known, ~region)


@pytest.mark.parametrize("region", [True, False])
def test_a_reference_clip_beside_an_edited_one_keeps_its_length_and_form(region):
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[:, 20:40, 20:40] = True
    fields = {"edit_region": "r"} if region else {}
    request = GenerationRequest(prompt="@m", edit="c", ref_video=FOLLOW, **fields)
    material = Material(
        clip=_clip(18), follow=_clip(11, 64, 32), region=mask if region else None,
        waveform=torch.ones(2, 100),
    )  # fmt: skip
    laid = plan(request, material)
    assert (laid.task.name, laid.shape.num_frames) == ("inpaint_fixed" if region else "edit", 17)
    assert torch.equal(laid.follows, material.follow[:9])
    assert (laid.changed is None) == region
    assert laid.around.sound is None
    assert "the clip was cut from 18 to 17" in laid.notes[0]
    assert "the reference clip was cut from 11 to 9" in laid.notes[1]
    kept = plan(replace(request, keep_audio=True), material)
    assert torch.equal(kept.around.sound.waveform, material.waveform)


@pytest.mark.parametrize("sounds", [True, False])
def test_a_clip_whose_motion_is_followed_keeps_its_sound(sounds):
    wave = torch.zeros(2, 44_100) if sounds else None
    request = GenerationRequest(prompt="@m", ref_video=FOLLOW)
    laid = plan(request, Material(follow=_clip(17), waveform=wave))
    assert (laid.task.name, laid.shape.num_frames) == ("motion", 17)
    assert (laid.around.sound is not None) == sounds


def test_keyframes_without_a_time_give_no_latent():
    pictures = (_clip(1, 90, 160)[0],)
    request = GenerationRequest(prompt="a", keyframes=(Keyframe(image="k"),))
    laid = plan(request, Material(untimed=pictures))
    assert not laid.known.any()
    assert laid.shape.width == 112


@pytest.mark.parametrize("fields", [{"edit": "c"}, {"extend": "c"}, {"ref_video": FOLLOW}])
def test_a_source_that_is_not_there_is_named(fields):
    with pytest.raises(ValueError, match=r"got none; give the path of a clip"):
        plan(GenerationRequest(prompt="@m", **fields), Material())


@pytest.mark.parametrize(
    ("duration_s", "times", "last", "places"),
    [
        (1.1, (1.1,), False, [4]),
        (1.125, (0.875,), True, [4, 5]),
        (1.0, (0.375, 0.625), False, [2, 3]),
        (1.37, (0.1, 0.37, 0.62, 0.87, 1.12), True, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_pictures_at_valid_times_have_latents_of_their_own(duration_s, times, last, places):
    request = GenerationRequest(
        prompt="a",
        duration_s=duration_s,
        keyframes=tuple(Keyframe(image="k", time_s=time) for time in times),
        last_frame="l" if last else None,
    )
    pictures = tuple((time, _clip(1)[0]) for time in times)
    material = Material(keyframes=pictures, last_frame=_clip(2)[0] if last else None)
    laid = plan(validate(request), material)
    assert [index for index, _ in laid.stills] == places
    assert laid.shape.num_latent_frames > places[-1]
