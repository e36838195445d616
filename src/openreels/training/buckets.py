"""Which bucket a step takes and which of its samples; the position is part of a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from openreels.core.errors import CheckpointError
from openreels.core.seeding import generator
from openreels.training.dataset import Dataset, Rows
from openreels.training.precompute import LatentBatch

WINDOW_BATCHES = 8
"""Batches within which samples are ordered by their length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """One data set and how it is used."""

    dataset: Rows
    """Samples of one shape."""
    weight: float
    """Share of the steps, relative to the other buckets."""
    batch_size: int
    """Samples a step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """How far a bucket has been read."""

    epoch: int = 0
    """Times it was read to the end."""
    offset: int = 0
    """Samples of this epoch that were read."""
    size: int = 0
    """Samples of this epoch; a bucket that grows does so between epochs."""


class BucketSampler:
    """Deals batches from weighted buckets, each shuffled anew every epoch.

    Within a few shuffled batches the samples are ordered by what stands before their clips and by
    the length of their prompts, and the batches shuffled again, so that a batch holds samples of
    about the same length: they are padded to the longest.

    Everything follows from the seed, the step and the cursors, so a run that goes on from a
    checkpoint sees the very samples that it would have seen.

    Args:
        buckets: At least one.
        seed: Seed of the order and of the choice of buckets.
    """

    def __init__(self, buckets: Sequence[Bucket], seed: int) -> None:
        self.buckets = tuple(buckets)
        self.cursors = [Cursor(size=len(bucket.dataset)) for bucket in buckets]
        self._seed = seed
        self._orders: dict[int, tuple[Cursor, list[int]]] = {}

    def choose(self, step: int) -> int:
        """Index of the bucket of a step."""
        weights = torch.tensor([bucket.weight for bucket in self.buckets], dtype=torch.float64)
        return int(torch.multinomial(weights, 1, generator=generator(self._seed, "bucket", step)))

    def take(self, index: int, count: int) -> LatentBatch:
        """Read the next samples of a bucket of the base and move its cursor."""
        dataset = self.buckets[index].dataset
        if not isinstance(dataset, Dataset):
            raise TypeError("only a bucket of the base is read this way")
        return dataset.read(self.next_rows(index, count))

    def next_rows(self, index: int, count: int) -> list[int]:
        """Name the next rows of a bucket and move its cursor.

        Args:
            index: Which bucket.
            count: Number of rows; an epoch may end among them.

        Returns:
            The rows.
        """
        rows: list[int] = []
        while len(rows) < count:
            cursor = self.cursors[index]
            some = self._order(index)[cursor.offset : cursor.offset + count - len(rows)]
            rows += some
            cursor = replace(cursor, offset=cursor.offset + len(some))
            if cursor.offset >= cursor.size:
                dataset = self.buckets[index].dataset
                dataset.refresh()
                cursor = Cursor(epoch=cursor.epoch + 1, size=len(dataset))
            self.cursors[index] = cursor
        return rows

    def _order(self, index: int) -> list[int]:
        cursor = replace(self.cursors[index], offset=0)
        known = self._orders.get(index)
        if known is None or known[0] != cursor:
            source = generator(self._seed, "order", index, cursor.epoch)
            known = (cursor, self._grouped(index, cursor.size, source))
            self._orders[index] = known
        return known[1]

    def _grouped(self, index: int, size: int, source: torch.Generator) -> list[int]:
        bucket = self.buckets[index]
        rows = torch.randperm(size, generator=source).tolist()
        window, batch = WINDOW_BATCHES * bucket.batch_size, bucket.batch_size
        order: list[int] = []
        for begin in range(0, size, window):
            some = sorted(rows[begin : begin + window], key=bucket.dataset.length)
            batches = [some[first : first + batch] for first in range(0, len(some), batch)]
            for place in torch.randperm(len(batches), generator=source).tolist():
                order += batches[place]
        return order

    def restore(self, cursors: Sequence[Cursor]) -> None:
        """Go on from the cursors of a checkpoint.

        Raises:
            CheckpointError: If there are other buckets now, or one has lost samples.
        """
        if len(cursors) != len(self.buckets):
            raise CheckpointError(
                f"the checkpoint was trained on {len(cursors)} buckets, the run has "
                f"{len(self.buckets)}; start a new run from its weights with init"
            )
        for index, (cursor, bucket) in enumerate(zip(cursors, self.buckets, strict=True)):
            if len(bucket.dataset) < cursor.size:
                raise CheckpointError(
                    f"bucket {index} must still have the {cursor.size} samples of the checkpoint, "
                    f"got {len(bucket.dataset)}; bring the shards back or start a new run with init"
                )
        self.cursors = list(cursors)
