"""Train the three probes of StageBench on true clips; minutes on one CPU core."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from openreels.core.products import takes_bf16
from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape, size_for
from openreels.evaluation.sounds import sound_levels
from openreels.evaluation.tracks import colour_maps, track_of
from openreels.models.probe.config import ProbeConfig
from openreels.models.probe.model import StageProbe
from openreels.stage.heard import render_scene_sounds
from openreels.stage.physics import contacts
from openreels.stage.render import render_masks, render_video
from openreels.stage.scene import ACTIONS, COLOURS, MATERIALS, SHAPES, SIZES, Scene
from openreels.stage.world import WorldSettings, sample_scene

_LOG = logging.getLogger(__name__)
_ANY_WORLD = WorldSettings()


def unwatched(share: float) -> bool:  # noqa: ARG001 one signature
    """Nobody looks: go on."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeTraining:
    """How long and on what the probes are trained."""

    seed: int = 901
    """Seed of the world; bench scenes come from another."""
    pixel_seconds: float = 720.0
    """Processor time for the pixel probe, in seconds."""
    track_clips: int = 1500
    """Clips whose tracks train the network over time."""
    track_seconds: float = 150.0
    """Processor time for its training, in seconds."""
    sound_seconds: float = 150.0
    """Processor time for the sound probe, in seconds."""
    num_frames: int = 33
    """Frames of a training clip, 4k + 1."""
    world: WorldSettings = _ANY_WORLD
    """What the scenes hold; their length and ratio are replaced."""
    watch: Callable[[float], bool] = unwatched
    """Told before every step the share of its probe's time that is over; True ends its training."""
    degrade: Callable[[Tensor], Tensor] | None = None
    """Optional map of pixels, e.g. through an autoencoder, applied to half of the batches."""


def train_probes(config: ProbeConfig, training: ProbeTraining) -> StageProbe:
    """Train the pixel probe, then the network over its tracks, then the sound probe."""
    torch.manual_seed(training.seed)
    probe = StageProbe(config)
    train_pixel_probe(probe, training)
    train_track_probe(probe, training)
    train_sound_probe(probe, training)
    return probe.eval()


def _scenes(training: ProbeTraining, purpose: str, ratio: str) -> Iterator[Scene]:
    """Endless scenes of one aspect ratio for one purpose."""
    seed = derive_seed(training.seed, purpose) % 2**31
    length = (training.num_frames - 1) / 16
    settings = replace(training.world, duration_s=length, aspect_ratio=ratio)
    index = 0
    while True:
        yield sample_scene(seed, index, settings=settings)
        index += 1


def _shape(training: ProbeTraining, ratio: str) -> ClipShape:
    height, width = size_for(ratio, 64)
    return ClipShape(num_frames=training.num_frames, height=height, width=width)


def _anneal(optimizer: torch.optim.Optimizer, share: float, peak: float) -> None:
    """Linear warm-up over 2 %, then a straight line to zero."""
    for group in optimizer.param_groups:
        group["lr"] = peak * min(share / 0.02 + 0.02, 1.0) * max(0.0, 1 - share)


def augmented(frames: Float[Tensor, "n 3 H W"], rng: torch.Generator) -> Float[Tensor, "n 3 H W"]:
    """Blur and noise some frames, and move brightness a little, as generated clips do."""
    n = frames.shape[0]
    blurred = nn.functional.avg_pool2d(frames, 3, 1, 1, count_include_pad=False)
    share = torch.rand(n, 1, 1, 1, generator=rng) * (torch.rand(n, 1, 1, 1, generator=rng) < 0.5)
    frames = torch.lerp(frames, blurred, share)
    gain = 1 + 0.1 * torch.randn(n, 1, 1, 1, generator=rng)
    noise = torch.randn(frames.shape, generator=rng) * 0.05
    noise = noise * torch.rand(n, 1, 1, 1, generator=rng)
    return (frames * gain + noise).clamp(-1, 1)


def pixel_labels(scenes: list[Scene], shape: ClipShape) -> tuple[Tensor, Tensor, Tensor]:
    """Colour, shape and size class of every cell of the half-resolution grid.

    Returns:
        Three integer tensors ``b F h w``; colour 0 is background, shape and size are -100 there.
    """
    masks = render_masks(scenes, shape)
    b, a = masks.shape[:2]
    cover = nn.functional.avg_pool2d(rearrange(masks.float(), "b a f h w -> (b a f) 1 h w"), 2)
    cover = rearrange(cover[:, 0], "(b a f) h w -> b a f h w", b=b, a=a)
    best, owner = cover.max(1)
    covered = best >= 0.5
    fields: list[Tensor] = []
    for names, attribute, offset, empty in (
        (COLOURS, "colour", 1, 0),
        (SHAPES, "shape", 0, -100),
        (SIZES, "size", 0, -100),
    ):
        table = torch.full((b, a), empty, dtype=torch.long)
        for i, scene in enumerate(scenes):
            for j, actor in enumerate(scene.actors):
                table[i, j] = names.index(getattr(actor, attribute)) + offset
        label = table.gather(1, rearrange(owner, "b f h w -> b (f h w)")).view(owner.shape)
        fields.append(torch.where(covered, label, torch.full_like(label, empty)))
    return fields[0], fields[1], fields[2]


def train_pixel_probe(probe: StageProbe, training: ProbeTraining) -> None:
    """Fit colour, shape and size of every cell, on random frames of fresh clips."""
    rng = generator(training.seed, "pixel", "augment")
    optimizer = torch.optim.AdamW(probe.pixels.parameters(), weight_decay=1e-4)
    bf16 = takes_bf16()
    started, step = time.process_time(), 0
    ratios = ("1:1", "1:1", "4:3", "16:9", "3:4", "9:16")
    streams = {ratio: _scenes(training, f"pixel {ratio}", ratio) for ratio in set(ratios)}
    while (share := (time.process_time() - started) / training.pixel_seconds) < 1:
        if training.watch(share):
            return
        _anneal(optimizer, share, 2e-3)
        ratio = ratios[step % len(ratios)]
        scenes = [next(streams[ratio]) for _ in range(12)]
        # Few frames, far apart in time: they differ more than neighbours do.
        shape = replace(_shape(training, ratio), num_frames=5, fps=2)
        labels = pixel_labels(scenes, shape)
        pixels = render_video(scenes, shape)
        if training.degrade is not None and step % 2:
            pixels = training.degrade(pixels)
        frames = augmented(rearrange(pixels, "b c f h w -> (b f) c h w"), rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            reading = probe.pixels(frames)
        target = [rearrange(label, "b f h w -> (b f) h w") for label in labels]
        loss = nn.functional.cross_entropy(reading.colour.float(), target[0])
        loss = loss + nn.functional.cross_entropy(reading.shape.float(), target[1])
        loss = loss + nn.functional.cross_entropy(reading.size.float(), target[2])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(probe.pixels.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            _LOG.info("pixel probe step %d, %.0f %%, loss %.4f", step, 100 * share, loss.item())
        step += 1


def _tracks(
    probe: StageProbe, training: ProbeTraining
) -> tuple[Float[Tensor, "n c F"], Tensor, Float[Tensor, "n F"]]:
    """Tracks of true clips as the pixel probe sees them, with action and contact level."""
    tracks: list[Tensor] = []
    actions: list[int] = []
    levels: list[Tensor] = []
    stream = _scenes(training, "track", "1:1")
    shape = _shape(training, "1:1")
    frame_times = torch.arange(shape.num_frames) / shape.fps
    for batch in range(training.track_clips // 8):
        scenes = [next(stream) for _ in range(8)]
        pixels = render_video(scenes, shape)
        if training.degrade is not None and batch % 2:
            pixels = training.degrade(pixels)
        with torch.no_grad():
            maps = colour_maps(probe.pixels.read_clip(pixels), len(scenes))
        for scene, seen in zip(scenes, maps, strict=True):
            events = contacts(scene)
            for i, actor in enumerate(scene.actors):
                cover = seen.cover[:, COLOURS.index(actor.colour)]
                tracks.append(track_of(cover, seen.features))
                actions.append(ACTIONS.index(actor.action))
                times = torch.tensor([e.time_s for e in events if e.actor == i])
                gap = (frame_times[:, None] - times).abs() * shape.fps
                levels.append((1 - gap).clamp_min(0).amax(1) if len(times) else 0 * frame_times)
    return torch.stack(tracks), torch.tensor(actions), torch.stack(levels)


def train_track_probe(probe: StageProbe, training: ProbeTraining) -> None:
    """Fit action and contacts on the tracks of true clips."""
    tracks, actions, levels = _tracks(probe, training)
    rng = generator(training.seed, "track")
    optimizer = torch.optim.AdamW(probe.track.parameters(), weight_decay=1e-3)
    started, step = time.process_time(), 0
    while (share := (time.process_time() - started) / training.track_seconds) < 1:
        if training.watch(share):
            return
        _anneal(optimizer, share, 3e-3)
        pick = torch.randint(tracks.shape[0], (64,), generator=rng)
        noisy = tracks[pick] * (1 + 0.02 * torch.randn(tracks[pick].shape, generator=rng))
        action, contact = probe.track(noisy)
        loss = nn.functional.cross_entropy(action, actions[pick])
        weight = 1 + 4 * (levels[pick] > 0)
        loss = loss + 4 * nn.functional.binary_cross_entropy_with_logits(
            contact, levels[pick], weight
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 0:
            _LOG.info("track probe step %d, loss %.4f", step, loss.item())
        step += 1


def train_sound_probe(probe: StageProbe, training: ProbeTraining) -> None:
    """Fit material and size on the sounds of true contacts, among the other sounds of the clip."""
    optimizer = torch.optim.AdamW(probe.sound.parameters(), weight_decay=1e-3)
    stream = _scenes(training, "sound", "1:1")
    num_samples = round(training.num_frames / 16 * SAMPLE_RATE_HZ)
    started, step = time.process_time(), 0
    while (share := (time.process_time() - started) / training.sound_seconds) < 1:
        if training.watch(share):
            return
        _anneal(optimizer, share, 2e-3)
        scenes = [next(stream) for _ in range(12)]
        events = [contacts(scene) for scene in scenes]
        waves = render_scene_sounds(scenes, num_samples, [scene.index for scene in scenes])
        pairs = [(wave, e) for wave, es in zip(waves, events, strict=True) for e in es]
        if not pairs:
            continue
        levels = torch.stack([sound_levels(wave, e.time_s, probe.config) for wave, e in pairs])
        material, size = probe.sound(levels)
        loss = nn.functional.cross_entropy(
            material, torch.tensor([MATERIALS.index(e.material) for _, e in pairs])
        ) + nn.functional.cross_entropy(size, torch.tensor([SIZES.index(e.size) for _, e in pairs]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            _LOG.info("sound probe step %d, loss %.4f", step, loss.item())
        step += 1
