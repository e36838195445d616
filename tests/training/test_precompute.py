import json
from dataclasses import replace

import pytest
import torch

from openreels.core.config import from_dict
from openreels.stage.sample import make_samples
from openreels.stage.scene import Scene
from openreels.training.config import ClipConfig
from openreels.training.precompute import (
    black_latents,
    encode_samples,
    encode_stills,
    precompute,
    samples_in,
    shard_path,
)
from openreels.weights.tensors import read_tensors


def contents(folder):
    """What every file holds; the order of a safetensors header is not fixed, its values are."""
    held = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            tensors, header = read_tensors(path)
            bits = {name: value.view(torch.int16).tolist() for name, value in tensors.items()}
            held[path.name] = (bits, header)
        else:
            held[path.name] = path.read_bytes()
    return held


def test_shards_hold_the_latents_of_their_scenes(data_root, bucket_config, encoders):
    folder = data_root / "bucket"
    tensors, header = read_tensors(shard_path(folder, 2))
    assert header == {"start": 6, "count": 1}
    batch = encode_samples(3, [6], bucket_config.clip.shape, encoders)
    for name in ("video", "stills", "audio"):
        assert tensors[name].dtype == torch.float16
        torch.testing.assert_close(tensors[name], getattr(batch, name).half())
    (line,) = (folder / "shard-00002.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert from_dict(Scene, record["scene"]) == batch.scenes[0]
    assert set(record["captions"]) == {"short", "long"}


def test_workers_and_interruptions_change_nothing(tmp_path, data_root, bucket_config):
    for worker in (1, 0):
        assert precompute(bucket_config, tmp_path, worker=worker, num_workers=2)
    again = contents(tmp_path / "bucket")
    assert again == contents(data_root / "bucket")
    lost = shard_path(tmp_path / "bucket", 1)
    lost.unlink()
    assert not precompute(bucket_config, tmp_path, stop=lambda: True)
    reports = []
    assert precompute(bucket_config, tmp_path, report=lambda *done: reports.append(done))
    assert reports == [(3, 3)]
    assert contents(tmp_path / "bucket") == again


def test_a_folder_is_not_mixed_with_another_bucket(data_root, bucket_config):
    longer = ClipConfig(duration_s=0.75, short_side=32)
    for name, value in (("seed", 4), ("clip", longer)):
        with pytest.raises(ValueError, match=f"already holds latents with another {name}"):
            precompute(replace(bucket_config, **{name: value}), data_root)


def test_stills_are_static_clips_of_the_frames_that_latents_end_with(encoders, bucket_config):
    shape = bucket_config.clip.shape
    pixels = make_samples(3, [0, 1], shape).pixels
    batch = encode_samples(3, [0, 1], shape, encoders)
    assert torch.equal(batch.stills[:, :, 0], batch.video[:, :, 0])
    stills = encode_stills(pixels, encoders.video)
    for index in range(1, shape.num_latent_frames):
        static = pixels[:, :, 4 * index : 4 * index + 1].expand(-1, -1, 5, -1, -1)
        expected = encoders.video.encode(static)[:, :, 1]
        torch.testing.assert_close(stills[:, :, index - 1], expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(batch.stills[:, :, index], stills[:, :, index - 1])


def test_single_frames_have_stills_too(encoders):
    shape = replace(ClipConfig(short_side=32).shape, num_frames=1)
    batch = encode_samples(3, [0], shape, encoders)
    assert torch.equal(batch.stills, batch.video)


def test_black_latents_are_those_of_a_black_clip(encoders, bucket_config, data_root):
    shape = bucket_config.clip.shape
    black = black_latents(shape, encoders.video)
    pixels = torch.full((1, 3, shape.num_frames, shape.height, shape.width), -1.0)
    assert torch.equal(black, encoders.video.encode(pixels))
    assert torch.equal(read_tensors(data_root / "bucket" / "black.safetensors")[0]["video"], black)


def test_bf16_products_move_latents_by_less_than_the_noise_that_decoders_learn_with(encoders):
    shape = ClipConfig(duration_s=0.5, short_side=32).shape
    exact = encode_samples(3, [0, 1], shape, encoders)
    fast = encode_samples(3, [0, 1], shape, encoders, products="bf16")
    assert torch.equal(fast.audio, exact.audio)
    for one, other in ((fast.video, exact.video), (fast.stills, exact.stills)):
        assert 0 < (one - other).std() < 0.015 * exact.video.std()


def test_a_bucket_that_grows_fills_its_last_shard(tmp_path, bucket_config):
    small = replace(bucket_config, shard_size=2)
    precompute(replace(small, count=3), tmp_path)
    assert samples_in(shard_path(tmp_path / "bucket", 1)) == 1
    assert precompute(replace(small, count=4), tmp_path)
    assert samples_in(shard_path(tmp_path / "bucket", 1)) == 2
    assert samples_in(shard_path(tmp_path / "bucket", 2)) == 0
