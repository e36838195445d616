import pytest
import torch

from openreels.conditioning.keyframes import (
    Keyframes,
    join_cells,
    keyframe_frames,
    keyframe_places,
    keyframe_positions,
    part_cells,
    place_code,
    refined_place,
    split_keyframes,
    with_keyframes,
)
from openreels.conditioning.references import References
from openreels.conditioning.tokens import video_branch, video_positions
from openreels.core.modality import BranchInput
from openreels.core.shapes import ClipShape, frames_in_latent, latent_time_s

SHAPE = ClipShape(num_frames=49, height=64, width=64)


def _clip(shape):
    size = (2, 4, shape.num_latent_frames, shape.latent_height, shape.latent_width)
    known = torch.zeros(2, *size[2:], dtype=torch.bool)
    return video_branch(torch.randn(size), torch.randn(size), known, fps=shape.fps, patch=2)


@pytest.mark.parametrize(
    ("frames", "places"),
    [(1, (0,)), (17, (0,)), (33, (0,)), (49, (0, 8)), (241, (0, 8, 16, 24, 32, 40, 48, 56))],
)
def test_there_is_one_every_two_seconds(frames, places):
    assert keyframe_places(ClipShape(num_frames=frames, height=64, width=64)) == places


def test_a_keyframe_is_at_the_same_time_in_both_clips():
    for place in keyframe_places(SHAPE):
        assert latent_time_s(place, 16) == latent_time_s(refined_place(place), 32)


def test_a_keyframe_covers_the_picture_of_the_low_clip():
    fine = keyframe_positions((0, 8), SHAPE, grid=(32, 32), patch=2)
    low = video_positions((13, 8, 8), fps=16, patch=2)
    assert fine.shape == (2 * 16 * 16, 3)
    assert sorted(set(fine[:, 0].tolist())) == [0.0, 2.0]
    assert fine[:, 1:].mean(0).tolist() == low[:, 1:].mean(0).tolist() == [4.0, 4.0]
    own = keyframe_positions((0,), SHAPE, grid=(8, 8), patch=2)
    assert torch.equal(own, low[: len(own)])


def test_tokens_follow_the_clip_and_come_apart_again():
    clip, noisy = _clip(SHAPE), torch.randn(2, 4, 2, 32, 32)
    both = with_keyframes(clip, Keyframes(noisy=noisy, places=(0, 8)), shape=SHAPE, patch=2)
    count = clip.tokens.shape[1]
    assert torch.equal(both.tokens[:, :count], clip.tokens)
    assert torch.equal(both.positions[:, :count], clip.positions)
    assert both.grid == clip.grid == (13, 4, 4)
    parts = both.tokens.unflatten(-1, (4, 9))[..., :4].flatten(2)
    _, back = split_keyframes(parts, num_clip=count, grid=(2, 32, 32), patch=2)
    assert torch.equal(back, noisy)


def test_references_stay_before_the_clip_and_keyframes_follow_it():
    size = (2, 4, SHAPE.num_latent_frames, SHAPE.latent_height, SHAPE.latent_width)
    shown = References(
        latents=torch.randn(2, 4, 1, 4, 4),
        present=torch.ones(2, 1, 4, 4, dtype=torch.bool),
        tags=torch.tensor([[3], [0]]),
    )
    known = torch.zeros(2, *size[2:], dtype=torch.bool)
    parts = (torch.randn(size), torch.randn(size), known)
    clip = video_branch(*parts, fps=SHAPE.fps, patch=2, references=shown)
    noisy = torch.randn(2, 4, 1, 8, 8)
    both = with_keyframes(clip, Keyframes(noisy=noisy, places=(0,)), shape=SHAPE, patch=2)
    assert (both.grid, both.grid_start) == ((13, 4, 4), 4)
    assert both.tags[0].tolist() == [3] * 4 + [0] * (13 * 16 + 16)
    assert both.attendable.shape == both.tags.shape
    assert both.attendable[:, 4:].all()
    own = both.tokens[:, both.grid_start :][:, : 13 * 16]
    assert torch.equal(own, _tokens(*parts))


def _tokens(noisy, given, known):
    return video_branch(noisy, given, known, fps=SHAPE.fps, patch=2).tokens


def test_every_part_of_a_coarse_cell_has_a_code_of_its_own():
    code = place_code(torch.zeros(2, 16, 2, 8, 12))
    assert code.shape == (2, 16, 2, 8, 12)
    assert (code.sum(1) == 1).all()
    block = code[0, :, 0, :4, :4].reshape(16, 16)
    assert torch.equal(block, torch.eye(16))
    for row in range(0, 8, 4):
        for column in range(0, 12, 4):
            part = code[:, :, :, row : row + 4, column : column + 4]
            assert torch.equal(part, code[:, :, :, :4, :4])


def test_what_is_given_stands_in_the_channels_beside_and_the_place_elsewhere():
    clip, noisy, given = _clip(SHAPE), torch.randn(2, 4, 1, 8, 8), torch.randn(2, 4, 1, 8, 8)
    known = torch.rand(2, 1, 8, 8) > 0.5
    clip = BranchInput(tokens=clip.tokens[..., :9], positions=clip.positions)
    both = with_keyframes(
        clip,
        Keyframes(noisy=noisy, places=(0,), known=known, given=given),
        shape=SHAPE,
        patch=1,
    )
    more = both.tokens[:, -64:].view(2, 8, 8, 9).permute(0, 3, 1, 2)
    assert torch.equal(more[:, 8] > 0, known[:, 0])
    expected = torch.where(known, given[:, :, 0], place_code(noisy)[:, :, 0])
    assert torch.equal(more[:, 4:8], expected)


def test_a_keyframe_without_a_place_is_refused():
    with pytest.raises(ValueError, match="a place for each keyframe, got 2 and 1"):
        Keyframes(noisy=torch.randn(2, 4, 2, 8, 8), places=(0,))


def test_a_keyframe_is_encoded_from_the_frames_that_end_at_its_time():
    assert keyframe_frames(0) == range(1)
    frames = keyframe_frames(8)
    assert list(frames) == [60, 61, 62, 63, 64]
    assert frames_in_latent(refined_place(8)) == range(61, 65)
    assert frames[-1] / 32 == latent_time_s(8, 16) == 2


def test_cells_in_a_row_come_apart_again():
    clip, keyframes = torch.randn(2, 4, 13, 8, 10), torch.randn(2, 4, 2, 32, 40)
    row = join_cells(clip, keyframes)
    assert row.shape == (2, 4, 13 * 8 * 10 + 2 * 32 * 40)
    parts = part_cells(row, clip=(13, 8, 10), keyframes=(2, 32, 40))
    assert all(torch.equal(*pair) for pair in zip(parts, (clip, keyframes), strict=True))
    known = join_cells(clip[:, 0] > 0, keyframes[:, 0] > 0)
    assert torch.equal(known, row[:, 0] > 0)
