"""Figures of clips made from prompts and references: is it what the references and words say?"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.evaluation.cases import FEATURES, Case, Made
from openreels.evaluation.edit_figures import edit_figures
from openreels.evaluation.harmony import hear_ambience, hear_harmony, tempo_bpm, tempo_error
from openreels.evaluation.judges import Judge
from openreels.evaluation.lettering import letters_right, read_words
from openreels.evaluation.lips import LipSync, lip_sync, mouth_opening
from openreels.evaluation.looks import hear_syllables, look_at_actor, look_at_scene
from openreels.evaluation.metrics import median, psnr_db
from openreels.evaluation.motions import motion_correlation, path_of
from openreels.evaluation.shots import camera_of, cut_errors, cuts_of
from openreels.evaluation.tracks import ColourMaps, colour_maps, objects_of
from openreels.evaluation.voices import VoiceTrack, cents_off, heard_share, track_voice
from openreels.models.probe.model import StageProbe
from openreels.models.probe.world import WorldProbe
from openreels.stage.camera import all_shots
from openreels.stage.render import render_masks
from openreels.stage.scene import COLOURS, Scene
from openreels.stage.storyboard import moments_of

_CUT_FRAMES = 2.0
"""A cut is in the right place within so many frames."""
_TEMPO = 0.06
"""A tempo is right within this share."""

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruments:
    """What measures: trained probes; closed forms need none."""

    probe: StageProbe
    """Colour, shape and size of what covers each pixel."""
    world: WorldProbe | None = None
    """Looks and voices; figures that need it are left out where there is none."""
    judges: tuple[Judge, ...] = ()
    """Who measures too, from outside."""


def figures_of(case: Case, made: Made, tools: Instruments) -> Figures:
    """Measure one clip against what is true of its case.

    Args:
        case: What should have come out.
        made: A clip of the size and length of the case.
        tools: The probes.

    Returns:
        Figures by name: shares and hits in [0, 1], others in the unit of their name; nan where
        there is nothing to measure.
    """
    found = _own(case, made, tools)
    for judge in tools.judges:
        found |= judge.figures(case, made)
    return found


def _own(case: Case, made: Made, tools: Instruments) -> Figures:
    roles = dict.fromkeys(one.role for one in case.task.references)
    if case.source is not None:
        moved = _motion(case, made, tools) if "motion" in roles else {}
        return edit_figures(case, made) | moved
    found: Figures = {}
    if case.task.name in FEATURES:
        found |= _FEATURES[case.task.name](case, made, tools)
    for role in roles:
        if role in _ROLES:
            found |= _ROLES[role](case, made, tools)
    return found


def _maps(made: Made, tools: Instruments) -> ColourMaps:
    with torch.no_grad():
        return colour_maps(tools.probe.pixels.read_clip(made.pixels[None]), 1)[0]


def _cover(maps: ColourMaps, colour: str) -> Float[Tensor, "F h w"]:
    return maps.cover[:, COLOURS.index(colour)]  # pyright: ignore[reportArgumentType]


def _mean(values: list[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan


def _subjects(case: Case, made: Made, tools: Instruments) -> Figures:
    """Whether every subject of the references is there, with its looks."""
    with torch.no_grad():
        maps = _maps(made, tools)
        objects = {o.colour: o for o in objects_of(tools.probe, maps, case.shape.fps)}
    shown = {one.actor for one in case.task.references if one.role == "subject"}
    hits: dict[str, list[float]] = {}
    for number in sorted(k for k in shown if k is not None):
        actor = case.task.target.actors[number]
        seen = objects.get(actor.colour)
        looks = None
        if tools.world is not None and seen is not None:
            looks = look_at_actor(tools.world, made.pixels, _cover(maps, actor.colour))
        face = "none" if actor.face is None else actor.face.expression
        right = {
            "colour kept": seen is not None,
            "shape kept": seen is not None and seen.shape == actor.shape,
            "size kept": seen is not None and seen.size == actor.size,
        }
        if tools.world is not None:
            right["material kept"] = looks is not None and looks.material == actor.material
            right["face kept"] = looks is not None and looks.face == face
        for name, value in right.items():
            hits.setdefault(name, []).append(float(value))
    return {name: _mean(values) for name, values in hits.items()}


def _motion(case: Case, made: Made, tools: Instruments) -> Figures:
    """Whether the actor moves as in the reference: its true path against that of its colour."""
    actor = next((one.actor for one in case.task.references if one.role == "motion"), 0) or 0
    true, known = path_of(render_masks([case.task.target], case.shape)[0, actor].float())
    path, seen = path_of(_cover(_maps(made, tools), case.task.target.actors[actor].colour))
    alike = motion_correlation(path, true, seen & known)
    still = motion_correlation(true, true, known)
    if math.isnan(alike) and not math.isnan(still):
        alike = 0.0  # it is not seen, or does not move
    return {"motion correlation": alike}


def _looks(case: Case, made: Made, tools: Instruments, actor: int, name: str) -> Figures:
    """Whether face or effect of an actor are right, by the probe of looks."""
    if tools.world is None:
        return {}
    body = case.task.target.actors[actor]
    cover = _cover(_maps(made, tools), body.colour)
    looks = look_at_actor(tools.world, made.pixels, cover)
    if name == "expression":
        true = "none" if body.face is None else body.face.expression
        return {"expression right": float(looks.face == true)}
    true = next((e.kind for e in case.task.target.effects if e.actor == actor), "none")
    return {"effect right": float(looks.effect == true)}


def _whole(case: Case, made: Made, tools: Instruments, field: str) -> Figures:
    """Whether a word of the whole picture is right, by the probe of looks."""
    if tools.world is None:
        return {}
    looks = look_at_scene(tools.world, made.pixels)
    return {f"{field} right": float(getattr(looks, field) == getattr(case.task.target, field))}


def _storyboard(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    times = moments_of(case.task.target)
    last = case.shape.num_frames - 1
    index = [min(last, round(time * case.shape.fps)) for time in times]
    return {"panels PSNR dB": psnr_db(made.pixels[:, index], case.target.pixels[:, index])}


def _first(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    return {"first frame PSNR dB": psnr_db(made.pixels[:, 0], case.target.pixels[:, 0])}


def _voice(case: Case, made: Made, tools: Instruments) -> Figures:
    """Whether syllables are heard in time, in the voice, by lips that move."""
    said = case.truth.spoken
    track = track_voice(made.waveform)
    found: Figures = {"syllables heard": heard_share(track, said)}
    if tools.world is not None:
        heard = hear_syllables(tools.world, made.waveform, said)
        pairs = list(zip(heard, said, strict=True))
        found["voice right"] = _mean([float(v == s.voice) for (v, _), s in pairs])
        found["vowels right"] = _mean([float(w == s.text[-1]) for (_, w), s in pairs])
    return found | lip_figures(case, made, tools)


def lip_figures(case: Case, made: Made, tools: Instruments) -> Figures:
    """How well the lips of those who speak in a case move with the voice of a clip.

    Args:
        case: What should have come out.
        made: A clip of its size and length.
        tools: The probes.

    Returns:
        The mean of the actors' shifts and correlations; nothing where nobody speaks or sings. A
        mouth that does not move where the true one does agrees with nothing: a correlation of 0.
        How far it is off cannot be said then.
    """
    speakers = dict.fromkeys(line.actor for line in case.task.target.lines)
    if not speakers:
        return {}
    maps, track = _maps(made, tools), track_voice(made.waveform)
    late, agree = list[float](), list[float]()
    for number in speakers:
        if number is None:
            continue
        sync = _lips(case, made, number, (maps, track))
        if math.isnan(sync.agreement):
            true = case.target
            its = _lips(case, true, number, (_maps(true, tools), track_voice(true.waveform)))
            sync = replace(sync, agreement=math.nan if math.isnan(its.agreement) else 0.0)
        late.append(abs(sync.late_ms))
        agree.append(sync.agreement)
    return {"lip sync off ms": _mean(late), "lips with voice correlation": _mean(agree)}


def _lips(case: Case, made: Made, number: int, heard: tuple[ColourMaps, VoiceTrack]) -> LipSync:
    """The mouth of one actor against the voice of the clip, while it speaks."""
    maps, track = heard
    colour = case.task.target.actors[number].colour
    opening = mouth_opening(made.pixels, _cover(maps, colour), colour)
    times = torch.arange(len(opening)) / case.shape.fps
    during = torch.zeros(len(opening), dtype=torch.bool)
    for line in (line for line in case.task.target.lines if line.actor == number):
        start, end = line.syllables[0].start_s - 0.15, line.end_s + 0.15
        during |= (times >= start) & (times <= end)
    return lip_sync(opening, case.shape.fps, track, during)


def _song(case: Case, made: Made, tools: Instruments) -> Figures:
    off = cents_off(track_voice(made.waveform), case.truth.spoken)
    right = _mean([float(cents <= 50) for cents in off])
    found = {"sung pitch off cents": median(off), "notes within 50 cents": right}
    return found | _voice(case, made, tools)


def _music(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    piece = case.task.target.music[0]
    harmony = hear_harmony(made.waveform)
    off = tempo_error(tempo_bpm(made.waveform), piece.tempo_bpm)
    return {
        "mood right": float(harmony is not None and harmony.mood == piece.mood),
        "tempo right": float(off <= _TEMPO),
    }


def _ambience(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    true = case.task.target.ambience[0].kind
    return {"ambience right": float(hear_ambience(made.waveform) == true)}


def _camera(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    return {"camera right": float(camera_of(made.pixels) == case.task.target.camera)}


def _cuts(case: Case, made: Made, tools: Instruments) -> Figures:
    """Cuts in the right place, none elsewhere, and the same actors in every shot."""
    starts = [math.ceil(s.start_s * case.shape.fps - 1e-6) for s in case.task.target.shots]
    found = cuts_of(made.pixels)
    errors = cut_errors(found, starts)
    extra = sum(min((abs(f - t) for t in starts), default=99) > _CUT_FRAMES for f in found)
    return {
        "cuts within 2 frames": _mean([float(e <= _CUT_FRAMES) for e in errors]),
        "cuts too many": float(extra),
        "same actors in shots": _same_actors(case.task.target, starts, _maps(made, tools), case),
    }


def _same_actors(scene: Scene, starts: list[int], maps: ColourMaps, case: Case) -> float:
    """Share of the pairs of shot and actor whose colour is seen, where the actor is in sight."""
    edges = [0, *starts, case.shape.num_frames]
    masks = render_masks([scene], case.shape)[0]
    hits = list[float]()
    for number in range(len(all_shots(scene))):
        part = slice(edges[number], edges[number + 1])
        for actor, mask in zip(scene.actors, masks, strict=False):
            if float(mask[part].sum()) < 20 * (edges[number + 1] - edges[number]):
                continue
            area = (_cover(maps, actor.colour)[part] > 0.5).sum((1, 2)).float()
            hits.append(float(area.median() >= 4))
    return _mean(hits)


def _words(case: Case, made: Made, tools: Instruments) -> Figures:  # noqa: ARG001 one signature
    reads = [(o.text, read_words(made.pixels, o).text) for o in case.task.target.overlays]
    shares = [letters_right(read, true) for true, read in reads]
    return {
        "letters read back": _mean(shares),
        "words read back": _mean([float(share == 1) for share in shares]),
    }


Measure = Callable[[Case, Made, Instruments], Figures]
_ROLES: dict[str, Measure] = {
    "subject": _subjects,
    "motion": _motion,
    "expression": lambda c, m, t: _looks(c, m, t, 0, "expression"),
    "effect": lambda c, m, t: _looks(c, m, t, 0, "effect"),
    "frame": _first,
    "storyboard": _storyboard,
    "place": lambda c, m, t: _whole(c, m, t, "place"),
    "background": lambda c, m, t: _whole(c, m, t, "place"),
    "style": lambda c, m, t: _whole(c, m, t, "style"),
    "voice": _voice,
    "music": _music,
    "ambience": _ambience,
}
_FEATURES: dict[str, Measure] = {
    "text style": lambda c, m, t: _whole(c, m, t, "style"),
    "text weather": lambda c, m, t: _whole(c, m, t, "weather"),
    "text expression": lambda c, m, t: _looks(c, m, t, 0, "expression"),
    "text camera": _camera,
    "text cuts": _cuts,
    "text words": _words,
    "text speech": _voice,
    "text song": _song,
    "text music": _music,
    "text ambience": _ambience,
}
