"""GenerationRequest: the one record that every door builds, and every rule it must keep.

No file is opened here: paths are text, and what they hold is checked where they are read.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from openreels.core.config import from_json, to_json
from openreels.core.prompt import HANDLE
from openreels.core.prompt_rules import SOURCE_HANDLE, Named, broken_rules
from openreels.core.shapes import (
    ASPECT_RATIOS,
    BASE_FPS,
    MAX_DURATION_S,
    MIN_DURATION_S,
    TEMPORAL_STRIDE,
)

DEFAULT_DURATION_S = 3.0
"""Length of a clip, or of the new part of an extension, when nothing says otherwise; ours (the
product's default is 5 s)."""
RESOLUTIONS: dict[str, int] = {"64p": 64, "256p": 256, "480p": 480, "720p": 720, "1080p": 1080}
"""Names of output sizes and their shorter side in pixels."""
MODES = ("fast", "std", "pro")
MAX_PROMPT_CHARS = 4000
"""Longest prompt; ours: about three times the encoder's 1280 tokens, which have a rule of their
own."""
MAX_KEYFRAMES = 6
MAX_REFERENCES = 3
MAX_REFERENCE_IMAGES = 5
MAX_VOICE_S = 15.0
"""Longest voice sample or audio reference, checked where it is read."""
MAX_REFERENCE_VIDEO_S = 10.0
"""Longest reference clip, or clip to extend, checked where it is read."""
MAX_STEPS = 200
MAX_GUIDANCE_SCALE = 30.0
KEYFRAME_SPACING_S = TEMPORAL_STRIDE / BASE_FPS
"""Two given pictures closer than this would share one latent frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyframe:
    """A picture that the clip must pass through."""

    image: str
    """Path of the picture."""
    time_s: float | int | None = None
    """When, in seconds from the start of the clip; None lets the model choose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A subject, style or place that the prompt names by its tag."""

    tag: str
    """Handle in the prompt; starts with @."""
    images: tuple[str, ...]
    """Paths of one to five pictures of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggedFile:
    """One file that the prompt names by its tag."""

    tag: str
    """Handle in the prompt; starts with @."""
    path: str
    """Path of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """Everything that can be asked for; the same record for CLI, Python, JSON and HTTP.

    Fields and limits follow the product's interface (480p to 1080p, 1 to 15 s, six keyframes,
    three references); seed, negative prompt, steps, guidance and masks are ours to expose.
    """

    prompt: str
    """What is seen and heard, in the language of ``core/prompt.py``; names every tag that is used
    and says itself what any other is. 1 to 4000 characters."""
    negative_prompt: str = ""
    """What should not be there; up to 4000 characters."""
    kind: Literal["clip", "audio", "image"] = "clip"
    """What is made: a clip, sound alone (text to audio) or one picture (text to image)."""
    duration_s: float | int | None = None
    """Length in seconds of what is made new, 1 to 15. For an extension that is the new part alone;
    the given clip comes on top. None is 3 s, or the length of the edited or referenced clip."""
    aspect_ratio: Literal["16:9", "4:3", "1:1", "9:16", "3:4"] | None = None
    """Width to height. None is that of the given clip or picture, or 1:1."""
    resolution: Literal["64p", "256p", "480p", "720p", "1080p"] = "64p"
    """Shorter side of the result."""
    mode: Literal["fast", "std", "pro"] = "std"
    """How much work is spent: sets steps and refiner."""
    seed: int = 0
    """The same seed gives the same clip on the same device; 0 to 2**63 - 1."""
    steps: int | None = None
    """Denoising steps, 1 to 200; None is that of the mode."""
    guidance_scale: float | int | None = None
    """Pull of the prompt on the picture, 1 to 30; 1 is off, None is the preset's."""
    audio_guidance_scale: float | int | None = None
    """Pull of the prompt on the sound, 1 to 30; 1 is off, None is the preset's."""
    sync_guidance_scale: float | int | None = None
    """Pull of the picture on the sound, 1 to 30; 1 is off, None is the preset's."""
    step_cache: float | int = 0
    """Expected change of the velocity, relative to its size, below which a step goes on without the
    network, 0 to 1; 0 is off, 0.2 loses little."""
    sound: bool = True
    """Whether sound is made; without it the audio branch does not run."""
    refine: bool = True
    """Whether the refiner runs, where the resolution asks for one."""
    joint_keyframes: bool | None = None
    """Whether the base makes keyframes for it (sec. 4.5); None is if it needs no changes to do."""
    enhance: bool = True
    """Whether the prompt is rewritten into the structured form first."""
    first_frame: str | None = None
    """Path of the picture that the clip starts with."""
    last_frame: str | None = None
    """Path of the picture that the clip ends with."""
    keyframes: tuple[Keyframe, ...] = ()
    """Up to six pictures inside the clip."""
    references: tuple[Reference, ...] = ()
    """Up to three subjects of one to five pictures each."""
    grid: TaggedFile | None = None
    """A storyboard collage, instead of references."""
    voices: tuple[TaggedFile, ...] = ()
    """Voice samples; each tag is that of an entry of ``references``."""
    audio_refs: tuple[TaggedFile, ...] = ()
    """Sounds to follow: a music theme, an ambience."""
    ref_video: TaggedFile | None = None
    """A clip whose motion, camera, face or effect is followed. Alone, its length and its sound are
    kept; beside ``edit``, those of the edited clip count."""
    extend: str | None = None
    """Path of a clip to continue; ``duration_s`` of new material are added to it."""
    extend_before: bool = False
    """Whether the new part comes before the clip instead of after it."""
    edit: str | None = None
    """Path of a clip to change; of a picture, where one picture is made."""
    edit_region: str | None = None
    """Path of a mask, picture or clip: white is the part to change."""
    keep_audio: bool = False
    """Whether an edited clip keeps its own sound."""

    def to_json(self) -> str:
        """Write the request as JSON with every field."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> "GenerationRequest":
        """Read a request from JSON; only ``prompt`` is required. Rules are not checked here.

        Raises:
            ValueError: Naming the path of a field that is unknown or of the wrong type.
        """
        return from_json(GenerationRequest, text, allow_missing=True)

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag, each once: references, grid, audio references, reference clip."""
        tagged = [*self.references, self.grid, *self.audio_refs, self.ref_video]
        return tuple(entry.tag for entry in tagged if entry is not None)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that is read, in no order that means anything."""
        single = [self.first_frame, self.last_frame, self.extend, self.edit, self.edit_region]
        tagged = [self.grid, self.ref_video, *self.voices, *self.audio_refs]
        return (
            *(path for path in single if path is not None),
            *(keyframe.image for keyframe in self.keyframes),
            *(image for reference in self.references for image in reference.images),
            *(file.path for file in tagged if file is not None),
        )

    @property
    def max_time_s(self) -> float | int:
        """The latest time that a keyframe may have: the length of what is made new."""
        return DEFAULT_DURATION_S if self.duration_s is None else self.duration_s


def validate(request: GenerationRequest) -> GenerationRequest:
    """Check every rule of a request, once, before any work.

    Args:
        request: What a door has parsed.

    Returns:
        The same request.

    Raises:
        ValueError: One sentence with the rule, what was got and what to do: the first broken rule.
    """
    for rule in _RULES:
        for message in rule(request):
            raise ValueError(message)
    return request


def _prompts(request: GenerationRequest) -> Iterator[str]:
    if not request.prompt.strip():
        yield "prompt must not be empty; say in a few words what is seen and heard"
    for name in ("prompt", "negative_prompt"):
        length = len(getattr(request, name))
        if length > MAX_PROMPT_CHARS:
            yield (
                f"{name} may have at most {MAX_PROMPT_CHARS} characters, got {length}; shorten it"
            )


def _numbers(request: GenerationRequest) -> Iterator[str]:
    duration_s = request.duration_s
    if duration_s is not None and not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        yield (
            f"duration must be {MIN_DURATION_S:g} to {MAX_DURATION_S:g} seconds, "
            f"got {duration_s:g}; choose a length in that range"
        )
    if not 0 <= request.seed < 2**63:
        yield f"seed must be 0 to 2**63 - 1, got {request.seed}; choose a smaller whole number"
    if request.steps is not None and not 1 <= request.steps <= MAX_STEPS:
        yield f"steps must be 1 to {MAX_STEPS}, got {request.steps}; 20 to 50 are usual"
    if not 0 <= request.step_cache <= 1:
        yield f"step_cache must be 0 to 1, got {request.step_cache:g}; 0 turns it off"
    for name in ("guidance_scale", "audio_guidance_scale", "sync_guidance_scale"):
        scale = getattr(request, name)
        if scale is not None and not 1 <= scale <= MAX_GUIDANCE_SCALE:
            yield (
                f"{name} must be 1 to {MAX_GUIDANCE_SCALE:g}, got {scale:g}; 1 turns guidance off"
            )


def _output(request: GenerationRequest) -> Iterator[str]:
    choices: dict[str, tuple[str | None, tuple[str | None, ...]]] = {
        "kind": (request.kind, ("clip", "audio", "image")),
        "aspect_ratio": (request.aspect_ratio, (None, *ASPECT_RATIOS)),
        "resolution": (request.resolution, tuple(RESOLUTIONS)),
        "mode": (request.mode, MODES),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            names = ", ".join(choice for choice in allowed if choice)
            yield f"{name} must be one of {names}, got {value!r}; choose one of them"
    clip_only = [name for name in _CLIP_FIELDS if getattr(request, name)]
    if request.kind == "audio":
        if not request.sound:
            yield "sound alone was asked for with sound off; turn sound on or make a clip"
        if clip_only or request.references or request.grid:
            named = (clip_only or ["references"])[0]
            yield f"sound alone takes no pictures, got {named}; make a clip, or leave it out"
    if request.kind == "image":
        clip_only = [name for name in clip_only if name != "edit"]
        clip_only += [n for n in ("voices", "audio_refs", "duration_s") if getattr(request, n)]
        if clip_only or request.keep_audio:
            named = (clip_only or ["keep_audio"])[0]
            yield f"one picture has no length, got {named}; make a clip, or leave it out"


_CLIP_FIELDS = ("first_frame", "last_frame", "keyframes", "ref_video", "extend", "edit")


def _frames(request: GenerationRequest) -> Iterator[str]:
    if len(request.keyframes) > MAX_KEYFRAMES:
        yield (
            f"at most {MAX_KEYFRAMES} keyframes can be given, got {len(request.keyframes)}; "
            "leave some out"
        )
    end_s = request.max_time_s
    times = [keyframe.time_s for keyframe in request.keyframes if keyframe.time_s is not None]
    for time_s in times:
        if not (math.isfinite(time_s) and 0 <= time_s <= end_s):
            yield (
                f"a keyframe must be inside the clip, 0 to {end_s:g} seconds, got {time_s:g}; "
                "move it, lengthen the clip, or use auto"
            )
    times += [0.0] if request.first_frame else []
    times += [end_s] if request.last_frame else []
    times.sort()
    for left, right in pairwise(times):
        if right - left < KEYFRAME_SPACING_S - 1e-9:
            yield (
                f"given frames must be at least {KEYFRAME_SPACING_S:g} seconds apart, "
                f"got {left:g} and {right:g}; move or drop one (the first and the last frame count)"
            )
    paths = [request.first_frame, request.last_frame, *(k.image for k in request.keyframes)]
    yield from _no_empty_path("a frame", paths)


def _references(request: GenerationRequest) -> Iterator[str]:
    if len(request.references) > MAX_REFERENCES:
        yield (
            f"at most {MAX_REFERENCES} references can be given, got {len(request.references)}; "
            "leave some out"
        )
    for reference in request.references:
        if not 1 <= len(reference.images) <= MAX_REFERENCE_IMAGES:
            yield (
                f"a reference has 1 to {MAX_REFERENCE_IMAGES} pictures, "
                f"got {len(reference.images)} for {reference.tag}; change their number"
            )
        yield from _no_empty_path(reference.tag, reference.images)
    if request.grid and request.references:
        yield "a grid takes the place of references, got both; give one grid or up to 3 references"
    tags = [reference.tag for reference in request.references]
    for index, voice in enumerate(request.voices):
        if voice.tag not in tags:
            yield (
                f"a voice belongs to a reference picture of the same tag, got {voice.tag}; "
                f"add a reference {voice.tag} with a picture"
            )
        if voice.tag in [other.tag for other in request.voices[:index]]:
            yield f"a reference has one voice, got two for {voice.tag}; leave one out"
    files = [*request.voices, *request.audio_refs, request.grid, request.ref_video]
    for file in files:
        if file is not None:
            yield from _no_empty_path(file.tag, [file.path])


def _tags(request: GenerationRequest) -> Iterator[str]:
    for index, tag in enumerate(request.tags):
        if not tag.startswith("@"):
            yield f"a tag must start with @, got {tag!r}; write @{tag.strip() or 'name'}"
        if not HANDLE.fullmatch(tag):
            yield (
                "a tag is @ and a name of letters, digits, _ and - that starts with a letter, "
                f"got {tag!r}; rename it, e.g. @hero"
            )
        if tag in request.tags[:index]:
            yield f"a tag names one thing, got {tag} twice; give each its own"
        if tag == SOURCE_HANDLE and (request.edit or request.extend):
            yield (
                f"{SOURCE_HANDLE} is the clip that is edited or extended, got it for another "
                "file; rename that, e.g. @video_2"
            )


def _sources(request: GenerationRequest) -> Iterator[str]:
    frames = request.first_frame or request.last_frame or request.keyframes
    pictures = request.references or request.grid
    if frames and (pictures or request.ref_video):
        yield (
            "first frame, last frame and keyframes exclude references, grid and reference clip, "
            "got both; give one or the other"
        )
    clips = {"extend": request.extend, "edit": request.edit, "ref_video": request.ref_video}
    given = [name for name, clip in clips.items() if clip]
    if request.extend and request.edit:
        yield "only one clip can be the source, got extend and edit; keep one of them"
    if request.extend and request.ref_video:
        yield "extend takes no reference clip, got ref_video; leave it out, or edit the clip"
    if (request.extend or request.edit) and frames:
        yield f"{given[0]} takes its frames from the given clip, got other frames; leave them out"
    if request.extend and pictures:
        yield "extend takes no references and no grid, got some; leave them out"
    if request.extend_before and not request.extend:
        yield "extend_before needs a clip to extend, got none; give extend"
    if request.edit_region and not request.edit:
        yield "edit_region needs a clip to edit, got none; give edit"
    if given and given[0] != "extend" and request.duration_s is not None:
        yield (
            f"with {given[0]} the length follows the given clip, got a duration of "
            f"{request.duration_s:g} seconds; leave the duration out"
        )
    yield from _no_empty_path("a clip", [request.extend, request.edit, request.edit_region])


def _sounds(request: GenerationRequest) -> Iterator[str]:
    if request.keep_audio and not request.edit:
        yield "keep_audio needs a clip to edit, got none; give edit or leave it out"
    if request.sound:
        return
    if request.keep_audio:
        yield "keep_audio keeps the sound of the clip, got sound off; leave one of the two out"
    if request.voices or request.audio_refs:
        yield "voices and audio references need sound, got sound off; leave one of the two out"


def _no_empty_path(
    what: str, paths: tuple[str, ...] | list[str] | list[str | None]
) -> Iterator[str]:
    for path in paths:
        if path is not None and not path.strip():
            yield f"the file of {what} must be named, got an empty path; give the path of a file"


def _language(request: GenerationRequest) -> Iterator[str]:
    named = Named(
        tags=request.tags,
        voices=tuple(voice.tag for voice in request.voices),
        sounds=tuple(sound.tag for sound in request.audio_refs),
        source=request.edit is not None or request.extend is not None,
    )
    yield from broken_rules(request.prompt, named)


_RULES = (_prompts, _numbers, _output, _frames, _references, _tags, _sources, _sounds, _language)
"""Groups of rules in the order in which they are told; what the prompt says comes last."""
