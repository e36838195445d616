"""What is drawn over the picture: words, watermark, subtitle and logo. The camera moves none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from openreels.core.shapes import ClipShape
from openreels.stage.font import bitmap, icon
from openreels.stage.paint import Colour3, mix, rgb
from openreels.stage.scene import Logo, Overlay, Scene

DOT = 1 / 32
"""Side of a dot of the font in stage units: a pixel at a short side of 64."""
_MARGIN = 2 * DOT
_WHITE: Colour3 = (1.0, 1.0, 1.0)
_DARK: Colour3 = (0.05, 0.05, 0.09)
_YELLOW: Colour3 = (1.0, 0.92, 0.30)
_BADGES: dict[Logo, Colour3] = {
    "heart": (0.86, 0.12, 0.30),
    "crown": (0.44, 0.18, 0.62),
    "bolt": (0.12, 0.32, 0.78),
    "arrow": (0.08, 0.52, 0.34),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dots:
    """An overlay as dots of the font: colours and opacities, row by row from the top."""

    colour: Tensor
    """Colours in [0, 1], shape ``(3, h, w)``."""
    cover: Tensor
    """Opacity in [0, 1], shape ``(h, w)``."""


def _lettering(ink: Tensor, colours: tuple[Colour3, Colour3], covers: tuple[float, float]) -> Dots:
    """Letters with a dark rim of one dot."""
    ink = pad(ink.float(), (1, 1, 1, 1))
    rim = max_pool2d(ink[None], 3, stride=1, padding=1)[0]
    colour = mix(rgb(colours[1], ink), rgb(colours[0], ink), ink)[0]
    return Dots(colour=colour, cover=torch.where(ink > 0, covers[0] * ink, covers[1] * rim))


def _badge(logo: Logo) -> Dots:
    """A white icon on a disc of eleven dots with a white rim."""
    steps = torch.arange(13) - 6.0
    far = (steps[:, None] ** 2 + steps**2).sqrt()
    ink = pad(icon(logo).float(), (3, 3, 3, 3))
    ink = torch.maximum(ink, ((far > 5.4) & (far < 6.4)).float())
    colour = mix(rgb(_BADGES[logo], ink), rgb(_WHITE, ink), ink)[0]
    return Dots(colour=colour, cover=(far < 6.4).float())


def dots(overlay: Overlay) -> Dots:
    """Draw an overlay dot by dot."""
    if overlay.kind == "logo":
        return _badge(cast(Logo, overlay.text))
    ink = bitmap(overlay.text)
    if overlay.kind == "words":
        ink = ink.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)
        return _lettering(ink, (_WHITE, _DARK), (1.0, 1.0))
    if overlay.kind == "watermark":
        return _lettering(ink, (_WHITE, _DARK), (0.55, 0.22))
    ink = pad(ink.float(), (2, 2, 1, 1))
    colour = mix(rgb(_DARK, ink), rgb(_YELLOW, ink), ink)[0]
    return Dots(colour=colour, cover=torch.where(ink > 0, 1.0, 0.80))


def _place(overlay: Overlay, size: tuple[int, int], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of the dot at each pixel row and column; may lie outside."""
    rows, columns = size
    right, top = float(x[-1] + (x[1] - x[0]) / 2), float(y[0] + (y[0] - y[1]) / 2)
    left_edge = -columns // 2 * DOT
    if "left" in overlay.spot:
        left_edge = -right + _MARGIN
    elif "right" in overlay.spot:
        left_edge = right - _MARGIN - columns * DOT
    upper = top - _MARGIN if "top" in overlay.spot else -top + _MARGIN + rows * DOT
    row = torch.floor((upper - y) / DOT + 1e-4).long()
    return row, torch.floor((x - left_edge) / DOT + 1e-4).long()


def spread(overlay: Overlay, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Spread an overlay over a picture.

    Args:
        overlay: What to draw.
        x: Picture x of the columns in stage units, shape ``(W,)``; at least two.
        y: Picture y of the rows, shape ``(H,)``; at least two.

    Returns:
        Colours in [0, 1] of shape ``(3, H, W)``, and opacity in [0, 1] of shape ``(H, W)``, 0
        where the overlay is not.
    """
    drawn = dots(overlay)
    height, width = drawn.cover.shape
    row, column = _place(overlay, (height, width), x, y)
    inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))
    at = (row.clamp(0, height - 1)[:, None].cpu(), column.clamp(0, width - 1).cpu())
    cover = drawn.cover[at].to(x.device) * inside
    return drawn.colour[:, at[0], at[1]].to(x.device), cover


def draw_overlays(image: Tensor, scene: Scene, x: Tensor, y: Tensor) -> Tensor:
    """Draw all overlays of a scene onto frames of shape ``(f, 3, H, W)`` in [0, 1]."""
    for overlay in scene.overlays:
        colour, cover = spread(overlay, x, y)
        image = mix(image, colour, cover)
    return image


def axes(shape: ClipShape, device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Picture x of the columns and picture y of the rows of a clip, in stage units."""
    pixel = 2 / min(shape.height, shape.width)
    columns = torch.arange(shape.width, dtype=torch.float32, device=device)
    rows = torch.arange(shape.height, dtype=torch.float32, device=device)
    return (columns + 0.5 - shape.width / 2) * pixel, (shape.height / 2 - rows - 0.5) * pixel


def no_masks(
    counts: Sequence[int], shape: ClipShape, device: str | torch.device = "cpu"
) -> Bool[Tensor, "b n F H W"]:
    """Masks in which nothing is, for as many things as the fullest scene has.

    Args:
        counts: Things in each scene.
        shape: Size of every clip.
        device: Where they lie.

    Returns:
        False everywhere.

    Raises:
        ValueError: If there is no scene.
    """
    if not counts:
        raise ValueError("scenes must hold at least one scene, got none")
    size = (len(counts), max(counts), shape.num_frames, shape.height, shape.width)
    return torch.zeros(size, dtype=torch.bool, device=device)


def render_overlay_masks(
    scenes: Sequence[Scene], shape: ClipShape, device: str | torch.device = "cpu"
) -> Bool[Tensor, "b o F H W"]:
    """Find the pixels that every overlay touches.

    Args:
        scenes: At least one scene.
        shape: Size and frame rate of every clip.
        device: Where to render.

    Returns:
        True where an overlay has any opacity; removing it changes no other pixel. ``o`` is the
        largest number of overlays of any scene; missing ones are all False.

    Raises:
        ValueError: If there is no scene.
    """
    masks = no_masks([len(scene.overlays) for scene in scenes], shape, device)
    x, y = axes(shape, device)
    for mask, scene in zip(masks, scenes, strict=True):
        for found, overlay in zip(mask, scene.overlays, strict=False):
            found.copy_((spread(overlay, x, y)[1] > 0).expand_as(found))
    return masks
