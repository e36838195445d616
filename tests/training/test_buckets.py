from collections import Counter

import pytest
import torch

from openreels.core.errors import CheckpointError
from openreels.core.shapes import ClipShape
from openreels.training.buckets import Bucket, BucketSampler, Cursor


class Rows:
    """A bucket without content, to see which rows are asked for."""

    shape = ClipShape(num_frames=1, height=16, width=16)
    black = torch.zeros(1, 1, 1, 2, 2)

    def __init__(self, count, grown=0):
        self.count, self.grown = count, grown

    def __len__(self):
        return self.count

    def length(self, row):
        return row % 3

    def refresh(self):
        self.count, self.grown = self.count + self.grown, 0

    def read(self, rows):
        raise AssertionError(f"no row is to be read here, got {rows}")


def sampler(*datasets, weights=None, seed=0):
    weights = weights or [1.0] * len(datasets)
    pairs = zip(datasets, weights, strict=True)
    return BucketSampler([Bucket(dataset=d, weight=w, batch_size=2) for d, w in pairs], seed)


def test_every_epoch_reads_every_row_once_in_a_new_order():
    reader = sampler(Rows(10))
    rows = [row for _ in range(10) for row in reader.next_rows(0, 3)]
    epochs = [rows[start : start + 10] for start in (0, 10, 20)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert reader.cursors == [Cursor(epoch=3, offset=0, size=10)]


def test_a_batch_larger_than_a_bucket_repeats_it():
    assert sampler(Rows(1)).next_rows(0, 4) == [0, 0, 0, 0]


def test_rows_that_were_added_come_with_the_next_epoch():
    reader = sampler(Rows(4, grown=3))
    assert sorted(reader.next_rows(0, 4)) == [0, 1, 2, 3]
    assert sorted(reader.next_rows(0, 7)) == list(range(7))


def test_restored_cursors_go_on_with_the_same_rows_although_the_bucket_grew():
    reader, other = sampler(Rows(9), seed=5), sampler(Rows(20), seed=5)
    reader.next_rows(0, 4)
    other.restore(reader.cursors)
    assert other.next_rows(0, 5) == reader.next_rows(0, 5)


def test_cursors_that_do_not_fit_are_refused():
    reader = sampler(Rows(3))
    with pytest.raises(CheckpointError, match="2 buckets, the run has 1"):
        reader.restore([Cursor(size=3), Cursor(size=3)])
    with pytest.raises(CheckpointError, match="must still have the 4 samples"):
        reader.restore([Cursor(size=4)])


def test_buckets_are_chosen_by_weight_and_step():
    reader = sampler(Rows(1), Rows(1), weights=[1.0, 3.0])
    choices = [reader.choose(step) for step in range(1000)]
    assert choices == [reader.choose(step) for step in range(1000)]
    assert Counter(choices)[1] == pytest.approx(750, abs=50)


def test_a_batch_holds_prompts_of_about_the_same_length():
    reader = sampler(Rows(48))
    batches = [[row % 3 for row in reader.next_rows(0, 2)] for _ in range(24)]
    assert sum(first == second for first, second in batches) >= 15
    assert [batch[0] for batch in batches] != sorted(batch[0] for batch in batches)
