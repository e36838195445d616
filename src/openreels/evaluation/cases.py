"""One example of a row of the bench: what is asked, what is given, and the true result."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from openreels.core.config import from_dict
from openreels.core.request import GenerationRequest
from openreels.core.shapes import SAMPLE_RATE_HZ, ClipShape, frames_of_seconds, size_for
from openreels.evaluation.config import BenchConfig
from openreels.media.audio import write_wav
from openreels.media.clip import Clip, frames_of
from openreels.media.image import write_image
from openreels.stage.captions import HELD_OUT_SEED, caption
from openreels.stage.reference_tasks import TASKS as STAGE_TASKS
from openreels.stage.reference_tasks import Order, StageTask, change_of, make_task
from openreels.stage.references import RenderedReference, render_reference
from openreels.stage.sample import render_truths, truth_of
from openreels.stage.scene import Scene, Truth
from openreels.stage.world import WorldSettings, sample_scene

_TRIES = 400
_WHITE = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """A part of the world that prompts alone ask for."""

    shares: dict[str, float]
    """Fields of ``WorldSettings``."""
    fits: Callable[[Scene], bool] = lambda _: True
    """Which of its scenes have it."""


FEATURES: dict[str, Feature] = {
    "text style": Feature(shares={"style_share": 1.0}),
    "text weather": Feature(shares={"weather_share": 1.0}, fits=lambda s: s.weather != "clear"),
    "text expression": Feature(
        shares={"face_share": 1.0}, fits=lambda s: s.actors[0].face is not None
    ),
    "text camera": Feature(shares={}, fits=lambda s: s.camera != "static"),
    "text cuts": Feature(shares={"cut_share": 1.0}, fits=lambda s: bool(s.shots)),
    "text words": Feature(shares={"words_share": 1.0}, fits=lambda s: bool(s.overlays)),
    "text speech": Feature(
        shares={"speech_share": 1.0}, fits=lambda s: any(x.actor is not None for x in s.lines)
    ),
    "text song": Feature(
        shares={"song_share": 1.0}, fits=lambda s: any(x.is_sung for x in s.lines)
    ),
    "text music": Feature(shares={"music_share": 1.0}, fits=lambda s: bool(s.music)),
    "text ambience": Feature(shares={"ambience_share": 1.0}, fits=lambda s: bool(s.ambience)),
}
"""How the scenes of each of ``config.FEATURE_ROWS`` are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A clip that is measured."""

    pixels: Float[Tensor, "3 F H W"]
    """Frames in [-1, 1]."""
    waveform: Float[Tensor, "2 s"]
    """Its sound, silent if it has none."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example of a row with everything that is true of it."""

    task: StageTask
    """What is asked and given."""
    shape: ClipShape
    """Size and length of the clip."""

    @cached_property
    def truth(self) -> Truth:
        """What is true of the result."""
        return truth_of(self.task.target)

    @cached_property
    def target(self) -> Made:
        """The true result."""
        batch = render_truths([self.truth], self.shape)
        return Made(pixels=batch.pixels[0], waveform=batch.waveform[0])

    @cached_property
    def source(self) -> Made | None:
        """The clip before an edit."""
        if self.task.source is None:
            return None
        batch = render_truths([truth_of(self.task.source)], self.shape)
        return Made(pixels=batch.pixels[0], waveform=batch.waveform[0])

    @cached_property
    def changed(self) -> Bool[Tensor, "F H W"]:
        """The pixels of the source that may change."""
        return change_of(self.task, self.shape)

    @cached_property
    def references(self) -> tuple[RenderedReference, ...]:
        """What the prompt names, as tensors."""
        return tuple(render_reference(one, self.shape) for one in self.task.references)


def make_case(name: str, number: int, config: BenchConfig) -> Case:
    """Make an example of a row, of scenes and sentences that training never shows.

    Args:
        name: A row of ``FEATURES`` or of ``stage.reference_tasks``.
        number: Which example; the same always gives the same.
        config: Its length is used.

    Returns:
        The example; nothing is rendered yet.

    Raises:
        ValueError: If there is no such row.
    """
    if name in FEATURES:
        task = _described(name, number, config)
    elif name in STAGE_TASKS:
        settings = WorldSettings(duration_s=config.duration_s)
        order = Order(
            seed=HELD_OUT_SEED, index=number, settings=settings, variant=2 * number, held_out=True
        )
        task = make_task(name, order)
    else:
        raise ValueError(
            f"a row must be one of {', '.join((*FEATURES, *STAGE_TASKS))}, got {name!r}; choose one"
        )
    height, width = size_for(task.target.aspect_ratio, 64)
    frames = frames_of_seconds(config.duration_s)
    return Case(task=task, shape=ClipShape(num_frames=frames, height=height, width=width))


def _described(name: str, number: int, config: BenchConfig) -> StageTask:
    feature = FEATURES[name]
    settings = replace(
        WorldSettings(duration_s=config.duration_s),
        **feature.shares,  # pyright: ignore[reportArgumentType]
    )
    left = number
    for index in range(10_000, 10_000 + _TRIES * (number + 1)):
        scene = sample_scene(HELD_OUT_SEED, index, settings=settings)
        if feature.fits(scene):
            if left == 0:
                text = caption(scene, 0, tier="structured", held_out=True)
                return StageTask(name=name, target=scene, caption=text)
            left -= 1
    raise ValueError(
        f"a clip of {config.duration_s:g} s has no scene for {name}; choose a longer duration"
    )


def request_of(case: Case, folder: Path, config: BenchConfig, number: int) -> GenerationRequest:
    """Write what a case gives into a folder, and ask for its result.

    Args:
        case: The example.
        folder: Where pictures, clips and sounds are written; it exists.
        config: Mode, steps, seed and length.
        number: Added to the seed.

    Returns:
        The request; no rule of it is checked.
    """
    fields: dict[str, object] = {
        "prompt": case.task.caption,
        "enhance": False,
        "seed": config.seed + number,
        "mode": config.mode,
        "steps": config.steps,
    }
    fields |= _given(case, folder)
    if case.source is not None:
        _save(folder / "source.mp4", case.source, case.shape)
        fields["edit"] = str(folder / "source.mp4")
        if case.task.masked:
            _save_mask(folder / "region.mp4", case.changed, case.shape)
            fields["edit_region"] = str(folder / "region.mp4")
    elif "ref_video" not in fields:
        fields["duration_s"] = config.duration_s
        fields["aspect_ratio"] = case.task.target.aspect_ratio
    return from_dict(GenerationRequest, fields, allow_missing=True)


def _given(case: Case, folder: Path) -> dict[str, object]:
    """The references of a case as fields of a request."""
    images: list[dict[str, object]] = []
    voices: list[dict[str, str]] = []
    sounds: list[dict[str, str]] = []
    found: dict[str, object] = {}
    pictured = {one.handle for one in case.task.references if one.kind == "image"}
    for place, one in enumerate(case.references):
        kind, handle, stem = one.reference.kind, one.reference.handle, f"reference-{place}"
        if one.images is not None:
            paths = [folder / f"{stem}-{k}.png" for k in range(len(one.images))]
            for path, image in zip(paths, one.images, strict=True):
                write_image(path, frames_of(image[None, :, None])[0])
            if kind == "grid":
                found["grid"] = {"tag": handle, "path": str(paths[0])}
            else:
                images.append({"tag": handle, "images": [str(path) for path in paths]})
        elif one.clip is not None:
            path = folder / f"{stem}.mp4"
            Clip(frames=frames_of(one.clip[None]), fps=case.shape.fps).save(path)
            found["ref_video"] = {"tag": handle, "path": str(path)}
        elif one.waveform is not None:
            path = folder / f"{stem}.wav"
            write_wav(path, one.waveform.numpy(), SAMPLE_RATE_HZ)
            listed = voices if handle in pictured else sounds
            listed.append({"tag": handle, "path": str(path)})
    lists = {"references": images, "voices": voices, "audio_refs": sounds}
    return found | {name: entries for name, entries in lists.items() if entries}


def _save(path: Path, made: Made, shape: ClipShape) -> None:
    sound = made.waveform[:, : shape.num_samples].numpy()
    Clip(frames=frames_of(made.pixels[None]), fps=shape.fps, waveform=sound).save(path)


def _save_mask(path: Path, changed: Bool[Tensor, "F H W"], shape: ClipShape) -> None:
    white = (changed.numpy() * _WHITE).astype(np.uint8)
    Clip(frames=np.repeat(white[..., None], 3, axis=3), fps=shape.fps).save(path)


def fitted(made: Made, shape: ClipShape) -> Made:
    """Bring a clip to the length and size of a case: cut, or its last frame held, and scaled."""
    pixels = made.pixels
    index = torch.arange(shape.num_frames).clamp(max=pixels.shape[1] - 1)
    pixels = pixels[:, index]
    if pixels.shape[2:] != (shape.height, shape.width):
        flat = torch.nn.functional.interpolate(
            pixels.transpose(0, 1), (shape.height, shape.width), mode="area"
        )
        pixels = flat.transpose(0, 1)
    return Made(pixels=pixels, waveform=made.waveform)
