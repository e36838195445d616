from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.conditioning.held import Target, held_of
from openreels.conditioning.masks import keyframe_latent
from openreels.conditioning.material import Material, gather
from openreels.core.request import GenerationRequest
from openreels.core.shapes import ClipShape
from openreels.media.clip import Clip, read_clip

TARGET = Target(num_frames=33, height=64, width=64, fps=32)
REQUEST = GenerationRequest(prompt="a ball")


@pytest.fixture
def source(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    return str(Clip(frames=frames, fps=32).save(tmp_path / "source.mp4"))


def _picture(value):
    return torch.full((64, 64, 3), value, dtype=torch.uint8)


def _read(path):
    return Material(clip=torch.from_numpy(read_clip(path, fps=16).frames))


def test_a_prompt_holds_nothing():
    held, notes = held_of(REQUEST, Material(), TARGET)
    assert held.source is held.known is None
    assert held.stills == notes == ()


def test_frames_are_held_up_to_whole_latents():
    assert TARGET.shape().num_frames == 33
    assert replace(TARGET, num_frames=34).shape().num_frames == 37
    assert replace(TARGET, num_frames=1).shape().num_frames == 1


def test_a_first_frame_is_its_own_and_later_ones_are_stills():
    material = Material(
        first_frame=_picture(10), keyframes=((0.5, _picture(20)),), last_frame=_picture(30)
    )
    held, _ = held_of(REQUEST, material, TARGET)
    assert held.known.flatten(1).all(1).tolist() == [True] + [False] * 32
    assert torch.equal(held.source[0], _picture(10))
    assert [index for index, _ in held.stills] == [4, 8]
    assert [int(image[0, 0, 0]) for _, image in held.stills] == [20, 30]


@pytest.mark.parametrize("before", [False, True])
def test_a_clip_lies_at_its_end_of_the_result(source, before):
    request = replace(REQUEST, extend=source, extend_before=before)
    held, _ = held_of(request, _read(source), TARGET)
    given = torch.from_numpy(read_clip(source).frames)
    # Ten frames at 16 a second are nineteen at 32: the last of the twenty is between two of them.
    some = slice(33 - 19, 33) if before else slice(0, 19)
    known = held.known.flatten(1)
    assert known[some].all()
    assert known.sum() == 19 * 64 * 64
    assert torch.equal(held.source[some], given[:19])


@pytest.mark.parametrize("before", [False, True])
def test_a_clip_of_another_rate_has_the_frames_that_the_base_saw_and_those_between(
    tmp_path, before
):
    frames = np.random.default_rng(1).integers(0, 256, (50, 64, 64, 3), dtype=np.uint8)
    path = str(Clip(frames=frames, fps=24).save(tmp_path / "source.mp4"))
    # 33 frames at 16 a second and 67 at 32; seventeen new ones at 16 make fifty.
    target = replace(TARGET, num_frames=99)
    request = replace(REQUEST, extend=path, extend_before=before)
    held, _ = held_of(request, _read(path), target)
    first = 2 * 17 if before else 0
    whole = held.known.flatten(1).all(1).nonzero().flatten().tolist()
    assert whole == list(range(first, first + 65))
    given = torch.from_numpy(read_clip(path, fps=32).frames)
    assert len(given) == 67
    assert torch.equal(held.source[first : first + 65], given[:65])
    assert torch.equal(held.source[first : first + 65 : 2], _read(path).clip)


def test_an_extension_needs_its_clip(source):
    with pytest.raises(ValueError, match="extend needs a clip, got none"):
        held_of(replace(REQUEST, extend=source), Material(), TARGET)


@pytest.mark.parametrize(("time_s", "place"), [(0.13, 2), (0.37, 2), (0.375, 4), (0.625, 6)])
def test_a_keyframe_stands_where_the_base_has_it(time_s, place):
    held, _ = held_of(REQUEST, Material(keyframes=((time_s, _picture(20)),)), TARGET)
    assert [index for index, _ in held.stills] == [place]
    low = keyframe_latent(time_s, ClipShape(num_frames=17, height=64, width=64))
    assert place == 2 * low


def test_a_moving_region_that_the_base_took_is_taken_and_its_last_picture_held(tmp_path):
    frames = np.random.default_rng(2).integers(0, 256, (33, 64, 64, 3), dtype=np.uint8)
    source = Clip(frames=frames, fps=32).save(tmp_path / "source.mp4")
    moving = np.zeros((31, 64, 64, 3), dtype=np.uint8)
    moving[20:, :, :32] = 255
    mask = Clip(frames=moving, fps=32).save(tmp_path / "mask.mp4")
    request = replace(REQUEST, edit=str(source), edit_region=str(mask))
    held, _ = held_of(request, gather(request), TARGET)
    assert held.known.shape == (33, 64, 64)
    assert held.known[:20].all()
    assert not held.known[20:, :, :30].any()
    assert held.known[:, :, 34:].all()


def test_a_keyframe_near_the_start_or_the_end_stands_there():
    material = Material(keyframes=((0.1, _picture(20)), (1.1, _picture(30))))
    held, _ = held_of(REQUEST, material, TARGET)
    assert torch.equal(held.source[0], _picture(20))
    assert [index for index, _ in held.stills] == [8]


def test_a_smaller_source_holds_nothing_and_this_is_told(source):
    large = replace(TARGET, height=128, width=128)
    held, notes = held_of(replace(REQUEST, extend=source), Material(), large)
    assert held.source is None
    assert notes == ("the source is smaller than 128x128 and was refined too",)
