"""What is heard of a scene: its strikes, its voices where they are seen, its chords, its sound."""

from collections.abc import Sequence
from dataclasses import fields

import torch

from openreels.core.arrays import Waveform
from openreels.stage.camera import view
from openreels.stage.events import Strike
from openreels.stage.geometry import half_size
from openreels.stage.mix import Soundtrack, render_soundtracks
from openreels.stage.music import Chord, chords
from openreels.stage.physics import contacts, pose
from openreels.stage.scene import Contact, Scene, Truth
from openreels.stage.speech import Line, Utterance

_STEP_S = 1 / 16
"""Time between two keys of a voice that moves."""
_STILL = 0.01
"""A voice that moves less than this stays where it is."""
_JUMP_S = 1e-3


def strikes(scene: Scene, touched: Sequence[Contact] | None = None) -> tuple[Strike, ...]:
    """Every strike of a drum or bell inside the clip: the contacts of those who play.

    Args:
        scene: The scene.
        touched: Its contacts, if they are known.

    Returns:
        The strikes in order of time. Whoever plays also sounds itself: its contacts stay.
    """
    surfaces = {"drum": "floor", "bell": "post"}
    found = list[Strike]()
    for contact in contacts(scene) if touched is None else touched:
        instrument = scene.actors[contact.actor].plays
        if instrument and contact.surface == surfaces[instrument]:
            found.append(
                Strike(
                    time_s=contact.time_s,
                    instrument=instrument,
                    actor=contact.actor,
                    size=contact.size,
                    speed=contact.speed,
                    x=contact.x,
                )
            )
    return tuple(found)


def utterances(scene: Scene) -> tuple[Utterance, ...]:
    """The lines of a scene, each with the place of its speaker in the picture."""
    return tuple(_placed(scene, line) for line in scene.lines)


def scene_chords(scene: Scene) -> tuple[Chord, ...]:
    """Every chord of the music of a scene that begins inside the clip, in order of time."""
    found = (chord for piece in scene.music for chord in chords(piece))
    inside = [chord for chord in found if chord.start_s < scene.duration_s]
    return tuple(sorted(inside, key=lambda chord: chord.start_s))


def soundtrack(truth: Truth) -> Soundtrack:
    """Everything that sounds in a clip."""
    return Soundtrack(
        contacts=truth.contacts,
        strikes=truth.strikes,
        utterances=truth.utterances,
        music=truth.scene.music,
        ambience=truth.scene.ambience,
    )


def scene_soundtrack(scene: Scene) -> Soundtrack:
    """Everything that sounds in a scene: the ``soundtrack`` of its truth."""
    touched = contacts(scene)
    return Soundtrack(
        contacts=touched,
        strikes=strikes(scene, touched),
        utterances=utterances(scene),
        music=scene.music,
        ambience=scene.ambience,
    )


def render_sound(truths: Sequence[Truth], num_samples: int, seeds: Sequence[int]) -> Waveform:
    """Synthesise and mix the sound of clips.

    Args:
        truths: What is true of each clip.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip.

    Returns:
        Sound in [-1, 1], silent where nothing sounds; see ``mix.render_soundtracks``.

    Raises:
        ValueError: If the number of seeds is not the number of clips, or the length is negative.
    """
    return render_soundtracks([soundtrack(truth) for truth in truths], num_samples, seeds)


def render_scene_sounds(
    scenes: Sequence[Scene], num_samples: int, seeds: Sequence[int]
) -> Waveform:
    """Do as ``render_sound`` does, for scenes of which no more is needed than their sound.

    Args:
        scenes: What happens in each clip.
        num_samples: Length of every clip in samples.
        seeds: A seed a clip.

    Returns:
        The sound of their truths.
    """
    return render_soundtracks([scene_soundtrack(scene) for scene in scenes], num_samples, seeds)


def _placed(scene: Scene, line: Line) -> Utterance:
    """A line where its actor is seen; a narrator is in the middle."""
    said = {field.name: getattr(line, field.name) for field in fields(Line)}
    if line.actor is None:
        return Utterance(x=0.0, **said)
    start, end = line.syllables[0].start_s, line.end_s
    count = max(2, round((end - start) / _STEP_S) + 1)
    times = torch.linspace(start, end, count, dtype=torch.float64)
    cuts = [shot.start_s for shot in scene.shots if start < shot.start_s < end]
    around = [time for cut in cuts for time in (cut - _JUMP_S, cut)]
    times = torch.cat((times, torch.tensor(around, dtype=torch.float64))).unique()
    look, track = view(scene, times), pose(scene, times).x[line.actor]
    x = ((track - look.x) * look.zoom / half_size(scene.aspect_ratio)[0]).clamp(-1, 1)
    if float(x.max() - x.min()) < _STILL:
        return Utterance(x=float(x.mean()), **said)
    path = tuple(zip(times.tolist(), x.tolist(), strict=True))
    return Utterance(x=float(x.mean()), path=path, **said)
