"""Reads the pictures and sounds of props from the packages that ship them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from openreels.core.errors import MediaError
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.media.audio import read_waveform
from openreels.stage.props import Prop, PropEntry, prop_table

PACKAGES = ("emoji-datasource-twitter", "supersonic-scsynth-samples")
"""npm packages with the pictures (CC-BY-4.0) and the sounds (CC0-1.0)."""
_FOLDERS = ("img/twitter/64", "samples")
_LONGEST_S = 1.5
_FADE_S = 0.15
_HEARD = 0.05
"""A sound begins where it first reaches this share of its peak."""


def read_props(folder: str | Path) -> Mapping[str, Prop]:
    """Read every prop of the table.

    Args:
        folder: Where the two packages of ``PACKAGES`` lie, each unpacked in a folder of its name
            (``node_modules`` after ``npm install`` of both).

    Returns:
        The props by name.

    Raises:
        MediaError: If a package is missing or a file cannot be read: one sentence that says what
            to install.
    """
    roots = [Path(folder) / name / part for name, part in zip(PACKAGES, _FOLDERS, strict=True)]
    for name, root in zip(PACKAGES, roots, strict=True):
        if not root.is_dir():
            raise MediaError(
                f"props need the npm package {name} in {folder}, got no {root}; run npm install "
                f"{' '.join(PACKAGES)} there and give its node_modules, or train without props"
            )
    return {name: _read(entry, roots[0], roots[1]) for name, entry in prop_table().items()}


def _read(entry: PropEntry, pictures: Path, sounds: Path) -> Prop:
    path = pictures / entry.picture
    try:
        with Image.open(path) as image:
            data = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(
            f"the picture of a prop must be readable, got {path}; install the package again"
        ) from error
    picture = torch.from_numpy(data.copy()).permute(2, 0, 1).contiguous()
    return Prop(entry=entry, picture=picture, sound=_heard(sounds / entry.sound))


def _heard(path: Path) -> torch.Tensor:
    """One channel from where it is first heard, its peak at 1, at most 1.5 s."""
    wave = torch.from_numpy(read_waveform(path)).mean(0)
    loud = wave.abs()
    start = int((loud > _HEARD * loud.max()).to(torch.uint8).argmax())
    wave = wave[start : start + round(_LONGEST_S * SAMPLE_RATE_HZ)]
    fade = min(len(wave), round(_FADE_S * SAMPLE_RATE_HZ))
    ramp = torch.ones_like(wave)
    ramp[len(wave) - fade :] = torch.linspace(1, 0, fade)
    wave = wave * ramp
    return wave / wave.abs().max().clamp(min=1e-6)
