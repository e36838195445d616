"""Pairs for the refiner: scenes of the Stage world at both sizes and rates, as latents on disk.

A folder holds ``pairs.json`` (what it is) and, a shard, ``shard-00000.safetensors`` (``video``: the
true clip; ``given``: its stretched low-resolution twin; ``still``: one frame as a picture) with
``shard-00000.jsonl`` (scene, first frame, place of the still, damage a line).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.build import still_latent
from openreels.conditioning.refine import TIME_FACTOR, stretch_frames
from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.config import from_dict, to_dict
from openreels.core.products import takes_bf16
from openreels.core.seeding import generator
from openreels.core.shapes import BASE_FPS, TEMPORAL_STRIDE
from openreels.media.clip import from_bytes, to_bytes
from openreels.models.video_vae.model import VideoVAE
from openreels.stage.render import render_video
from openreels.stage.sample import settings_for
from openreels.stage.scene import Scene
from openreels.stage.world import WorldSettings, sample_scene
from openreels.training.keyframes import LATENT_NOISE
from openreels.training.networks import fingerprint, load_frozen
from openreels.training.precompute import missing_shards, shard_path
from openreels.training.refiner_config import RefinerPairsConfig
from openreels.weights.tensors import as_dtype, read_tensors, write_atomic, write_tensors

PAIRS_FILE = "pairs.json"
TENSORS = ("video", "given", "still")

Damage: TypeAlias = Literal["none", "decoded", "generated", "blurred"]
"""What is done to the low-resolution clip: nothing; the round trip through the autoencoder; the
same with noise on the latents, as a base errs; a blur and grain, as of a clip from elsewhere."""
DAMAGES: tuple[tuple[Damage, float], ...] = (
    ("none", 0.25),
    ("decoded", 0.25),
    ("generated", 0.3),
    ("blurred", 0.2),
)
"""How often. Not given by the paper: ours."""
GRAIN = 4 / 127.5
"""Largest standard deviation of the grain."""
BLUR_PX = 0.8
"""Largest standard deviation of the blur, in low-resolution pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Samples of one size."""

    video: VideoLatents
    """Latents of the true clips."""
    given: VideoLatents
    """Latents of the stretched low-resolution clips: channels I."""
    still: Float[Tensor, "b c h w"]
    """Latents of one frame as a picture."""
    places: tuple[int, ...]
    """Latent frame that each picture is of."""
    scenes: tuple[Scene, ...]
    """What they show."""


def damaged(low: Pixels, damage: Damage, codec: VideoVAE, source: torch.Generator) -> Pixels:
    """Spoil a low-resolution clip as the clips are spoilt that will be refined.

    Args:
        low: One clip in [-1, 1].
        damage: How.
        codec: The autoencoder of the base.
        source: Source of the draws.

    Returns:
        A clip of the same size, in steps of a byte.
    """
    strength = float(torch.rand((), generator=source))
    if damage in {"decoded", "generated"}:
        latents = codec.encode(low)
        if damage == "generated":
            noise = torch.randn(latents.shape, generator=source)
            latents = latents + strength * LATENT_NOISE * noise
        low = codec.decode(latents)
    elif damage == "blurred":
        low = _blurred(low, max(0.2, strength * BLUR_PX))
        share = float(torch.rand((), generator=source))
        low = low + share * GRAIN * torch.randn(low.shape, generator=source)
    return from_bytes(to_bytes(low))


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    """A Gaussian blur of three by three pixels."""
    row = torch.tensor([-1.0, 0.0, 1.0]).square().div(-2 * sigma**2).exp()
    kernel = torch.outer(row, row) / row.sum() ** 2
    frames = rearrange(pixels, "b c F H W -> (b F c) 1 H W")
    padded = F.pad(frames, (1, 1, 1, 1), mode="replicate")
    soft = F.conv2d(padded, kernel[None, None])
    return rearrange(soft, "(b F c) 1 H W -> b c F H W", b=pixels.shape[0], c=pixels.shape[1])


def draw_damage(source: torch.Generator) -> Damage:
    """Draw what is done to a clip."""
    weights = torch.tensor([share for _, share in DAMAGES])
    return DAMAGES[int(torch.multinomial(weights, 1, generator=source))][0]


@torch.no_grad()
def make_pair(
    config: RefinerPairsConfig, index: int, codec: VideoVAE
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Render a scene at both sizes and rates, spoil the small one, encode both.

    Args:
        config: Which world and sizes.
        index: Index of the scene.
        codec: The autoencoder.

    Returns:
        Tensors ``video``, ``given`` and ``still`` of one sample, and its record.
    """
    source = generator(config.seed, "refiner pair", index)
    low, high = config.low, config.high
    ratio = settings_for(high).aspect_ratio
    settings = WorldSettings(aspect_ratio=ratio, duration_s=config.scene_s)
    scene = sample_scene(config.seed, index, settings=settings)
    room = int(config.scene_s * BASE_FPS) - (low.num_frames - 1)
    first = int(torch.randint(room + 1, (), generator=source))
    true = render_video([scene], high, first=TIME_FACTOR * first)
    small = render_video([scene], low, first=first)
    damage = draw_damage(source)
    small = damaged(small, damage, codec, source)
    stretched = stretch_frames(small[0], height=high.height, width=high.width)
    place = int(torch.randint(1, high.num_latent_frames, (), generator=source))
    picture = true[:, :, TEMPORAL_STRIDE * place : TEMPORAL_STRIDE * place + 1]
    with torch.autocast("cpu", torch.bfloat16, enabled=takes_bf16(config.products)):
        both = codec.encode(torch.cat([true, stretched[None]])).float()
        still = still_latent(codec, picture, place).float()
    tensors = {"video": both[0], "given": both[1], "still": still[0, :, 0]}
    record = {"scene": to_dict(scene), "first": first, "place": place, "damage": damage}
    return tensors, record


def precompute_pairs(
    config: RefinerPairsConfig,
    root: str | Path = ".",
    *,
    report: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = bool,
) -> bool:
    """Write the shards that are not there yet.

    Args:
        config: The pairs.
        root: Folder from which a relative ``config.folder`` is taken.
        report: Called with shards done and shards in all, after each.
        stop: Asked before each shard; True ends early.

    Returns:
        Whether all shards are there.

    Raises:
        ValueError: If the folder holds other pairs.
    """
    folder = Path(root) / config.folder
    _write_pairs_file(folder, config)
    total = -(-config.count // config.shard_size)
    missing = missing_shards(folder, range(total), count=config.count, shard_size=config.shard_size)
    if not missing:
        return True
    codec = load_frozen("video_vae", config.codecs.video_vae, kind=VideoVAE)
    for done, shard in enumerate(missing):
        if stop():
            return False
        first = config.start + shard * config.shard_size
        last = min(config.start + config.count, first + config.shard_size)
        made = [make_pair(config, index, codec) for index in range(first, last)]
        path = shard_path(folder, shard)
        lines = [json.dumps(record, ensure_ascii=False) for _, record in made]
        write_atomic(path.with_suffix(".jsonl"), "".join(f"{line}\n" for line in lines).encode())
        tensors = {name: torch.stack([one[name] for one, _ in made]) for name in TENSORS}
        write_tensors(path, as_dtype(tensors, torch.float16), {"start": first})
        if report is not None:
            report(total - len(missing) + done + 1, total)
    return True


def _write_pairs_file(folder: Path, config: RefinerPairsConfig) -> None:
    told = to_dict(config)
    for name in ("folder", "count", "codecs", "products"):
        del told[name]
    told["video_vae"] = fingerprint("video_vae", config.codecs.video_vae)
    path = folder / PAIRS_FILE
    if not path.exists():
        write_atomic(path, json.dumps(told, indent=2).encode())
    elif json.loads(path.read_text()) != told:
        raise ValueError(
            f"{folder} already holds other pairs; choose another folder or remove this one"
        )


class PairsDataset:
    """Pairs on disk, memory-mapped; grows while another process adds shards.

    Args:
        folder: What ``precompute_pairs`` wrote, or is writing.

    Raises:
        ValueError: If there are no pairs yet.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / PAIRS_FILE).exists() or not shard_path(folder, 0).exists():
            raise ValueError(
                f"{folder} must hold pairs for a refiner, got none; run their recipe first"
            )
        told = json.loads((folder / PAIRS_FILE).read_text())
        self.fingerprint: str = told["video_vae"]
        """Which autoencoder the latents are from."""
        self.fps = TIME_FACTOR * BASE_FPS
        """Frames a second of the true clips."""
        self._folder = folder
        self._shards: list[tuple[dict[str, Tensor], list[dict[str, Any]]]] = []
        self._places: list[tuple[int, int]] = []
        self.refresh()

    def __len__(self) -> int:
        """Rows of the shards seen so far."""
        return len(self._places)

    def length(self, row: int) -> int:
        """Actors of the scene: most of a prompt tells of them."""
        shard, line = self._places[row]
        return len(self._shards[shard][1][line]["scene"]["actors"])

    def refresh(self) -> None:
        """Add the shards that follow without a gap."""
        while (path := shard_path(self._folder, len(self._shards))).exists():
            tensors, _ = read_tensors(path)
            lines = path.with_suffix(".jsonl").read_text().rstrip("\n").split("\n")
            self._places += [(len(self._shards), row) for row in range(len(lines))]
            self._shards.append((tensors, [json.loads(line) for line in lines]))

    def read(self, rows: Sequence[int]) -> Pairs:
        """Read samples in fp32, in the order of ``rows``."""
        places = [self._places[row] for row in rows]
        parts = {
            name: torch.stack([self._shards[shard][0][name][row] for shard, row in places]).float()
            for name in TENSORS
        }
        records = [self._shards[shard][1][row] for shard, row in places]
        return Pairs(
            **parts,
            places=tuple(record["place"] for record in records),
            scenes=tuple(
                from_dict(Scene, record["scene"], allow_missing=True) for record in records
            ),
        )
