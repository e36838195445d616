import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from openreels.core.request import GenerationRequest, Keyframe
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.media import clip as media_clip
from openreels.media.clip import Clip
from openreels.media.image import read_image, write_image
from openreels.pipelines.generate import generate
from openreels.pipelines.settings import EDIT_GUIDANCE
from openreels.stage.captions import held_out_prompts
from openreels.stage.enhance import StageEnhancer


def _request(**fields):
    return GenerationRequest(**({"prompt": "a red ball", "steps": 1, "duration_s": 1.0} | fields))


@pytest.fixture
def picture(tmp_path):
    draw = np.random.default_rng(0)
    path = tmp_path / "picture.png"
    write_image(path, draw.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return str(path)


@pytest.fixture
def source(tmp_path):
    draw = np.random.default_rng(1)
    frames = np.repeat(draw.integers(0, 256, (22, 4, 4, 3), dtype=np.uint8), 16, axis=1)
    waveform = draw.uniform(-0.5, 0.5, (2, 60_638)).astype(np.float32)
    clip = Clip(frames=np.repeat(frames, 16, axis=2), fps=16, waveform=waveform)
    return str(clip.save(tmp_path / "source.mp4"))


def test_the_same_seed_gives_the_same_clip_bit_for_bit(components):
    first = generate(components, _request(seed=7)).clip
    again = generate(components, _request(seed=7)).clip
    other = generate(components, _request(seed=8)).clip
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.waveform, again.waveform)
    assert not np.array_equal(first.frames, other.frames)
    assert not np.array_equal(first.waveform, other.waveform)


@pytest.mark.parametrize(
    ("duration_s", "ratio"), [(1.0, "1:1"), (2.3, "9:16"), (15.0, "1:1"), (1.0, "9:16")]
)
def test_picture_and_sound_are_equally_long(components, duration_s, ratio):
    clip = generate(components, _request(duration_s=duration_s, aspect_ratio=ratio)).clip
    assert clip.frames.shape[1:] == ((64, 64, 3) if ratio == "1:1" else (112, 64, 3))
    assert abs(clip.num_frames / 16 - 1 / 16 - duration_s) <= 1 / 8
    assert clip.waveform.shape == (2, round(clip.num_frames / 16 * SAMPLE_RATE_HZ))


def test_kinds_of_output(components):
    silent = generate(components, _request(sound=False)).clip
    assert silent.waveform is None
    assert silent.num_frames == 17
    sound = generate(components, _request(kind="audio")).clip
    assert sound.frames is None
    assert sound.waveform.shape == (2, 46_856)
    still = generate(components, _request(kind="image", duration_s=None)).clip
    assert still.num_frames == 1
    assert still.waveform is None


def test_metadata_is_json_and_says_what_was_done(components):
    told = []
    result = generate(components, _request(seed=3), progress=lambda *state: told.append(state))
    metadata = json.loads(json.dumps(result.metadata))
    assert metadata["task"] == "t2av"
    assert (metadata["seed"], metadata["steps"]) == (3, 1)
    assert (metadata["width"], metadata["height"], metadata["fps"]) == (64, 64, 16)
    assert metadata["seconds"] == pytest.approx(17 / 16, abs=1e-4)
    assert metadata["sample_rate_hz"] == 44_100
    assert set(metadata["stages_s"]) == {"read", "encode", "denoise", "decode"}
    assert [stage for stage, done, total in told if done == total > 0 and stage != "denoise"] == [
        "read",
        "encode",
        "decode",
    ]


def test_the_prompt_is_enhanced_unless_told_not_to(components):
    enhancing = replace(components, enhancer=StageEnhancer())
    request = _request(prompt="a ball", kind="image", duration_s=None)
    result = generate(enhancing, request)
    caption = "A medium red rubber ball bounces in a meadow by day. The camera is still."
    assert result.metadata["prompt"] == "a ball"
    assert result.metadata["enhanced_prompt"] == caption
    assert "was filled in" in result.metadata["notes"][0]
    assert "enhance" in result.metadata["stages_s"]
    same = generate(components, replace(request, prompt=caption))
    assert np.array_equal(result.clip.frames, same.clip.frames)
    plain = generate(enhancing, replace(request, enhance=False))
    assert plain.metadata["prompt"] == "a ball"
    assert plain.metadata["enhanced_prompt"] is None
    assert plain.metadata["notes"] == []
    assert np.array_equal(plain.clip.frames, generate(components, request).clip.frames)


def test_a_caption_is_given_to_the_model_as_it_is(components):
    enhancing = replace(components, enhancer=StageEnhancer())
    prompt, _ = held_out_prompts(1)[0]
    result = generate(enhancing, _request(prompt=prompt, kind="image", duration_s=None))
    assert result.metadata["prompt"] == prompt
    assert result.metadata["enhanced_prompt"] is None
    assert result.metadata["notes"] == []


def test_a_first_frame_is_returned_byte_for_byte(components, picture):
    clip = generate(components, _request(first_frame=picture, last_frame=picture)).clip
    assert np.array_equal(clip.frames[0], read_image(picture))


def test_keyframes_run_through(components, picture):
    request = _request(keyframes=(Keyframe(image=picture, time_s=0.5),))
    assert generate(components, request).metadata["task"] == "keyframes"


def test_an_extension_keeps_its_clip_in_front(components, source):
    given = media_clip.read_clip(source, fps=16)
    clip = generate(components, _request(extend=source)).clip
    assert clip.num_frames == 22 + 16
    assert np.array_equal(clip.frames[:22], given.frames)
    shared = given.waveform.shape[1]
    assert np.array_equal(clip.waveform[:, :shared], given.waveform)
    assert clip.waveform.shape[1] == round(38 / 16 * SAMPLE_RATE_HZ)
    assert np.abs(clip.waveform[:, shared + 1000 :]).max() > 0


def test_an_extension_before_keeps_its_clip_at_the_end(components, source):
    given = media_clip.read_clip(source, fps=16)
    clip = generate(components, _request(extend=source, extend_before=True)).clip
    assert clip.num_frames == 17 + 22
    assert np.array_equal(clip.frames[17:], given.frames)
    start = round(17 / 16 * SAMPLE_RATE_HZ)
    length = clip.waveform.shape[1] - start
    assert abs(length - given.waveform.shape[1]) <= 1
    assert np.array_equal(clip.waveform[:, start:], given.waveform[:, :length])


@pytest.fixture
def region(tmp_path):
    white = np.zeros((64, 64, 3), dtype=np.uint8)
    white[16:40, 20:44] = 255
    path = tmp_path / "region.png"
    write_image(path, white)
    return str(path), white[..., 0] > 0


def test_outside_the_region_an_edit_returns_the_source(components, source, region):
    path, change = region
    given = media_clip.read_clip(source, fps=16)
    request = _request(edit=source, edit_region=path, duration_s=None)
    result = generate(components, request)
    assert result.metadata["task"] == "inpaint_fixed"
    assert result.metadata["notes"]
    assert result.clip.num_frames == 21
    assert np.array_equal(result.clip.frames[:, ~change], given.frames[:21, ~change])
    assert (result.clip.frames[:, change] != given.frames[:21, change]).any()
    assert not np.array_equal(result.clip.waveform, given.waveform[:, : round(21 / 16 * 44_100)])


def test_an_edit_can_keep_its_sound(components, source, region):
    given = media_clip.read_clip(source, fps=16)
    request = _request(edit=source, edit_region=region[0], duration_s=None, keep_audio=True)
    clip = generate(components, request).clip
    assert np.array_equal(clip.waveform, given.waveform[:, : round(21 / 16 * 44_100)])


def test_more_picture_around_a_clip(components, source):
    given = media_clip.read_clip(source, fps=16)
    result = generate(components, _request(edit=source, aspect_ratio="16:9", duration_s=None))
    assert result.metadata["task"] == "outpaint"
    assert result.clip.frames.shape == (21, 64, 112, 3)
    assert np.array_equal(result.clip.frames[:, :, 24:88], given.frames[:21])


def test_the_ratio_that_a_clip_has_is_an_edit_by_instruction_with_its_guidance(components, source):
    plain = _request(edit=source, duration_s=None, seed=3)
    edit = generate(components, plain)
    same = generate(components, replace(plain, aspect_ratio="1:1"))
    assert same.metadata["task"] == edit.metadata["task"] == "edit"
    assert same.metadata["guidance_scale"] == edit.metadata["guidance_scale"] == EDIT_GUIDANCE
    assert np.array_equal(same.clip.frames, edit.clip.frames)


def test_broken_rules_and_missing_skills_are_refused(components):
    with pytest.raises(ValueError, match="duration"):
        generate(components, _request(duration_s=99.0))
    with pytest.raises(ValueError, match="makes 64p"):
        generate(components, _request(resolution="1080p"))


def test_the_clip_of_a_run_can_be_saved(components, tmp_path):
    clip = generate(components, _request()).clip
    saved = media_clip.read_clip(clip.save(tmp_path / "out.mp4"))
    assert saved.frames.shape == clip.frames.shape
    assert torch.from_numpy(saved.waveform).shape == clip.waveform.shape
