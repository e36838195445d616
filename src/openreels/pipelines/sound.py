"""Generated and kept sound put together on the clock of the frames."""

import torch
from jaxtyping import Float
from torch import Tensor

from openreels.conditioning.conditions import KeptSound
from openreels.core.shapes import SAMPLE_RATE_HZ

FADE_S = 0.01
"""Length of the join on the generated side of a seam."""


def sample_at(frame: int, fps: int) -> int:
    """The sample with which a frame starts, to the nearest."""
    return round(frame * SAMPLE_RATE_HZ / fps)


def fit_samples(waveform: Float[Tensor, "2 s"], num_samples: int) -> Float[Tensor, "2 n"]:
    """Cut the end, or pad it with silence, to a number of samples."""
    missing = max(0, num_samples - waveform.shape[1])
    return torch.nn.functional.pad(waveform[:, :num_samples], (0, missing))


def assemble_sound(
    generated: Float[Tensor, "2 s"] | None,
    *,
    window: range,
    num_frames: int,
    fps: int,
    kept: KeptSound | None,
) -> Float[Tensor, "2 n"] | None:
    """Put generated sound under its window and kept sound, sample for sample, over it.

    Args:
        generated: Sound of the generated window, cut to [-1, 1]; None where the audio branch did
            not run.
        window: Frames of the result that were generated.
        num_frames: Frames of the result.
        fps: Frames a second.
        kept: Sound of the source that is returned as it came.

    Returns:
        Stereo as long as the frames; None if there is neither.
    """
    if generated is None and kept is None:
        return None
    total = sample_at(num_frames, fps)
    sound = torch.zeros(2, total)
    if generated is not None:
        start, stop = sample_at(window.start, fps), sample_at(window.stop, fps)
        sound[:, start:stop] = fit_samples(generated.float().cpu().clamp(-1, 1), stop - start)
        if kept is None:
            _fade_ends(sound, start, stop)
    if kept is None:
        return sound
    start = sample_at(kept.first_frame, fps)
    stop = sample_at(kept.first_frame + kept.num_frames, fps)
    sound[:, start:stop] = fit_samples(kept.waveform, stop - start)
    _join(sound, start, stop)
    return sound


def _fade_ends(sound: Float[Tensor, "2 n"], start: int, stop: int) -> None:
    """Fade ``start:stop`` where it begins or ends beside silence, in place: no click is heard."""
    length = min(round(FADE_S * SAMPLE_RATE_HZ), stop - start)
    rise = torch.linspace(0, 1, length)
    if start > 0:
        sound[:, start : start + length] *= rise
    if stop < sound.shape[1]:
        sound[:, stop - length : stop] *= rise.flip(0)


def _join(sound: Float[Tensor, "2 n"], start: int, stop: int) -> None:
    """Fade what lies beside ``start:stop`` from the edge's last value into itself, in place."""
    length = round(FADE_S * SAMPLE_RATE_HZ)
    after = sound[:, stop : stop + length]
    rise = torch.linspace(0, 1, length)
    if stop > start:
        after.lerp_(sound[:, stop - 1 : stop].expand_as(after), 1 - rise[: after.shape[1]])
        before = sound[:, max(0, start - length) : start]
        weight = rise[length - before.shape[1] :]
        before.lerp_(sound[:, start : start + 1].expand_as(before), weight)
