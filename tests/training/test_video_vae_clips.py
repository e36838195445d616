from functools import partial

import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.training.video_vae_clips import (
    LOOKS,
    Bucket,
    ClipPools,
    stage_buckets,
    stage_clips,
    texture_clips,
)

SHAPE = ClipShape(num_frames=5, height=32, width=16)


def numbered(indices, shape):
    """Clips whose colour is their number."""
    sizes = (3, shape.num_frames, shape.height, shape.width)
    return torch.stack([torch.full(sizes, (n % 100) / 50 - 1) for n in indices])


def bucket(**changes) -> Bucket:
    return Bucket(**{"render": numbered, "shape": SHAPE, "batch_size": 3, "weight": 1, **changes})


def test_a_batch_is_a_function_of_the_step():
    kinds = [bucket(render=texture_clips(0)), bucket(batch_size=2, weight=2)]
    going = ClipPools(kinds, seed=5)
    batches = [going.batch(step) for step in range(6)]
    assert torch.equal(ClipPools(kinds, seed=5).batch(4), batches[4])
    assert torch.equal(going.batch(1), batches[1])


def test_old_clips_leave_the_pool():
    pools = ClipPools([bucket(pool_size=8, fresh=2)], seed=0)
    for step in range(30):
        batch = pools.batch(step)
    numbers = ((batch[:, 0, 0, 0, 0] + 1) * 50).round()
    assert numbers.min() >= 3 + 2 * 30 - 8
    assert len(pools._pools[0]) == 8


def test_crops_have_their_size_and_come_from_the_clip():
    pools = ClipPools([bucket(crop_px=16, crop_frames=1)], seed=0)
    assert pools.batch(0).shape == (3, 3, 1, 16, 16)


@pytest.mark.parametrize("source", [stage_clips, partial(stage_clips, world=LOOKS), texture_clips])
def test_the_same_number_is_the_same_clip(source):
    one, other = source(4)([7], SHAPE), source(4)([6, 7], SHAPE)[1:]
    assert torch.equal(one, other)
    assert one.abs().max() <= 1
    assert one.std() > 0.01


def test_the_shipped_mix_covers_every_picture_shape():
    sizes = {(kind.shape.width, kind.shape.height) for kind in stage_buckets(0)}
    assert {(64, 64), (80, 64), (112, 64), (64, 80), (64, 112), (256, 256)} == sizes
    assert sum(kind.weight for kind in stage_buckets(0)) == pytest.approx(1)


def test_a_share_of_the_mix_has_looks_that_plain_scenes_have_not():
    plain, looks = stage_clips(4)(range(6), SHAPE), stage_clips(4, LOOKS)(range(6), SHAPE)
    assert sum(not torch.equal(*pair) for pair in zip(plain, looks, strict=True)) >= 3
    weights = [kind.weight for kind in stage_buckets(0)]
    assert weights[1] + weights[-2] == pytest.approx(0.22)
