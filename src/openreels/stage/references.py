"""References: what shows or sounds a part of a scene, so that a prompt need not say it.

A reference is a record of scenes and sounds of its own, which follow from the scene it belongs to
and a seed. What it shows is exactly true of that scene: a view has the actor's looks, a double
moves exactly as the actor does, a voice sample has the speaker's voice and other words.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from openreels.core.shapes import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN, ClipShape
from openreels.stage.mix import Soundtrack, render_soundtracks
from openreels.stage.paint import Colour3
from openreels.stage.places import render_place
from openreels.stage.render import render_moments, render_video
from openreels.stage.scene import Scene
from openreels.stage.storyboard import render_storyboard

ReferenceKind: TypeAlias = Literal["image", "clip", "audio", "grid"]
Role: TypeAlias = Literal[
    "subject", "place", "style", "frame", "motion", "expression", "effect", "background",
    "storyboard", "voice", "music", "ambience",
]  # fmt: skip
"""What a reference is for."""
ROLES: tuple[Role, ...] = get_args(Role)
_SHARPER = 4
"""Cut-outs are drawn so many times larger and averaged, for soft edges."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Still:
    """One picture."""

    scene: Scene
    """What is in it."""
    time_s: float = 0.0
    """When."""
    backdrop: Colour3 | None = None
    """Plain colour instead of everything but the first actor."""
    empty: bool = False
    """Whether nobody is in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageReference:
    """One reference of a scene.

    Raises:
        ValueError: If it does not hold just what its kind needs.
    """

    kind: ReferenceKind
    """Pictures, a clip, a sound, or a storyboard."""
    role: Role
    """What of it counts."""
    handle: str
    """Name in the prompt, with its @."""
    actor: int | None = None
    """Index of the actor of the scene that it shows or speaks for."""
    stills: tuple[Still, ...] = ()
    """One to five pictures, of an image."""
    scene: Scene | None = None
    """What a clip or a storyboard shows: the exact truth of it."""
    empty: bool = False
    """Whether nobody is in the clip."""
    sound: Soundtrack | None = None
    """What is heard, of an audio reference."""
    sound_s: float = 0.0
    """Its length in seconds."""
    sound_seed: int = 0
    """Seed of its noise."""

    def __post_init__(self) -> None:
        holds = {"image": self.stills, "audio": self.sound}.get(self.kind, self.scene)
        if not holds or len(self.stills) > 5:
            raise ValueError(
                f"a reference must hold what its kind shows, at most 5 pictures, got "
                f"{len(self.stills)} pictures for the {self.kind} {self.handle}; give it stills, "
                "a scene or a sound"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedReference:
    """A reference as tensors; what its kind does not have is None."""

    reference: StageReference
    """Its kind, role and handle."""
    images: Float[Tensor, "n 3 h w"] | None = None
    """Pictures in [-1, 1]; of a storyboard one, of twice the height and width."""
    clip: Float[Tensor, "3 f h w"] | None = None
    """Frames in [-1, 1]."""
    waveform: Float[Tensor, "2 s"] | None = None
    """Sound at 44.1 kHz, whole audio tokens."""


def render_reference(
    reference: StageReference, shape: ClipShape, device: str | torch.device = "cpu"
) -> RenderedReference:
    """Render a reference.

    Args:
        reference: What to show.
        shape: Size of pictures and panels; size, length and frame rate of clips.
        device: Where to render pictures.

    Returns:
        Its tensors.
    """
    if reference.kind == "image":
        images = torch.stack([render_still(still, shape, device) for still in reference.stills])
        return RenderedReference(reference=reference, images=images)
    if reference.sound is not None:
        length = round(reference.sound_s * SAMPLE_RATE_HZ / SAMPLES_PER_TOKEN) * SAMPLES_PER_TOKEN
        wave = render_soundtracks([reference.sound], length, [reference.sound_seed])[0]
        return RenderedReference(reference=reference, waveform=wave)
    scene = _shown(reference)
    if reference.kind == "grid":
        board = render_storyboard(scene, shape, device)[None]
        return RenderedReference(reference=reference, images=board)
    if reference.empty:
        return RenderedReference(reference=reference, clip=render_place(scene, shape, device))
    return RenderedReference(reference=reference, clip=render_video([scene], shape, device)[0])


def _shown(reference: StageReference) -> Scene:
    if reference.scene is None:
        raise ValueError(f"{reference.handle} must show a scene, got none; give it one")
    return reference.scene


def render_still(
    still: Still, shape: ClipShape, device: str | torch.device = "cpu"
) -> Float[Tensor, "3 h w"]:
    """Render one picture.

    Args:
        still: What is in it.
        shape: Its size.
        device: Where to render.

    Returns:
        Pixels in [-1, 1].
    """
    if still.empty:
        one = ClipShape(num_frames=1, height=shape.height, width=shape.width)
        return render_place(still.scene, one, device)[:, 0]
    if still.backdrop is None:
        return render_moments(still.scene, [still.time_s], shape, device)[0][0]
    height, width = _SHARPER * shape.height, _SHARPER * shape.width
    large = ClipShape(num_frames=1, height=height, width=width)
    pixels, masks = render_moments(still.scene, [still.time_s], large, device)
    plain = torch.tensor(still.backdrop, device=pixels.device).view(3, 1, 1) * 2 - 1
    cut_out = torch.where(masks[0], pixels[0], plain)
    return functional.avg_pool2d(cut_out[None], _SHARPER)[0]
