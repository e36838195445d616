from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.conditioning.frames import cover, nearest_ratio
from openreels.conditioning.material import editable_frames, gather
from openreels.core.errors import MediaError
from openreels.core.request import RESOLUTIONS, GenerationRequest, Keyframe, TaggedFile
from openreels.core.shapes import ASPECT_RATIOS, size_for
from openreels.media.clip import Clip, read_clip
from openreels.media.image import write_image


def _frames(count, height=48, width=64):
    ramp = np.linspace(0, 200, width, dtype=np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (count, height, width, 3)).copy()
    frames[..., 1] = np.linspace(20, 220, count).astype(np.uint8)[:, None, None]
    return frames


@pytest.fixture
def clip_path(tmp_path):
    waveform = np.zeros((2, 44100), dtype=np.float32)
    clip = Clip(frames=_frames(32), fps=32, waveform=waveform)
    return str(clip.save(tmp_path / "clip.mp4"))


def test_a_request_without_files_gives_nothing():
    material = gather(GenerationRequest(prompt="a"))
    assert material.clip is None
    assert material.first_frame is None
    assert material.keyframes == ()


def test_pictures_are_read_with_their_seconds(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, _frames(1)[0])
    request = GenerationRequest(
        prompt="a",
        first_frame=str(path),
        keyframes=(Keyframe(image=str(path), time_s=1.0), Keyframe(image=str(path))),
    )
    material = gather(request)
    assert torch.equal(material.first_frame, torch.from_numpy(_frames(1)[0]))
    assert [time for time, _ in material.keyframes] == [1.0]
    with pytest.raises(MediaError):
        gather(GenerationRequest(prompt="a", last_frame=str(tmp_path / "no.png")))


def test_a_clip_is_read_on_our_clock_at_the_size_of_the_result(clip_path):
    material = gather(GenerationRequest(prompt="a", extend=clip_path))
    assert material.clip.shape == (16, 64, 80, 3)
    assert material.waveform.shape == (2, 44100)
    asked = gather(GenerationRequest(prompt="a", extend=clip_path, aspect_ratio="1:1"))
    assert asked.clip.shape == (16, 64, 64, 3)


def test_a_reference_clip_comes_with_its_sound_unless_another_clip_is_edited(tmp_path, clip_path):
    tall = Clip(frames=_frames(32, 96, 32), fps=32, waveform=np.ones((2, 8820), dtype=np.float32))
    follow = TaggedFile(tag="@m", path=str(tall.save(tmp_path / "tall.mp4")))
    alone = gather(GenerationRequest(prompt="@m", ref_video=follow))
    assert (alone.clip, alone.follow.shape) == (None, (16, 112, 64, 3))
    assert alone.waveform.abs().max() > 0.5
    both = gather(
        GenerationRequest(prompt="@m", edit=clip_path, edit_region=None, ref_video=follow)
    )
    assert both.clip.shape == (16, 64, 80, 3)
    assert both.follow.shape == (16, 64, 16, 3)
    assert both.waveform.abs().max() < 0.1


def test_a_clip_to_edit_by_instruction_is_read_as_it_is_covered_later(tmp_path):
    path = Clip(frames=_frames(16, 96, 200), fps=16).save(tmp_path / "wide.mp4")
    read = gather(GenerationRequest(prompt="a", edit=str(path), resolution="64p"))
    whole = torch.from_numpy(read_clip(path).frames)
    ratio = nearest_ratio(96, 200)
    height, width = size_for(ratio, RESOLUTIONS["64p"])
    assert torch.equal(read.clip, cover(whole, height=height, width=width))


@pytest.mark.parametrize("ratio", ASPECT_RATIOS)
@pytest.mark.parametrize("short_side", RESOLUTIONS.values())
def test_a_clip_at_the_size_of_a_result_keeps_its_ratio(ratio, short_side):
    assert nearest_ratio(*size_for(ratio, short_side)) == ratio


def test_a_clip_to_surround_keeps_its_whole_picture(clip_path):
    request = GenerationRequest(prompt="a", edit=clip_path, aspect_ratio="16:9")
    assert gather(request).clip.shape == (16, 48, 64, 3)


def test_a_region_is_read_as_the_part_to_change(clip_path, tmp_path):
    white = np.zeros((48, 64, 3), dtype=np.uint8)
    white[:, :32] = 255
    path = tmp_path / "mask.png"
    write_image(path, white)
    request = GenerationRequest(prompt="a", edit=clip_path, edit_region=str(path))
    material = gather(request)
    assert material.region.shape == (13, 64, 80)
    assert material.region[:, :, :38].all()
    assert not material.region[:, :, 42:].any()


def test_a_moving_region_is_as_long_as_the_picture_whatever_the_sound(tmp_path):
    sound = np.zeros((2, 2 * 44100), dtype=np.float32)
    clip = Clip(frames=_frames(17), fps=16, waveform=sound).save(tmp_path / "clip.webm")
    moving = np.zeros((16, 48, 64, 3), dtype=np.uint8)
    moving[8:] = 255
    mask = Clip(frames=moving, fps=16).save(tmp_path / "mask.mp4")
    request = GenerationRequest(prompt="a", edit=str(clip), edit_region=str(mask))
    region = gather(request).region
    assert region.flatten(1).all(1).tolist() == [False] * 8 + [True] * 9
    short = Clip(frames=moving[:15], fps=16).save(tmp_path / "short.mp4")
    with pytest.raises(MediaError, match=r"as long as its clip, 1\.06 seconds, got 0\.94"):
        gather(replace(request, edit_region=str(short)))


@pytest.mark.parametrize(("given", "kept"), [(1, 1), (4, 1), (5, 5), (18, 17), (500, 241)])
def test_an_edit_keeps_whole_latent_frames_up_to_fifteen_seconds(given, kept):
    assert editable_frames(given) == kept
