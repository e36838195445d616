import json
import shutil

import pytest
import torch

from openreels.training.config import StageData
from openreels.training.dataset import ShardDataset, StageDataset
from openreels.training.precompute import black_latents, encode_samples, shard_path


def test_shards_are_read_by_row_in_the_order_asked(data_root, bucket_config, encoders):
    data = ShardDataset(data_root / "bucket")
    assert len(data) == 7
    assert data.shape == bucket_config.clip.shape
    batch = data.read([6, 0, 4, 0])
    assert [scene.index for scene in batch.scenes] == [6, 0, 4, 0]
    expected = encode_samples(3, [4], data.shape, encoders)
    assert batch.video.dtype == torch.float32
    torch.testing.assert_close(batch.video[2:3], expected.video, atol=2e-3, rtol=2e-3)
    assert torch.equal(batch.audio[1], batch.audio[3])
    assert data.fingerprints == {"video_vae": "random:tiny", "audio_vae": "random:tiny"}


def test_a_bucket_grows_by_whole_shards_without_gaps(data_root, tmp_path):
    folder = tmp_path / "bucket"
    shutil.copytree(data_root / "bucket", folder)
    shard_path(folder, 1).rename(tmp_path / "later")
    data = ShardDataset(folder)
    assert len(data) == 3
    (tmp_path / "later").rename(shard_path(folder, 1))
    data.refresh()
    assert len(data) == 7


def test_tasks_are_those_of_the_lessons_seen_so_far(lessons_root, data_root, tmp_path):
    assert ShardDataset(data_root / "bucket").tasks() == frozenset()
    folder = tmp_path / "lessons"
    shutil.copytree(lessons_root, folder)
    shard_path(folder, 1).rename(tmp_path / "later")
    data = ShardDataset(folder)

    def shown():
        return {lesson.task for lesson in data.read(range(len(data))).lessons}

    assert data.tasks() == data.tasks() == shown()
    (tmp_path / "later").rename(shard_path(folder, 1))
    data.refresh()
    assert data.tasks() == shown()


def test_rows_are_as_long_as_what_stands_before_their_clips(lessons_root, data_root):
    data = ShardDataset(lessons_root)

    def cells(row):
        (lesson,) = data.read([row]).lessons
        before = [one.latents[0].numel() for one in lesson.references]
        return sum(before) + (lesson.source[0].numel() if lesson.by_instruction else 0)

    rows = sorted(range(len(data)), key=data.length)
    found = [cells(row) for row in rows]
    assert found == sorted(found)
    assert len(set(found)) > 2
    plain = ShardDataset(data_root / "bucket")
    prompts = [len(plain.read([row]).scenes[0].actors) for row in range(len(plain))]
    assert plain.length(prompts.index(max(prompts))) > plain.length(prompts.index(min(prompts)))


def test_folders_without_shards_or_with_lost_records_are_refused(data_root, tmp_path):
    with pytest.raises(ValueError, match="must hold precomputed latents"):
        ShardDataset(tmp_path)
    folder = tmp_path / "bucket"
    shutil.copytree(data_root / "bucket", folder)
    (folder / "shard-00001.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="3 samples but 1 records"):
        ShardDataset(folder)


def test_shards_older_than_the_looks_of_scenes_are_read(data_root, tmp_path):
    folder = tmp_path / "bucket"
    shutil.copytree(data_root / "bucket", folder)
    for path in folder.glob("*.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            for name in ("weather", "style", "overlays", "shots"):
                del record["scene"][name]
            for actor in record["scene"]["actors"]:
                del actor["face"]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    scenes = ShardDataset(folder).read([0, 5]).scenes
    assert scenes == ShardDataset(data_root / "bucket").read([0, 5]).scenes


def test_scenes_on_the_fly_equal_those_encoded_before(encoders, bucket_config):
    config = StageData(count=5, clip=bucket_config.clip, seed=3, start=2)
    data = StageDataset(config, encoders)
    batch = data.read([1, 1, 0])
    assert [scene.index for scene in batch.scenes] == [3, 3, 2]
    expected = encode_samples(3, [3], data.shape, encoders)
    assert torch.equal(batch.video[:1], expected.video)
    assert torch.equal(batch.audio[1:2], expected.audio)
    assert torch.equal(data.black, black_latents(data.shape, encoders.video))
    assert len(data) == 5
