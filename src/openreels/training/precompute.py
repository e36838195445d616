"""Stage scenes to latents on disk: shards of a bucket, made in any order, resumable.

A folder holds ``bucket.json`` (shape, world and weights), ``black.safetensors`` (latents of a black
clip) and, a shard, ``shard-00000.safetensors`` (video, stills, audio in half precision, cells and
onsets in bytes) with ``shard-00000.jsonl`` (scene and captions a line); a bucket of lessons also
``shard-00000.lessons.safetensors`` (``training.lessons``), one with keyframes
``shard-00000.keyframes.safetensors`` (``training.keyframes``). The tensors of the clips are written
last: a shard counts once they are there.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.keyframes import keyframe_places
from openreels.conditioning.stretched import stretched_clip
from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.config import to_dict
from openreels.core.products import Products, takes_bf16
from openreels.core.shapes import TEMPORAL_STRIDE, ClipShape
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.captions import caption
from openreels.stage.sample import StageBatch, make_samples, render_truths, truth_of
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings
from openreels.training.config import PrecomputeConfig
from openreels.training.encoders import Encoders, load_encoders
from openreels.training.keyframes import encode_keyframes, spoilt
from openreels.training.lessons import (
    Lesson,
    draw_examples,
    encode_lesson,
    record_of,
    tensors_of,
)
from openreels.training.networks import fingerprints
from openreels.training.truth import cell_truths, onset_truths
from openreels.weights.tensors import as_dtype, write_atomic, write_tensors

BUCKET_FILE = "bucket.json"
BLACK_FILE = "black.safetensors"
LATENTS = ("video", "stills", "audio")
"""Tensors of a shard in half precision."""
TRUTHS = ("cells", "onsets")
"""Tensors of a shard that lie in [0, 1], kept in bytes."""
TENSORS = LATENTS + TRUTHS
KEYFRAMES = ("keyframes", "stretched")
"""Tensors of the file of keyframes, in half precision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentBatch:
    """Samples of one bucket."""

    video: VideoLatents
    """Latents of the clips."""
    stills: VideoLatents
    """At latent ``j`` the latents of frame ``4 j`` as a still image (a static clip)."""
    audio: Float[Tensor, "b d l"]
    """Latents of their sound; their channels are another number than the video's."""
    cells: Float[Tensor, "b k f h w"]
    """What covers the cells of the video latents (``training.truth.cell_truths``)."""
    onsets: Float[Tensor, "b m l"]
    """What is struck within each audio token (``training.truth.onset_truths``)."""
    scenes: tuple[Scene, ...]
    """What they show."""
    lessons: tuple[Lesson, ...] = ()
    """What each has beside its clip; empty in a bucket without lessons."""
    keyframes: Float[Tensor, "b c j y x"] | None = None
    """Latents of the high-resolution keyframes of each clip; None in a bucket without."""
    stretched: Float[Tensor, "b c j y x"] | None = None
    """Latents of the clips at the size of their keyframes, as they are beside ``keyframes``."""

    @staticmethod
    def joined(batches: "Sequence[LatentBatch]") -> "LatentBatch":
        """Put batches of one shape one after the other."""
        beside = {name: [getattr(batch, name) for batch in batches] for name in KEYFRAMES}
        return LatentBatch(
            **{name: None if None in some else torch.cat(some) for name, some in beside.items()},
            **{name: torch.cat([getattr(batch, name) for batch in batches]) for name in TENSORS},
            scenes=tuple(scene for batch in batches for scene in batch.scenes),
            lessons=tuple(lesson for batch in batches for lesson in batch.lessons),
        )


@torch.no_grad()
def encode_samples(
    seed: int,
    indices: Sequence[int],
    shape: ClipShape,
    encoders: Encoders,
    *,
    products: Products = "fp32",
    world: WorldSettings = WorldSettings(),  # noqa: B008 - frozen
) -> LatentBatch:
    """Render scenes of the Stage world and encode their pictures, stills and sound.

    Args:
        seed: Seed of the world.
        indices: Indices of the scenes.
        shape: Shape of the clips.
        encoders: Autoencoders.
        products: Precision of the video encoder's products.
        world: What scenes the world holds.

    Returns:
        Their latents in fp32.
    """
    samples = make_samples(seed, indices, shape, world)
    return _encode(samples, shape, encoders, products)


@torch.no_grad()
def encode_lessons(
    config: PrecomputeConfig, indices: Sequence[int], encoders: Encoders
) -> LatentBatch:
    """Render and encode examples of tasks with references and edits.

    Args:
        config: The bucket, with the shares of its tasks.
        indices: Numbers of the examples.
        encoders: Autoencoders.

    Returns:
        Latents of what must come out, with the lessons, in fp32.
    """
    shape = config.clip.shape
    examples = draw_examples(
        config.seed, indices, config.lessons, shape, config.world, config.looks
    )
    samples = render_truths([truth_of(task.target) for task, _ in examples], shape)
    made = _encode(samples, shape, encoders, config.products)
    with torch.autocast("cpu", torch.bfloat16, enabled=takes_bf16(config.products)):
        lessons = tuple(
            encode_lesson(task, captions, shape, encoders) for task, captions in examples
        )
    return replace(made, lessons=lessons)


def _encode(
    samples: StageBatch, shape: ClipShape, encoders: Encoders, products: Products
) -> LatentBatch:
    with torch.autocast("cpu", torch.bfloat16, enabled=takes_bf16(products)):
        video = encoders.video.encode(samples.pixels).float()
        stills = video
        if video.shape[2] > 1:
            later = encode_stills(samples.pixels, encoders.video).float()
            stills = torch.cat([video[:, :, :1], later], dim=2)
    return LatentBatch(
        video=video,
        stills=stills,
        audio=encoders.audio.encode(samples.waveform),
        cells=cell_truths(samples.truths, shape),
        onsets=onset_truths(samples.truths, shape),
        scenes=tuple(truth.scene for truth in samples.truths),
    )


@torch.no_grad()
def _with_keyframes(
    made: LatentBatch, indices: Sequence[int], config: PrecomputeConfig, encoders: Encoders
) -> LatentBatch:
    shape, codec = config.clip.shape, encoders.video
    with torch.autocast("cpu", torch.bfloat16, enabled=takes_bf16(config.products)):
        keyframes = encode_keyframes(made.scenes, shape, codec).float()
        clips = spoilt(made.video, config.seed, indices)
        stretched = stretched_clip(codec, clips, keyframe_places(shape)).float()
    return replace(made, keyframes=keyframes, stretched=stretched)


def encode_stills(pixels: Pixels, codec: VideoVAE) -> Float[Tensor, "b c j h w"]:
    """Encode frames 4, 8, ... each as a static clip, as an image given at a keyframe is encoded."""
    frames = pixels[:, :, TEMPORAL_STRIDE::TEMPORAL_STRIDE]
    static = repeat(frames, "b c j H W -> (b j) c t H W", t=TEMPORAL_STRIDE + 1)
    return rearrange(codec.encode(static)[:, :, 1], "(b j) c h w -> b c j h w", b=pixels.shape[0])


@torch.no_grad()
def black_latents(shape: ClipShape, codec: VideoVAE) -> Float[Tensor, "1 c f h w"]:
    """Latents of an all-black clip: what stands where nothing is given (eq. 7)."""
    return codec.encode(torch.full((1, 3, shape.num_frames, shape.height, shape.width), -1.0))


def precompute(
    config: PrecomputeConfig,
    root: str | Path = ".",
    *,
    worker: int = 0,
    num_workers: int = 1,
    report: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = bool,
) -> bool:
    """Write the shards of a bucket that are not there yet, or not as many samples as are asked.

    Args:
        config: The bucket.
        root: Folder from which a relative ``config.folder`` is taken.
        worker: Which of the workers this is, from 0; each makes every ``num_workers``-th shard.
        num_workers: How many share the bucket.
        report: Called with shards done and shards in all, after each.
        stop: Asked before each shard; True ends early.

    Returns:
        Whether all shards of this worker are there.

    Raises:
        ValueError: If the folder holds another bucket: other scenes, shape or autoencoders.
    """
    folder = Path(root) / config.folder
    shape = config.clip.shape
    num_shards = -(-config.count // config.shard_size)
    mine = range(worker, num_shards, num_workers)
    missing = missing_shards(folder, mine, count=config.count, shard_size=config.shard_size)
    write_bucket_file(folder, config)
    if not missing:
        return True
    encoders = load_encoders(config.codecs)
    if not (folder / BLACK_FILE).exists():
        black = black_latents(shape, encoders.video)
        write_tensors(folder / BLACK_FILE, {"video": black}, {})
    for done, shard in enumerate(missing):
        if stop():
            return False
        first = config.start + shard * config.shard_size
        last = min(config.start + config.count, first + config.shard_size)
        _write_shard(folder, shard, range(first, last), config, encoders)
        if report is not None:
            report(num_shards - len(missing) + done + 1, num_shards)
    return True


def shard_path(folder: Path, shard: int) -> Path:
    """File of a shard's tensors."""
    return folder / f"shard-{shard:05d}.safetensors"


def _write_shard(
    folder: Path, shard: int, indices: range, config: PrecomputeConfig, encoders: Encoders
) -> None:
    batches: list[LatentBatch] = []
    for first in range(indices.start, indices.stop, config.batch_size):
        some = range(first, min(first + config.batch_size, indices.stop))
        if config.lessons:
            batches.append(encode_lessons(config, some, encoders))
            continue
        made = encode_samples(
            config.seed,
            some,
            config.clip.shape,
            encoders,
            products=config.products,
            world=config.world,
        )
        if config.keyframes:
            made = _with_keyframes(made, some, config, encoders)
        batches.append(made)
    whole = LatentBatch.joined(batches)
    path = shard_path(folder, shard)
    told: list[Lesson | None] = [*whole.lessons] or [None] * len(whole.scenes)
    lines = [record_line(*pair) for pair in zip(whole.scenes, told, strict=True)]
    if whole.lessons:
        parts = [tensors_of(lesson, row) for row, lesson in enumerate(whole.lessons)]
        second = {name: value for part in parts for name, value in part.items()}
        write_tensors(lessons_path(path), second, {"count": len(indices)})
    if whole.keyframes is not None:
        third = as_dtype({name: getattr(whole, name) for name in KEYFRAMES}, torch.float16)
        write_tensors(keyframes_path(path), third, {"count": len(indices)})
    write_atomic(path.with_suffix(".jsonl"), "".join(f"{line}\n" for line in lines).encode())
    tensors = as_dtype({name: getattr(whole, name) for name in LATENTS}, torch.float16)
    tensors |= {name: (getattr(whole, name) * 255).round().to(torch.uint8) for name in TRUTHS}
    write_tensors(path, tensors, {"start": indices.start, "count": len(indices)})


def missing_shards(folder: Path, shards: range, *, count: int, shard_size: int) -> list[int]:
    """Those of some shards that are not there, or hold fewer samples than they should.

    Args:
        folder: Where they lie.
        shards: Numbers of those that are asked for.
        count: Samples of all shards together.
        shard_size: Samples of each but the last.
    """
    return [
        shard
        for shard in shards
        if samples_in(shard_path(folder, shard)) < min(shard_size, count - shard * shard_size)
    ]


def samples_in(shard: Path) -> int:
    """How many samples a shard holds: the last one of a bucket that has grown since has fewer."""
    if not shard.exists():
        return 0
    with shard.with_suffix(".jsonl").open(encoding="utf-8") as lines:
        return sum(1 for _ in lines)


def lessons_path(shard: Path) -> Path:
    """File of the lessons of a shard, from that of its clips."""
    return shard.with_suffix(".lessons.safetensors")


def keyframes_path(shard: Path) -> Path:
    """File of the keyframes of a shard, from that of its clips."""
    return shard.with_suffix(".keyframes.safetensors")


def record_line(scene: Scene, lesson: Lesson | None = None) -> str:
    """One line of a shard's index: the scene, a caption of each tier, and its lesson."""
    captions = {"short": caption(scene, 0, tier="short"), "long": caption(scene, 0, tier="long")}
    record: dict[str, Any] = {"scene": to_dict(scene), "captions": captions}
    if lesson is not None:
        record["lesson"] = record_of(lesson)
    return json.dumps(record, ensure_ascii=False)


def write_bucket_file(folder: Path, config: PrecomputeConfig) -> None:
    """Say in the folder what it holds, or check that it says the same already.

    Raises:
        ValueError: If it holds something else.
    """
    bucket: dict[str, Any] = {
        "clip": to_dict(config.clip),
        "seed": config.seed,
        "start": config.start,
        "shard_size": config.shard_size,
    } | fingerprints(config.codecs)
    # Buckets from before these fields have none of them.
    if config.keyframes:
        bucket["keyframes"] = list(KEYFRAMES)
    if config.lessons:
        bucket["lessons"] = [list(pair) for pair in config.lessons]
    if config.looks:
        bucket["looks"] = list(config.looks)
    if config.world != WorldSettings():
        bucket["world"] = to_dict(config.world)
    path = folder / BUCKET_FILE
    if not path.exists():
        write_atomic(path, json.dumps(bucket, indent=2).encode())
        return
    found = json.loads(path.read_text())
    for name in dict.fromkeys([*bucket, "lessons", "looks", "world", "keyframes"]):
        value = bucket.get(name)
        if found.get(name) != value:
            raise ValueError(
                f"{folder} already holds latents with another {name} "
                f"({found.get(name)}, not {value}); choose another folder or remove this one"
            )
