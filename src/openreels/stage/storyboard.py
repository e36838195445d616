"""Storyboards: four moments of a scene in one picture of two by two panels, and back."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from openreels.core.shapes import ClipShape
from openreels.stage.render import render_moments
from openreels.stage.scene import Scene

PANELS = 4
"""Panels of a storyboard: two rows of two, read like a page."""


def moments_of(scene: Scene) -> tuple[float, ...]:
    """The times of the panels: the middles of the four quarters of a scene, in seconds."""
    return tuple((number + 0.5) / PANELS * scene.duration_s for number in range(PANELS))


def join_panels(panels: Float[Tensor, "4 3 h w"]) -> Float[Tensor, "3 H W"]:
    """Put four panels into one picture of twice their height and width.

    Args:
        panels: In order: upper left, upper right, lower left, lower right.

    Returns:
        The picture; ``split_panels`` is the inverse.
    """
    return rearrange(panels, "(r k) c h w -> c (r h) (k w)", r=2)


def split_panels(picture: Float[Tensor, "3 H W"]) -> Float[Tensor, "4 3 h w"]:
    """Cut a storyboard into its panels.

    Args:
        picture: Two rows of two panels.

    Returns:
        The panels in order: upper left, upper right, lower left, lower right.

    Raises:
        ValueError: If a side is odd.
    """
    height, width = picture.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(
            f"a storyboard of 2 x 2 panels must have even sides, got {(height, width)}; crop it"
        )
    return rearrange(picture, "c (r h) (k w) -> (r k) c h w", r=2, k=2)


def render_storyboard(
    scene: Scene, shape: ClipShape, device: str | torch.device = "cpu"
) -> Float[Tensor, "3 H W"]:
    """Draw the storyboard of a scene.

    Args:
        scene: The scene.
        shape: Size of one panel.
        device: Where to render.

    Returns:
        Pixels in [-1, 1], twice as high and wide as a panel.
    """
    return join_panels(render_moments(scene, moments_of(scene), shape, device)[0])
