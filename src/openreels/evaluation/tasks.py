"""The tasks of the mask interface, measured: is what was given really kept?"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from openreels.core.config import from_dict
from openreels.core.request import GenerationRequest
from openreels.evaluation.clips import PlayedClip, Progress, tensors_of, true_clip
from openreels.evaluation.config import BenchConfig
from openreels.evaluation.metrics import masked_psnr_db, psnr_db
from openreels.evaluation.refiner import refiner_figures
from openreels.media.clip import Clip, frames_of, read_clip
from openreels.media.image import write_image
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.stage.captions import held_out_prompts
from openreels.stage.scene import Scene

Figures = dict[str, tuple[float, float, float]]
"""Name -> ours, ceiling, floor."""
Asked = Mapping[str, object]
"""Fields of a request: the prompt, and how it is sampled."""


def save_image(path: Path, frame: Float[Tensor, "3 H W"]) -> None:
    """Write one frame in [-1, 1] as PNG."""
    write_image(path, frames_of(frame[None, :, None])[0])


def save_clip(
    path: Path, pixels: Float[Tensor, "3 F H W"], wave: Float[Tensor, "2 s"], fps: int
) -> None:
    """Write a true clip as a file for a request."""
    Clip(frames=frames_of(pixels[None]), fps=fps, waveform=wave.numpy()).save(path)


def frame_fidelity(
    components: Components, made: Float[Tensor, "3 H W"], given: Float[Tensor, "3 H W"]
) -> tuple[float, float]:
    """PSNR of a made frame against the given picture, and that of the autoencoder alone."""
    decoded = components.video_vae.decode(components.video_vae.encode(given[None, :, None]))
    return psnr_db(made, given), psnr_db(decoded[0, :, 0], given)


def seam_step(
    clip: Float[Tensor, "3 F H W"], known: Bool[Tensor, "F H W"], truth: Float[Tensor, "3 F H W"]
) -> float:
    """Mean step of colour across the border of the kept region, in grey levels of 255.

    The step from each kept pixel to its changed neighbour, averaged with its sign over the border
    of a frame (texture cancels, a shift of colour does not), less that of the true clip there,
    then the mean size over frames and channels; 0 where there is no border.
    """
    steps: list[float] = []
    for axis in (1, 2):
        inside = known.narrow(axis, 0, known.shape[axis] - 1)
        beside = known.narrow(axis, 1, known.shape[axis] - 1)
        change = (clip - truth).diff(dim=axis + 1)
        sign = (inside & ~beside).float() - (~inside & beside).float()
        count = sign.abs().sum((1, 2))
        if bool((count > 0).any()):
            mean = (change * sign).sum((2, 3)) / count.clamp_min(1)
            steps.append(float(mean[:, count > 0].abs().mean()) * 127.5)
    return sum(steps) / len(steps) if steps else 0.0


def _frames(
    components: Components, scene: Scene, asked: Asked, folder: Path, *, ends: tuple[str, ...]
) -> tuple[Clip, Figures]:
    """Image to video with the first, the last or both frames given."""
    duration_s = scene.duration_s
    pixels, _, _ = true_clip(scene, duration_s)
    stranger = next(other for _, other in held_out_prompts(2, duration_s) if other != scene)
    other, _, _ = true_clip(replace(stranger, aspect_ratio=scene.aspect_ratio), duration_s)
    fields = {**asked, "duration_s": duration_s, "aspect_ratio": scene.aspect_ratio}
    for end, index in (("first", 0), ("last", -1)):
        if end in ends:
            save_image(folder / f"{end}.png", pixels[:, index])
            fields[f"{end}_frame"] = str(folder / f"{end}.png")
    clip = _made(components, fields)
    made, _ = tensors_of(clip)
    figures: Figures = {}
    for end, index in (("first", 0), ("last", -1)):
        if end in ends:
            ours, ceiling = frame_fidelity(components, made[:, index], pixels[:, index])
            floor = psnr_db(other[:, index], pixels[:, index])
            figures[f"{end}-frame PSNR dB"] = (ours, ceiling, floor)
    return clip, figures


def _extend(
    components: Components, scene: Scene, asked: Asked, folder: Path
) -> tuple[Clip, Figures]:
    """Continue the first second of a true clip, or its first half where it is shorter than two."""
    pixels, wave, shape = true_clip(scene, scene.duration_s)
    keep = min(17, pixels.shape[1] // 2)
    source = folder / "source.mp4"
    half = wave[:, : round(keep / shape.fps * 44100)]
    save_clip(source, pixels[:, :keep], half, shape.fps)
    clip = _made(components, {**asked, "extend": str(source)})
    made, _ = tensors_of(clip)
    read, _ = tensors_of(read_clip(source))
    length = min(keep, read.shape[1], made.shape[1])
    known = torch.ones(length, *made.shape[2:], dtype=torch.bool)
    kept = masked_psnr_db(made[:, :length], read[:, :length], known)
    later = min(made.shape[1], pixels.shape[1]) - keep
    follow = psnr_db(made[:, keep : keep + later], pixels[:, keep : keep + later])
    still = psnr_db(
        pixels[:, keep - 1 : keep].expand(-1, later, -1, -1), pixels[:, keep : keep + later]
    )
    return clip, {
        "kept frames PSNR dB": (kept, 100.0, psnr_db(pixels[:, -1:], read[:, :1])),
        "continuation against the true one PSNR dB": (follow, 100.0, still),
    }


def _inpaint(
    components: Components, scene: Scene, asked: Asked, folder: Path
) -> tuple[Clip, Figures]:
    """Change the middle of a true clip, keep the rest."""
    pixels, wave, shape = true_clip(scene, scene.duration_s)
    source, region = folder / "source.mp4", folder / "region.png"
    save_clip(source, pixels, wave, shape.fps)
    change = torch.zeros(shape.height, shape.width, dtype=torch.bool)
    change[16:-16, 16:-16] = True
    Image.fromarray((change.numpy() * 255).astype(np.uint8)).save(region)
    clip = _made(components, {**asked, "edit": str(source), "edit_region": str(region)})
    made, _ = tensors_of(clip)
    read, _ = tensors_of(read_clip(source))
    length = min(made.shape[1], read.shape[1])
    known = (~change).expand(length, -1, -1)
    made, read = made[:, :length], read[:, :length]
    same = float((made == read).all(0)[known].float().mean())
    floor = psnr_db(pixels.flip(3)[:, :length][:, known], read[:, known])
    shifted = torch.where(known, read, (read + 16 / 127.5).clamp(-1, 1))
    return clip, {
        "kept pixels PSNR dB": (masked_psnr_db(made, read, known), 100.0, floor),
        "kept pixels identical": (same, 1.0, 0.0),
        "seam step of 255": (
            seam_step(made, known, read),
            0.0,
            seam_step(shifted, known, read),
        ),
    }


def _refine(
    components: Components,
    scene: Scene,
    asked: Asked,
    folder: Path,  # noqa: ARG001 - one signature for every part
) -> tuple[Clip, Figures]:
    """Refine the true low-resolution clip."""
    how = {name: asked[name] for name in ("mode", "steps", "seed")}
    return refiner_figures(components, scene, scene.duration_s, how)


def _made(components: Components, fields: Asked) -> Clip:
    request = from_dict(GenerationRequest, fields, allow_missing=True)
    return generate(components, request).clip


_PARTS: dict[str, Callable[..., tuple[Clip, Figures]]] = {
    "first": partial(_frames, ends=("first",)),
    "last": partial(_frames, ends=("last",)),
    "first_last": partial(_frames, ends=("first", "last")),
    "extend": _extend,
    "inpaint": _inpaint,
    "refine": _refine,
}


def task_figures(
    components: Components, out: Path, config: BenchConfig, progress: Progress | None
) -> tuple[list[dict[str, object]], list[PlayedClip], list[dict[str, object]]]:
    """Run every asked task of the mask interface on held-out scenes.

    Args:
        components: The loaded networks.
        out: Folder of the report; inputs and clips go below it.
        config: Which tasks and how many clips each.
        progress: Called with the task, how many are done and how many there are.

    Returns:
        Rows of mean figures, the clips, and the figures of each clip.
    """
    rows: list[dict[str, object]] = []
    examples: list[dict[str, object]] = []
    played: list[PlayedClip] = []
    prompts = held_out_prompts(config.task_count, config.duration_s)
    (out / "clips").mkdir(parents=True, exist_ok=True)
    for task in (t for t in config.tasks if t in _PARTS):
        found: dict[str, list[tuple[float, float, float]]] = {}
        for i, (prompt, scene) in enumerate(prompts):
            folder = out / "inputs" / f"{task}-{i:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            asked: Asked = {
                "prompt": prompt,
                "enhance": False,
                "seed": config.seed + i,
                "mode": config.mode,
                "steps": config.steps,
            }
            clip, figures = _PARTS[task](components, scene, asked, folder)
            name = f"clips/{task}-{i:03d}.mp4"
            clip.save(out / name)
            for figure, values in figures.items():
                found.setdefault(figure, []).append(values)
            note = ", ".join(f"{k} {v[0]:.2f}" for k, v in figures.items())
            played.append(PlayedClip(title=f"{task}: {prompt}", file=name, note=note))
            if progress is not None:
                progress(task, i + 1, len(prompts))
        for figure, values in found.items():
            ours, ceiling, floor = (
                sum(column) / len(values) for column in zip(*values, strict=True)
            )
            rows.append({
                "task": task,
                "figure": figure,
                "ours": ours,
                "ceiling": ceiling,
                "floor": floor,
            })
            single = [ours for ours, _, _ in values]
            examples.append({"task": task, "figure": figure, "ours": single})
    return rows, played, examples
