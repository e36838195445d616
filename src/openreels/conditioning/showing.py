"""Which pictures, clips and sounds of a request stand before the clip, and at what size."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float, UInt8
from torch import Tensor

from openreels.conditioning.frames import fitted
from openreels.conditioning.material import Material
from openreels.conditioning.plans import Plan
from openreels.conditioning.references import SOURCE, UNNAMED
from openreels.conditioning.storyboard import panels
from openreels.core.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A picture or a clip before it is encoded."""

    frames: UInt8[Tensor, "t a b 3"]
    """One frame for a picture, else 4k + 1; sides are multiples of 16."""
    tag: int
    """Number of the reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A sound before it is encoded."""

    waveform: Float[Tensor, "2 s"]
    """Samples at 44.1 kHz."""
    tag: int
    """Number of the reference."""


def shown(
    request: GenerationRequest, material: Material, plan: Plan, numbers: Mapping[str, int]
) -> tuple[Shown, ...]:
    """List what is seen before the clip.

    In this order, the last nearest to the clip: pictures of the references, panels of the grid,
    keyframes without a time, the clip that is followed, the clip that is changed.

    Args:
        request: A valid request.
        material: What its files hold.
        plan: Its pixel side.
        numbers: Numbers of its handles.

    Returns:
        Pictures and clips with their numbers.
    """
    if not plan.task.video:
        return ()
    pairs = [
        (picture, numbers[reference.tag])
        for reference, pictures in zip(request.references, material.references, strict=True)
        for picture in pictures
    ]
    if request.grid is not None and material.grid is not None:
        pairs += [(panel, numbers[request.grid.tag]) for panel in panels(material.grid)]
    pairs += [(picture, UNNAMED) for picture in material.untimed]
    parts = [Shown(frames=fitted(picture[None], plan.shape), tag=tag) for picture, tag in pairs]
    if plan.follows is not None and request.ref_video is not None:
        parts.append(Shown(frames=plan.follows, tag=numbers[request.ref_video.tag]))
    if plan.changed is not None:
        parts.append(Shown(frames=plan.changed, tag=SOURCE))
    return tuple(parts)


def heard(
    request: GenerationRequest, material: Material, numbers: Mapping[str, int]
) -> tuple[Heard, ...]:
    """List what is heard before the clip: voices, then other sounds.

    Args:
        request: A valid request.
        material: What its files hold.
        numbers: Numbers of its handles; a voice has that of its subject.

    Returns:
        Sounds with their numbers.
    """
    files = (*request.voices, *request.audio_refs)
    waves = (*material.voices, *material.audio_refs)
    return tuple(
        Heard(waveform=wave, tag=numbers[file.tag]) for file, wave in zip(files, waves, strict=True)
    )
