"""Where samples come from: shards of precomputed latents, or the Stage world on the fly."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.core.config import from_dict
from openreels.core.shapes import ClipShape
from openreels.stage.scene import Scene
from openreels.training.config import ClipConfig, StageData
from openreels.training.encoders import Encoders
from openreels.training.lessons import cells_before, lesson_from, task_from
from openreels.training.precompute import (
    BLACK_FILE,
    BUCKET_FILE,
    KEYFRAMES,
    TENSORS,
    TRUTHS,
    LatentBatch,
    black_latents,
    encode_samples,
    keyframes_path,
    lessons_path,
    shard_path,
)
from openreels.weights.tensors import read_tensors

_CHARACTERS = 2**20
"""More than a record has."""


@runtime_checkable
class Rows(Protocol):
    """Samples of one size by row; rows may be added at the end, never change."""

    def __len__(self) -> int:
        """Rows that can be read."""
        ...

    def length(self, row: int) -> int:
        """What grows with the tokens of a row; rows of about the same go into one batch."""
        ...

    def refresh(self) -> None:
        """Look for rows that were added."""
        ...


@runtime_checkable
class Dataset(Rows, Protocol):
    """Samples of one bucket of the base."""

    shape: ClipShape
    """Shape of every clip."""
    black: Float[Tensor, "1 c f h w"]
    """Latents of a black clip of that shape."""
    has_lessons: bool
    """Whether samples bring tasks of their own, with references and sources."""

    def read(self, rows: Sequence[int]) -> LatentBatch:
        """Read samples in fp32, in the order of ``rows``."""
        ...


class ShardDataset:
    """Precomputed latents, memory-mapped; grows while another process adds shards.

    Args:
        folder: What ``precompute`` wrote, or is writing.

    Raises:
        ValueError: If there is no bucket or no shard yet.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / BUCKET_FILE).exists() or not shard_path(folder, 0).exists():
            raise ValueError(
                f"{folder} must hold precomputed latents, got none; run their recipe first"
            )
        bucket = json.loads((folder / BUCKET_FILE).read_text())
        self.fingerprints: dict[str, str] = {
            name: bucket[name] for name in ("video_vae", "audio_vae")
        }
        """Which autoencoders the latents are from."""
        self.shape = from_dict(ClipConfig, bucket["clip"]).shape
        self.black = read_tensors(folder / BLACK_FILE)[0]["video"]
        self.has_lessons = bool(bucket.get("lessons"))
        self.has_keyframes = bool(bucket.get("keyframes"))
        """Whether samples bring high-resolution keyframes."""
        self._folder = folder
        self._shards: list[tuple[dict[str, Tensor], list[str]]] = []
        self._lessons: list[dict[str, Tensor]] = []
        self._before: list[dict[int, int]] = []
        self._keyframes: list[dict[str, Tensor]] = []
        self._places: list[tuple[int, int]] = []
        self._tasks: list[set[str | None]] = []
        self.refresh()

    def __len__(self) -> int:
        """Rows of the shards seen so far."""
        return len(self._places)

    def length(self, row: int) -> int:
        """Cells of what stands before its clip; among equals the characters of its record.

        Most of the record tells of its actors, as the prompt does.
        """
        shard, line = self._places[row]
        characters = len(self._shards[shard][1][line])
        return self._before[shard].get(line, 0) * _CHARACTERS + characters

    def tasks(self) -> frozenset[str]:
        """Tasks that its lessons are of, rows of ``conditioning.tasks``; none without lessons."""
        for shard in range(len(self._tasks), len(self._shards) if self.has_lessons else 0):
            tensors, lines = self._lessons[shard], self._shards[shard][1]
            self._tasks.append({task_from(line, tensors, row) for row, line in enumerate(lines)})
        return frozenset(task for found in self._tasks for task in found if task is not None)

    def refresh(self) -> None:
        """Add the shards that follow without a gap."""
        while (path := shard_path(self._folder, len(self._shards))).exists():
            tensors, _ = read_tensors(path)
            lines = path.with_suffix(".jsonl").read_text().rstrip("\n").split("\n")
            if len(lines) != len(tensors["video"]):
                raise ValueError(
                    f"{path} has {len(tensors['video'])} samples but {len(lines)} records; "
                    "remove both files and precompute again"
                )
            self._places += [(len(self._shards), row) for row in range(len(lines))]
            second = read_tensors(lessons_path(path))[0] if self.has_lessons else {}
            self._lessons.append(second)
            self._before.append(cells_before(second))
            if self.has_keyframes:
                self._keyframes.append(read_tensors(keyframes_path(path))[0])
            self._shards.append((tensors, lines))

    def read(self, rows: Sequence[int]) -> LatentBatch:
        """Read samples in fp32, in the order of ``rows``.

        Fields of a scene that are newer than its shard have their defaults.
        """
        places = [self._places[row] for row in rows]
        parts = {
            name: torch.stack([self._shards[shard][0][name][row] for shard, row in places]).float()
            for name in TENSORS
        }
        parts |= {name: parts[name] / 255 for name in TRUTHS}
        scenes = tuple(
            from_dict(Scene, json.loads(self._shards[shard][1][row])["scene"], allow_missing=True)
            for shard, row in places
        )
        told = [
            lesson_from(self._shards[shard][1][row], self._lessons[shard], row)
            for shard, row in places
        ]
        lessons = tuple(lesson for lesson in told if lesson is not None)
        beside = {
            name: torch.stack([self._keyframes[shard][name][row] for shard, row in places]).float()
            for name in KEYFRAMES
            if self.has_keyframes
        }
        return LatentBatch(**parts, **beside, scenes=scenes, lessons=lessons)


class StageDataset:
    """Scenes rendered and encoded when they are first asked for, then kept in memory.

    Args:
        config: Which scenes.
        encoders: Autoencoders.
    """

    def __init__(self, config: StageData, encoders: Encoders) -> None:
        self.shape = config.clip.shape
        self.black = black_latents(self.shape, encoders.video)
        self.has_lessons = False
        self._config = config
        self._encoders = encoders
        self._known: dict[int, LatentBatch] = {}

    def __len__(self) -> int:
        """Number of scenes."""
        return self._config.count

    def length(self, row: int) -> int:  # noqa: ARG002 the protocol's
        """All the same: a scene is not known before it is rendered."""
        return 0

    def refresh(self) -> None:
        """Nothing is ever added."""

    def read(self, rows: Sequence[int]) -> LatentBatch:
        """Read samples in fp32, in the order of ``rows``."""
        for row in dict.fromkeys(rows):
            if row not in self._known:
                index = self._config.start + row
                self._known[row] = encode_samples(
                    self._config.seed, [index], self.shape, self._encoders
                )
        return LatentBatch.joined([self._known[row] for row in rows])
