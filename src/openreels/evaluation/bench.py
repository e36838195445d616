"""StageBench: every figure of the generated clips between a ceiling and a floor."""

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from openreels.core.config import from_dict
from openreels.core.request import GenerationRequest
from openreels.evaluation.clips import (
    PlayedClip,
    Progress,
    tensors_of,
    through_autoencoders,
    true_clip,
)
from openreels.evaluation.config import ROWS, BenchConfig
from openreels.evaluation.figures import Instruments
from openreels.evaluation.judges import find_judges
from openreels.evaluation.report import write_report
from openreels.evaluation.run_rows import RowResults, run_rows
from openreels.evaluation.score import Reading, read_clip, summarise
from openreels.evaluation.tasks import task_figures
from openreels.models.probe.model import StageProbe
from openreels.models.probe.world import WorldProbe
from openreels.pipelines.components import Components
from openreels.pipelines.generate import generate
from openreels.pipelines.model import Model
from openreels.stage.captions import held_out_prompts
from openreels.weights.checkpoint import load_network

PROBE_FILE = Path(__file__).parent.parent / "weights" / "files" / "probe.safetensors"
WORLD_PROBE_FILE = PROBE_FILE.with_name("world_probe.safetensors")


def run_bench(
    components: Components, out: Path, config: BenchConfig, progress: Progress | None = None
) -> dict[str, object]:
    """Generate, measure and report.

    Args:
        components: The loaded networks.
        out: Folder of ``bench.json``, ``index.html`` and ``clips/``; made if missing.
        config: What is measured.
        progress: Called with a stage name, how many are done and how many there are.

    Returns:
        The content of ``bench.json``: rows of figure, ours, ceiling, floor and detector;
        ``examples`` with the single values of our clips where there are any; and ``refused``,
        where rows of tasks were asked for, with what the model would not do.

    Raises:
        ValueError: If the file of the probes holds another network.
    """
    (out / "clips").mkdir(parents=True, exist_ok=True)
    loaded = load_network(PROBE_FILE)
    if not isinstance(loaded, StageProbe):
        raise ValueError(f"{PROBE_FILE.name} must hold the probes of StageBench")
    probe = loaded.eval()
    rows: list[dict[str, object]] = []
    examples: list[dict[str, object]] = []
    played: list[PlayedClip] = []
    more, notes = RowResults(), list[str]()
    with torch.no_grad():
        if "text" in config.tasks:
            rows, played, examples = _text_suite(components, probe, out, config, progress)
        if config.task_count:
            extra, clips, single = task_figures(components, out, config, progress)
            rows, played, examples = rows + extra, played + clips, examples + single
            more, notes = _rows(components, probe, out, config, progress)
    rows, played = rows + more.rows, played + more.played
    result: dict[str, object] = {
        "suite": "stage",
        "clips": config.count,
        "clips a task": config.task_count,
        "duration_s": config.duration_s,
        "mode": config.mode,
        "rows": rows,
    }
    if more.refused:
        result["refused"] = more.refused
    if notes:
        result["notes"] = notes
    result["examples"] = examples + more.examples
    text = json.dumps(_finite(result), indent=1)
    (out / "bench.json").write_text(text, encoding="utf-8")
    write_report(out / "index.html", result, played)
    return result


def _rows(
    components: Components,
    probe: StageProbe,
    out: Path,
    config: BenchConfig,
    progress: Progress | None,
) -> tuple[RowResults, list[str]]:
    """The rows of tasks, and what was left out of their figures."""
    if not set(config.tasks) & set(ROWS):
        return RowResults(), []
    world, (judges, absent) = load_world_probe(), find_judges()
    notes = list(absent)
    if world is None:
        notes.append(
            f"figures of looks and voices are left out: {WORLD_PROBE_FILE.name} is not there; "
            "train it with openreels train world-probe"
        )
    decoded = partial(through_autoencoders, components)
    tools = Instruments(probe=probe, world=world, judges=judges)
    maker = Model(components)
    return run_rows(maker, decoded, tools, out, config, progress), notes


def load_world_probe(path: Path = WORLD_PROBE_FILE) -> WorldProbe | None:
    """The probe of looks and voices, or None where it is not installed."""
    return load_network(path, kind=WorldProbe).eval() if path.is_file() else None


def _finite(value: object) -> object:
    """The same value with nan as None, which JSON knows."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value


def _text_suite(
    components: Components,
    probe: StageProbe,
    out: Path,
    config: BenchConfig,
    progress: Progress | None,
) -> tuple[list[dict[str, object]], list[PlayedClip], list[dict[str, object]]]:
    """Clips from held-out prompts, the true clips of the same scenes, and the floor."""
    prompts = held_out_prompts(config.count, config.duration_s)
    scenes = [scene for _, scene in prompts]
    ours: list[Reading] = []
    ceiling: list[Reading] = []
    truth: list[Reading] = []
    played: list[PlayedClip] = []
    for i, (prompt, scene) in enumerate(prompts):
        fields = {
            "prompt": prompt,
            "enhance": False,
            "duration_s": config.duration_s,
            "aspect_ratio": scene.aspect_ratio,
            "seed": config.seed + i,
            "mode": config.mode,
            "steps": config.steps,
        }
        request = from_dict(GenerationRequest, fields, allow_missing=True)
        clip = generate(components, request).clip
        name = f"clips/text-{i:03d}.mp4"
        clip.save(out / name)
        ours.append(read_clip(probe, *tensors_of(clip), float(clip.fps)))
        pixels, wave, shape = true_clip(scene, config.duration_s)
        truth.append(read_clip(probe, pixels, wave, shape.fps))
        decoded = through_autoencoders(components, pixels, wave, shape)
        ceiling.append(read_clip(probe, *decoded, shape.fps))
        played.append(PlayedClip(title=prompt, file=name, note=describe(ours[-1])))
        if progress is not None:
            progress("text", i + 1, len(prompts))
    wrong = scenes[1:] + scenes[:1]
    swapped = summarise(ours, wrong, lambda i: ours[(i + 1) % len(ours)].onsets)
    columns = {
        "ours": summarise(ours, scenes),
        "ceiling": summarise(ceiling, scenes),
        "floor": swapped,
        "detector": summarise(truth, scenes),
    }
    rows: list[dict[str, object]] = [
        {"task": "text", "figure": name, **{k: v[name] for k, v in columns.items()}}
        for name in columns["ours"]
    ]
    single = [summarise([r], [s]) for r, s in zip(ours, scenes, strict=True)]
    examples: list[dict[str, object]] = [
        {"task": "text", "figure": name, "ours": [one[name] for one in single]}
        for name in columns["ours"]
    ]
    return rows, played, examples


def describe(reading: Reading) -> str:
    """One line: the objects that are seen and the sounds that are heard."""
    seen = "; ".join(
        f"{o.size} {o.colour} {o.shape} ({o.action}, contacts at "
        f"{', '.join(f'{t:.2f}' for t in o.contacts_s) or 'none'} s)"
        for o in reading.objects
    )
    heard = ", ".join(
        f"{o.time_s:.2f} s {material}"
        for o, (material, _) in zip(reading.onsets, reading.sounds, strict=True)
    )
    return f"Seen: {seen or 'nothing'}. Heard: {heard or 'nothing'}."


def table(rows: Sequence[dict[str, object]]) -> str:
    """The rows as a Markdown table."""
    columns = ("task", "figure", "ours", "ceiling", "floor", "detector")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [row.get(c, "") for c in columns]
        text = [f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells]
        lines.append("| " + " | ".join(text) + " |")
    return "\n".join(lines)
