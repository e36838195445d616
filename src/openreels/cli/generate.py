"""``openreels generate``: a command line to a request, a request to a file."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openreels.cli.console import print_json, progress_bars
from openreels.cli.parsing import parse_keyframe, parse_lora, parse_reference, parse_tagged
from openreels.core.config import from_dict, to_dict
from openreels.core.request import ASPECT_RATIOS, MODES, RESOLUTIONS, GenerationRequest, validate

if TYPE_CHECKING:
    from openreels.pipelines.model import Model

_RATIOS, _SIZES, _MODES = "|".join(ASPECT_RATIOS), "|".join(RESOLUTIONS), "|".join(MODES)
_WHAT, _HOW, _FRAMES = "What to make", "How to make it", "Frames that are given"
_REFS, _SOURCE = "Things the prompt names", "A clip that is given"


def _option(panel: str, help_text: str, *names: str, metavar: str | None = None) -> Any:  # noqa: ANN401 - typer's own type is private
    return typer.Option(*names, help=help_text, metavar=metavar, rich_help_panel=panel)


def generate(
    prompt: Annotated[str | None, typer.Argument(help="What is seen and heard.")] = None,
    out: Annotated[
        Path | None,
        _option(_WHAT, "Output; the suffix chooses: .mp4 .webm .gif .wav .png.", "--output", "-o"),
    ] = None,
    preset: Annotated[str, _option(_HOW, "stage, or a folder of weights.")] = "stage",
    lora: Annotated[
        list[str] | None, _option(_HOW, "Change of the weights.", metavar="FILE[=SCALE]")
    ] = None,
    duration: Annotated[
        float | None, _option(_WHAT, "Seconds, 1 to 15; 3. With --extend: of the new part.")
    ] = None,
    aspect_ratio: Annotated[str | None, _option(_WHAT, "Shape.", metavar=_RATIOS)] = None,
    resolution: Annotated[str | None, _option(_WHAT, "Shorter side.", metavar=_SIZES)] = None,
    mode: Annotated[str | None, _option(_HOW, "Amount of work.", metavar=_MODES)] = None,
    seed: Annotated[int | None, _option(_HOW, "The same seed, the same clip; 0.")] = None,
    steps: Annotated[int | None, _option(_HOW, "Denoising steps; the mode's.")] = None,
    guidance: Annotated[float | None, _option(_HOW, "Pull on the picture; 1 is off.")] = None,
    audio_guidance: Annotated[float | None, _option(_HOW, "Pull on the sound; 1 is off.")] = None,
    sync_guidance: Annotated[
        float | None, _option(_HOW, "Pull of the picture on the sound; 1 is off.")
    ] = None,
    cache: Annotated[
        float | None, _option(_HOW, "Leave steps out that change less, e.g. 0.2; 0, off.")
    ] = None,
    negative_prompt: Annotated[str | None, _option(_WHAT, "What should not be there.")] = None,
    no_sound: Annotated[bool, _option(_WHAT, "Make no sound.", "--no-sound")] = False,
    joint_keyframes: Annotated[
        bool,
        _option(_HOW, "Have the base make fine keyframes for the refiner.", "--joint-keyframes"),
    ] = False,
    no_refine: Annotated[bool, _option(_HOW, "Leave the refiner out.", "--no-refine")] = False,
    no_enhance: Annotated[bool, _option(_HOW, "Take the prompt as it is.", "--no-enhance")] = False,
    enhancer: Annotated[
        str | None, _option(_HOW, "What rewrites it; stage.", metavar="stage|URL#MODEL|FOLDER")
    ] = None,
    first_frame: Annotated[str | None, _option(_FRAMES, "Picture the clip starts with.")] = None,
    last_frame: Annotated[str | None, _option(_FRAMES, "Picture the clip ends with.")] = None,
    keyframe: Annotated[
        list[str] | None, _option(_FRAMES, "Picture inside; up to 6.", metavar="SECONDS|auto=IMG")
    ] = None,
    ref: Annotated[
        list[str] | None, _option(_REFS, "Pictures of a thing; up to 3.", metavar="@TAG=IMG[,IMG]")
    ] = None,
    voice: Annotated[
        list[str] | None, _option(_REFS, "Voice of a --ref.", metavar="@TAG=WAV")
    ] = None,
    grid: Annotated[str | None, _option(_REFS, "Storyboard collage.", metavar="@TAG=IMG")] = None,
    audio_ref: Annotated[
        list[str] | None, _option(_REFS, "Music or ambience to follow.", metavar="@TAG=WAV")
    ] = None,
    ref_video: Annotated[
        str | None,
        _option(
            _REFS,
            "Clip whose motion, face or effect is followed; also beside --edit.",
            metavar="@TAG=CLIP",
        ),
    ] = None,
    extend: Annotated[str | None, _option(_SOURCE, "Clip to continue.")] = None,
    extend_before: Annotated[
        bool, _option(_SOURCE, "The new part comes first.", "--extend-before")
    ] = False,
    edit: Annotated[str | None, _option(_SOURCE, "Clip to change.")] = None,
    edit_region: Annotated[
        str | None, _option(_SOURCE, "Mask, picture or clip; white changes.", metavar="MASK")
    ] = None,
    keep_audio: Annotated[
        bool, _option(_SOURCE, "Keep the sound of --edit.", "--keep-audio")
    ] = False,
    request: Annotated[Path | None, _option(_WHAT, "JSON to start from; options win.")] = None,
    save_request: Annotated[Path | None, _option(_WHAT, "Write the request as JSON.")] = None,
    as_json: Annotated[bool, _option(_WHAT, "Print one JSON object.", "--json")] = False,
) -> None:
    """Make a clip with sound, a sound (.wav) or a picture (.png)."""
    given = {
        "prompt": prompt,
        "duration_s": duration,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "mode": mode,
        "seed": seed,
        "steps": steps,
        "guidance_scale": guidance,
        "audio_guidance_scale": audio_guidance,
        "sync_guidance_scale": sync_guidance,
        "step_cache": cache,
        "negative_prompt": negative_prompt,
        "sound": False if no_sound else None,
        "refine": False if no_refine else None,
        "joint_keyframes": True if joint_keyframes else None,
        "enhance": False if no_enhance else None,
        "first_frame": first_frame,
        "last_frame": last_frame,
        "keyframes": [parse_keyframe(text) for text in keyframe or ()],
        "references": [parse_reference(text) for text in ref or ()],
        "voices": _tagged(voice, "--voice"),
        "grid": parse_tagged(grid, option="--grid") if grid is not None else None,
        "audio_refs": _tagged(audio_ref, "--audio-ref"),
        "ref_video": (
            parse_tagged(ref_video, option="--ref-video") if ref_video is not None else None
        ),
        "extend": extend,
        "extend_before": extend_before or None,
        "edit": edit,
        "edit_region": edit_region,
        "keep_audio": keep_audio or None,
    }
    if out is None:
        raise ValueError("an output must be named, got none; add -o clip.mp4")
    whole = _request(given, start=request, out=out)
    if enhancer is not None and not whole.enhance:
        raise ValueError(
            f"an enhancer rewrites the prompt, got {enhancer!r} for a prompt that is taken as it "
            "is; leave one of the two out"
        )
    loras = tuple(parse_lora(text) for text in lora or ())
    with_model = partial(_load, preset, enhancer=enhancer, loras=loras)
    _run(whole, out, with_model, save_request=save_request, as_json=as_json)


def _tagged(texts: Sequence[str] | None, option: str) -> list[dict[str, Any]]:
    return [parse_tagged(text, option=option) for text in texts or ()]


def _request(given: dict[str, Any], *, start: Path | None, out: Path) -> GenerationRequest:
    """The request of a file with the options of the command line over it, checked."""
    from openreels.media.files import kind_of_output

    fields = {name: value for name, value in given.items() if value not in (None, [])}
    fields["kind"] = kind_of_output(out)
    if out.suffix.lower() == ".gif":
        fields["sound"] = False
    if start is not None:
        fields = to_dict(read_request(start)) | fields
    elif "prompt" not in fields:
        raise ValueError("a prompt must be given, got none; say what is seen and heard")
    return validate(from_dict(GenerationRequest, fields, allow_missing=True))


def read_request(path: Path) -> GenerationRequest:
    """Read a request from a JSON file.

    Args:
        path: A file as ``--save-request`` writes it; fields may be left out.

    Returns:
        The request; its rules are not checked.

    Raises:
        ValueError: If the file is missing, or is no request.
    """
    from openreels.media.files import check_readable

    try:
        text = check_readable(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"a request is a JSON text file, got {path}; give another") from error
    return GenerationRequest.from_json(text)


def _load(preset: str, *, enhancer: str | None, loras: Sequence[tuple[str, float]]) -> "Model":
    from openreels.pipelines.enhance import enhancer_named
    from openreels.pipelines.model import load

    named = None if enhancer is None else enhancer_named(enhancer)
    return load(preset, enhancer=named, loras=loras)


def _run(
    request: GenerationRequest,
    out: Path,
    load_model: Callable[[], "Model"],
    *,
    save_request: Path | None,
    as_json: bool,
) -> None:
    from openreels.media.files import check_readable, check_writable, whole_file

    for path in (out, save_request):
        if path is not None:
            check_writable(path)
    for path in request.paths:
        check_readable(path)
    if save_request is not None:
        with whole_file(save_request) as part:
            part.write_text(request.to_json() + "\n", encoding="utf-8")
    start = time.perf_counter()
    with progress_bars() as progress:
        progress("load", 0, 1)
        model = load_model()
        progress("load", 1, 1)
        result = model.run(request, progress=progress)
        progress("write", 0, 1)
        result.clip.save(out)
        progress("write", 1, 1)
    total_s = round(time.perf_counter() - start, 3)
    facts = {"path": str(out), **result.metadata, "total_s": total_s}
    if as_json:
        print_json(facts)
        return
    for note in result.metadata["notes"]:
        typer.echo(note, err=True)
    if result.metadata["enhanced_prompt"]:
        typer.echo(f"prompt: {result.metadata['enhanced_prompt']}", err=True)
    typer.echo(_summary(facts))


def _summary(facts: dict[str, Any]) -> str:
    parts = [] if facts["width"] is None else [f"{facts['width']}x{facts['height']}"]
    if facts["num_frames"] != 1:
        parts.insert(0, f"{facts['seconds']:.2f} s")
        parts += [] if facts["fps"] is None else [f"{facts['fps']} fps"]
    parts += [f"sound {facts['sample_rate_hz']} Hz"] if facts["sample_rate_hz"] else []
    parts += [f"seed {facts['seed']}", f"{facts['steps']} steps"]
    return f"{facts['path']}: {', '.join(parts)}; took {facts['total_s']:.1f} s"
