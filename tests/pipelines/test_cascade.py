import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from openreels.conditioning.build import build
from openreels.conditioning.held import Target
from openreels.conditioning.material import gather
from openreels.core.request import GenerationRequest, Keyframe, Reference
from openreels.media.clip import Clip, read_clip
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines import refine as refine_module
from openreels.pipelines.cascade import (
    cut_to_side,
    plan_cascade,
    prompt_of,
    refine_clip,
    refined,
    refiner_of,
)
from openreels.pipelines.generate import generate
from openreels.pipelines.model import Model, read_low


@pytest.fixture(scope="session")
def cascade(components):
    """The tiny model with a tiny refiner: video alone, sparse, of what is missing."""
    torch.manual_seed(1)
    base = components.mmdit.config
    refiner = MMDiT(
        replace(base, audio_channels=0, sparsity=0.5, coarse_gate=True, residual=0.5, skip=True)
    )
    with torch.no_grad():
        for parameter in refiner.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return replace(components, refiner=refiner.eval().requires_grad_(False))


def _request(**fields):
    start = {"prompt": "a red ball", "steps": 1, "duration_s": 1.0, "mode": "fast"}
    return GenerationRequest(**(start | {"resolution": "256p"} | fields))


def test_the_refined_clip_has_four_times_the_side_twice_the_frames_and_the_same_sound(cascade):
    fine = generate(cascade, _request())
    low = generate(cascade, _request(resolution="64p")).clip
    assert low.frames.shape == (17, 64, 64, 3)
    assert fine.clip.frames.shape == (33, 256, 256, 3)
    assert fine.clip.fps == 32
    assert np.array_equal(fine.clip.waveform, low.waveform)
    metadata = json.loads(json.dumps(fine.metadata))
    assert (metadata["width"], metadata["height"], metadata["fps"]) == (256, 256, 32)
    assert (metadata["refined"], metadata["refiner_steps"]) == (True, 1)
    assert "refined to 256x256 at 32 fps in 1 step" in metadata["notes"]


def test_without_the_refiner_the_base_makes_the_size_itself(cascade, components):
    for model in (cascade, components):
        result = generate(model, _request(refine=False, sound=False))
        assert result.clip.frames.shape == (17, 256, 256, 3)
        assert result.metadata["refined"] is False
    with pytest.raises(ValueError, match="which needs a refiner"):
        generate(components, _request())


def test_every_resolution_can_be_reached(cascade):
    refiner = refiner_of(cascade, _request())
    for side, last, count in ((256, (256, 448), 1), (720, (720, 1264), 2), (1080, (1088, 1904), 2)):
        passes = plan_cascade(refiner, (49, 64, 112), short_side=side, fps=16).targets
        assert len(passes) == count
        assert passes[0] == Target(num_frames=97, height=256, width=448, fps=32)
        assert (passes[-1].height, passes[-1].width) == last
        assert {target.fps for target in passes} == {32}


@pytest.mark.parametrize(
    ("low", "made", "kept"),
    [
        ((64, 112), (1088, 1904), (1080, 1904)),
        ((112, 64), (1904, 1088), (1904, 1080)),
        ((64, 80), (1088, 1360), (1080, 1360)),
        ((64, 64), (1088, 1088), (1080, 1080)),
    ],
)
def test_what_is_beyond_the_shorter_side_is_cut_and_a_square_stays_one(cascade, low, made, kept):
    refiner = refiner_of(cascade, _request())
    last = plan_cascade(refiner, (1, *low), short_side=1080, fps=16).targets[-1]
    assert (last.height, last.width) == made
    rows, columns = np.arange(made[0])[:, None], np.arange(made[1])
    frames = np.broadcast_to((rows * 7 + columns * 3)[None, ..., None] % 256, (1, *made, 3))
    cut = cut_to_side(frames.astype(np.uint8), 1080)
    assert cut.shape == (1, *kept, 3)
    top, left = ((a - b) // 2 for a, b in zip(made, kept, strict=True))
    assert np.array_equal(cut, frames[:, top : top + kept[0], left : left + kept[1]])


def test_a_larger_size_goes_through_several_passes_and_windows(cascade):
    result = generate(cascade, _request(kind="image", duration_s=None, resolution="480p"))
    assert result.clip.frames.shape == (1, 480, 480, 3)
    assert "256x256 at 16 fps in 1 step, then 480x480" in result.metadata["notes"][-1]


@pytest.fixture
def source(tmp_path):
    """A clip of 256 pixels and 32 frames a second with sound, as a file."""
    draw = np.random.default_rng(1)
    small = draw.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    frames = small.repeat(32, axis=1).repeat(32, axis=2)
    waveform = draw.uniform(-0.5, 0.5, (2, 55_125)).astype(np.float32)
    return str(Clip(frames=frames, fps=32, waveform=waveform).save(tmp_path / "source.mp4"))


def test_preserved_pixels_of_a_fine_source_come_back_exactly(cascade, source, tmp_path):
    region = np.zeros((256, 256), dtype=np.uint8)
    region[64:160, 48:200] = 255
    Image.fromarray(region).save(tmp_path / "region.png")
    request = _request(
        edit=source, edit_region=str(tmp_path / "region.png"), duration_s=None, keep_audio=True
    )
    made = generate(cascade, request).clip
    read = read_clip(source, fps=32)
    assert made.fps == 32
    assert made.num_frames == 33
    kept = region == 0
    assert np.array_equal(made.frames[:, kept], read.frames[: made.num_frames, kept])
    assert not np.array_equal(made.frames[:, ~kept], read.frames[: made.num_frames, ~kept])


def test_an_edit_by_instruction_returns_no_pixel_of_a_fine_source(cascade, source):
    request = _request(prompt="make the ball blue", edit=source, duration_s=None)
    result = generate(cascade, request)
    assert result.metadata["task"] == "edit"
    read = read_clip(source, fps=32).frames[: result.clip.num_frames]
    differs = (result.clip.frames != read).any(-1)
    assert differs.mean() > 0.9
    assert "smaller" not in " ".join(result.metadata["notes"])


def test_preserved_pixels_of_a_fine_picture_come_back_exactly(cascade, tmp_path):
    picture = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = picture.repeat(32, 0).repeat(32, 1)
    region = np.zeros((256, 256), dtype=np.uint8)
    region[64:160, 48:200] = 255
    Image.fromarray(picture).save(tmp_path / "picture.png")
    Image.fromarray(region).save(tmp_path / "region.png")
    files = {"edit": str(tmp_path / "picture.png"), "edit_region": str(tmp_path / "region.png")}
    made = generate(cascade, _request(kind="image", duration_s=None, **files)).clip
    assert made.frames.shape == (1, 256, 256, 3)
    assert np.array_equal(made.frames[0][region == 0], picture[region == 0])
    assert not np.array_equal(made.frames[0][region > 0], picture[region > 0])


def test_references_reach_a_refiner_that_knows_their_names(cascade, tmp_path):
    shown = [np.full((64, 64, 3), value, dtype=np.uint8) for value in (30, 220)]
    for index, picture in enumerate(shown):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    given = tuple(
        Reference(tag=f"@{name}", images=(str(tmp_path / f"{index}.png"),))
        for index, name in enumerate(("ball", "cube"))
    )
    request = replace(_request(kind="image", duration_s=None), prompt="@ball and @cube")
    request = replace(request, references=given)
    conditions = build(replace(request, resolution="64p"), cascade, gather(request))
    prompt = prompt_of(conditions)
    bare = replace(prompt, references=None)
    assert sorted(prompt.tags.unique().tolist()) == [0, 3, 4]
    assert prompt.references.tags.tolist() == [[3, 4]]
    named = MMDiT(replace(cascade.refiner.config, num_tags=10))
    with torch.no_grad():
        for parameter in named.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    low = Clip(frames=np.full((1, 64, 64, 3), 99, dtype=np.uint8), fps=16)
    made = []
    for network in (cascade.refiner, named.eval().requires_grad_(False)):
        refiner = refiner_of(replace(cascade, refiner=network), request)
        made.append([refined(refiner, low, request, x)[0].frames for x in (prompt, bare)])
    assert np.array_equal(*made[0])
    assert not np.array_equal(*made[1])


def test_a_fine_clip_is_continued_and_returned_as_it_was(cascade, source):
    made = generate(cascade, _request(extend=source)).clip
    read = read_clip(source, fps=32)
    low = generate(cascade, _request(extend=source, resolution="64p")).clip
    assert made.num_frames == 2 * low.num_frames - 1
    count = 2 * read_clip(source, fps=16).num_frames - 1
    assert np.array_equal(made.frames[:count], read.frames[:count])
    assert np.array_equal(made.waveform, low.waveform)


def test_a_first_frame_comes_back_exactly_and_a_last_one_guides(cascade, tmp_path):
    draw = np.random.default_rng(0)
    for name in ("first", "last"):
        frame = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
        Image.fromarray(frame).save(tmp_path / f"{name}.png")
    fields = {"first_frame": str(tmp_path / "first.png")}
    made = generate(cascade, _request(**fields)).clip
    assert np.array_equal(made.frames[0], np.asarray(Image.open(tmp_path / "first.png")))
    both = generate(cascade, _request(**fields, last_frame=str(tmp_path / "last.png"))).clip
    assert np.array_equal(both.frames[0], made.frames[0])


def test_a_keyframe_at_the_end_of_an_uneven_length_is_refined(cascade, tmp_path):
    Image.fromarray(np.full((64, 64, 3), 90, dtype=np.uint8)).save(tmp_path / "k.png")
    keyframe = Keyframe(image=str(tmp_path / "k.png"), time_s=1.1)
    made = generate(cascade, _request(duration_s=1.1, keyframes=(keyframe,), sound=False)).clip
    assert made.frames.shape == (33, 256, 256, 3)


def test_a_source_that_is_smaller_guides_alone(cascade, source, tmp_path):
    small = read_clip(source, fps=16, size=(64, 64))
    path = str(small.save(tmp_path / "small.mp4"))
    result = generate(cascade, _request(extend=path))
    assert "the source is smaller than 256x256 and was refined too" in result.metadata["notes"]


def test_a_clip_of_another_origin_is_refined_the_same_way_each_time(cascade):
    frames = np.random.default_rng(2).integers(0, 256, (6, 48, 80, 3), dtype=np.uint8)
    waveform = np.zeros((2, 16_537), dtype=np.float32)
    clip = Clip(frames=frames, fps=16, waveform=waveform)
    first, _ = refine_clip(cascade, clip, _request())
    again, _ = refine_clip(cascade, clip, _request())
    assert first.frames.shape == (11, 256, 432, 3)
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.waveform, waveform)


@pytest.mark.parametrize(
    ("size", "rule"),
    [
        ((1, 64, 64), "at least 2 frames at 16 fps, got 1"),
        ((5, 1, 1), "sides of at least 16 pixels, got 1x1"),
        ((960, 16, 16), "may last 15 s, got 60.0"),
        ((5, 256, 256), "must be smaller than the result, got 256x256"),
    ],
)
def test_clips_that_cannot_be_refined_are_refused(cascade, size, rule):
    clip = Clip(frames=np.zeros((*size, 3), dtype=np.uint8), fps=16)
    with pytest.raises(ValueError, match=rule):
        refine_clip(cascade, clip, _request())


def test_python_refines_a_file_or_a_clip(cascade, source, tmp_path):
    path = read_clip(source, fps=16, size=(32, 32)).save(tmp_path / "low.mp4")
    model = Model(cascade)
    from_file = model.refine(path, "a ball", mode="fast", seed=2)
    from_clip = model.refine(read_low(path), "a ball", mode="fast", seed=2)
    assert from_file.frames.shape == (39, 256, 256, 3)
    assert np.array_equal(from_file.frames, from_clip.frames)
    with pytest.raises(ValueError, match="smaller than the result"):
        model.refine(source)


def test_a_model_without_a_refiner_says_so(components):
    clip = Clip(frames=np.zeros((5, 64, 64, 3), dtype=np.uint8), fps=16)
    with pytest.raises(ValueError, match="has no refiner"):
        refine_clip(components, clip, _request())


def test_small_pieces_give_the_clip_of_one_piece(cascade, monkeypatch):
    frames = np.random.default_rng(3).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    clip = Clip(frames=frames, fps=16)
    whole, _ = refine_clip(cascade, clip, _request())
    monkeypatch.setattr(refine_module, "PIECE_PX", 1)
    monkeypatch.setattr(refine_module, "STORE_BYTES", 1)
    pieces, _ = refine_clip(cascade, clip, _request())
    assert isinstance(pieces.frames, np.memmap)
    difference = np.abs(whole.frames.astype(int) - pieces.frames.astype(int))
    assert difference.max() <= 1


def test_small_pieces_extend_a_clip_as_one_piece_does(cascade, source, monkeypatch):
    request = _request(extend=source, extend_before=True)
    whole = generate(cascade, request).clip.frames
    monkeypatch.setattr(refine_module, "PIECE_PX", 1)
    pieces = generate(cascade, request).clip.frames
    assert np.abs(whole.astype(int) - pieces.astype(int)).max() <= 1
