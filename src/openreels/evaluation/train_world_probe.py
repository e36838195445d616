"""Train the probe of looks and voices on true clips; about twenty minutes on one CPU core."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from einops import rearrange
from jaxtyping import Bool, UInt8
from torch import Tensor, nn

from openreels.core.seeding import derive_seed, generator
from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape
from openreels.evaluation.looks import AFFECTED, FACES, crops_of
from openreels.evaluation.sounds import sound_levels
from openreels.evaluation.train_probes import augmented, unwatched
from openreels.media.clip import from_bytes, to_bytes
from openreels.models.probe.world import WorldProbe
from openreels.stage.reference_edits import affected
from openreels.stage.reference_views import Dice
from openreels.stage.render import render_masks, render_video
from openreels.stage.sample import render_sound, sound_seed, truth_of
from openreels.stage.scene import MATERIALS, PLACES, STYLES, TIMES_OF_DAY, WEATHERS, Scene
from openreels.stage.speech import VOICES, VOWELS
from openreels.stage.world import WorldSettings, sample_scene

_LOG = logging.getLogger(__name__)
_SHAPE = ClipShape(num_frames=9, height=64, width=64, fps=4)
"""Two seconds in nine frames: as many as the probe reads."""
_AFFECTED_SHARE = 0.35
_KEPT_CLIPS = 3000
"""Clips that are kept to be seen again, of 0.2 MB each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldProbeTraining:
    """How long and on what the probe is trained."""

    seed: int = 902
    """Seed of the world; bench scenes come from another."""
    look_seconds: float = 900.0
    """Processor time for what is seen, in seconds."""
    voice_seconds: float = 200.0
    """Processor time for what is heard, in seconds."""
    scenes: int = 8
    """New clips of a step."""
    again: int = 24
    """Clips of earlier steps that a step on what is seen has beside them; rendering costs more than
    learning."""
    watch: Callable[[float], bool] = unwatched
    """Told before every step the share of the time that is over; True ends the training."""
    degrade: Callable[[Tensor], Tensor] | None = None
    """Optional map of clips, e.g. through an autoencoder, applied to half of the batches."""


def _worlds(training: WorldProbeTraining, purpose: str, settings: WorldSettings) -> Iterator[Scene]:
    seed = derive_seed(training.seed, purpose) % 2**31
    index = 0
    while True:
        scene = sample_scene(seed, index, settings=settings)
        dice = Dice(scene, "probe")
        apart = scene.actors[0].partner is None and not scene.shots
        yield affected(scene, dice) if apart and dice.uniform() < _AFFECTED_SHARE else scene
        index += 1


def look_loss(
    probe: WorldProbe, scenes: Sequence[Scene], pixels: Tensor, masks: Tensor | Sequence[Tensor]
) -> Tensor:
    """Cross-entropy of everything that is seen.

    Args:
        probe: The probe.
        scenes: What is true.
        pixels: Clips ``b 3 F H W`` in [-1, 1].
        masks: Actors, ``a F H W`` of each clip; those that are hardly seen are left out.
    """
    read = probe.read_scene(rearrange(pixels, "b c f h w -> b f c h w"))
    cross = nn.functional.cross_entropy
    words = [
        (read.style, [STYLES.index(s.style) for s in scenes]),
        (read.weather, [WEATHERS.index(s.weather) for s in scenes]),
        (read.place, [PLACES.index(s.place) for s in scenes]),
        (read.light, [TIMES_OF_DAY.index(s.time_of_day) for s in scenes]),
    ]
    crops, looks = [], list[tuple[int, int, int]]()
    for b, scene in enumerate(scenes):
        changed = {effect.actor: effect.kind for effect in scene.effects}
        for k, actor in enumerate(scene.actors):
            if float(masks[b][k, 0].sum()) < 20:
                continue
            frames = rearrange(pixels[b], "c f h w -> f c h w")
            crops.append(crops_of(frames, masks[b][k].float(), probe.config.crop))
            face = "none" if actor.face is None else actor.face.expression
            effect = changed.get(k, "none")
            looks.append((
                MATERIALS.index(actor.material),
                FACES.index(face),
                AFFECTED.index(effect),
            ))
    loss = torch.stack([cross(logits, torch.tensor(true)) for logits, true in words]).sum()
    if crops:
        seen, true = probe.read_actor(torch.stack(crops)), torch.tensor(looks)
        loss = loss + cross(seen.material, true[:, 0]) + cross(seen.face, true[:, 1])
        loss = loss + cross(seen.effect, true[:, 2])
    return loss


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeenClip:
    """A clip that may be seen again."""

    scene: Scene
    """What is true."""
    pixels: UInt8[Tensor, "3 F H W"]
    """Its pixels as ``media.clip.to_bytes`` gives them."""
    masks: Bool[Tensor, "a F H W"]
    """Its actors."""


class SeenClips:
    """Clips of earlier steps, which cost less to see again than new ones to render.

    Args:
        again: Clips that are drawn beside new ones.
        room: Clips that are kept; a new one then takes the place of any.
        rng: Source of the draws.
    """

    def __init__(self, again: int, room: int, rng: Random) -> None:
        self._again, self._room, self._rng = again, room, rng
        self._kept = list[SeenClip]()

    def beside(self, new: Sequence[SeenClip]) -> list[SeenClip]:
        """Draw clips of earlier steps beside new ones, and keep these for later.

        Args:
            new: Clips of this step.

        Returns:
            The new clips, then ``again`` different earlier ones, or as many as there are.
        """
        clips = [*new, *self._rng.sample(self._kept, min(self._again, len(self._kept)))]
        for clip in new:
            if len(self._kept) < self._room:
                self._kept.append(clip)
            else:
                self._kept[self._rng.randrange(self._room)] = clip
        return clips


def train_looks(probe: WorldProbe, training: WorldProbeTraining) -> None:
    """Fit style, weather, place, light, material, face and effect on true clips."""
    settings = WorldSettings(weather_share=0.7, style_share=0.6, face_share=0.6, speech_share=0.1)
    stream, rng = _worlds(training, "look", settings), generator(training.seed, "look")
    seen = SeenClips(training.again, _KEPT_CLIPS, Random(derive_seed(training.seed, "look again")))

    def step(number: int) -> Tensor:
        scenes = [next(stream) for _ in range(training.scenes)]
        pixels, masks = render_video(scenes, _SHAPE), render_masks(scenes, _SHAPE)
        if training.degrade is not None and number % 2:
            pixels = training.degrade(pixels)
        levels = to_bytes(pixels)
        clips = seen.beside([
            SeenClip(scene=scene, pixels=levels[k], masks=masks[k])
            for k, scene in enumerate(scenes)
        ])
        pixels = from_bytes(torch.stack([clip.pixels for clip in clips]))
        frames = augmented(rearrange(pixels, "b c f h w -> (b f) c h w"), rng)
        pixels = rearrange(frames, "(b f) c h w -> b c f h w", b=len(clips))
        return look_loss(probe, [clip.scene for clip in clips], pixels, [c.masks for c in clips])

    parts = [probe.frames, probe.style, probe.weather, probe.place, probe.light]
    parts += [probe.crops, probe.material, probe.face, probe.effect]
    weights = [p for part in parts for p in part.parameters()]
    _descend("look", weights, step, training, training.look_seconds, 2e-3)


def train_voices(probe: WorldProbe, training: WorldProbeTraining) -> None:
    """Fit voice and vowel on syllables that are said and sung among everything else."""
    settings = WorldSettings(speech_share=0.6, song_share=0.6, music_share=0.3, ambience_share=0.3)
    stream = _worlds(training, "voice", settings)

    def step(number: int) -> Tensor:  # noqa: ARG001 one signature
        truths = [truth_of(next(stream)) for _ in range(training.scenes)]
        seeds = [sound_seed(truth.scene) for truth in truths]
        waves = render_sound(truths, round(2.0 * SAMPLE_RATE_HZ), seeds)
        pairs = [(wave, s) for wave, t in zip(waves, truths, strict=True) for s in t.spoken]
        if not pairs:
            return sum(p.sum() * 0 for p in probe.syllable.parameters()) + torch.zeros(())
        shift = torch.rand(len(pairs)).sub(0.5).mul(0.06).tolist()
        levels = [
            sound_levels(wave, said.vowel_s + late, probe.sound_config)
            for (wave, said), late in zip(pairs, shift, strict=True)
        ]
        voice, vowel = probe.read_syllable(torch.stack(levels))
        names = tuple(VOWELS)
        cross = nn.functional.cross_entropy
        return cross(voice, torch.tensor([VOICES.index(s.voice) for _, s in pairs])) + cross(
            vowel, torch.tensor([names.index(s.text[-1]) for _, s in pairs])
        )

    weights = list(probe.syllable.parameters())
    _descend("voice", weights, step, training, training.voice_seconds, 2e-3)


def _descend(
    name: str,
    weights: list[nn.Parameter],
    step: Callable[[int], Tensor],
    training: WorldProbeTraining,
    seconds: float,
    peak: float,
) -> None:
    """Follow a loss down for some processor time."""
    optimizer = torch.optim.AdamW(weights, weight_decay=1e-3)
    started, number = time.process_time(), 0
    while (share := (time.process_time() - started) / seconds) < 1:
        if training.watch(share):
            return
        for group in optimizer.param_groups:
            group["lr"] = peak * min(share / 0.02 + 0.02, 1.0) * max(0.0, 1 - share)
        loss = step(number)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if number % 25 == 0:
            _LOG.info(
                "%s probe step %d, %.0f %%, loss %.4f", name, number, 100 * share, loss.item()
            )
        number += 1
