"""A low-resolution clip to a fine one at twice the rate: stretch, encode, denoise, decode, paste.

Source: SkyReels-V4 (arXiv 2602.21818), sec. 4.5. Not given by the paper: steps, windows, memory.
Everything goes in pieces: frames are stretched and encoded some latents at a time, the network sees
one window after another, and frames are decoded and pasted as they come.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Int, UInt8
from torch import Tensor

from openreels.conditioning.build import still_latent
from openreels.conditioning.conditions import Given
from openreels.conditioning.held import Target
from openreels.conditioning.masks import latent_known
from openreels.conditioning.references import References
from openreels.conditioning.refine import (
    Held,
    Reading,
    refined_num_frames,
    stretch_latents,
    stretched_pieces,
)
from openreels.conditioning.tokens import video_branch, video_latents_from
from openreels.core.arrays import Context, ContextMask, PerSample, VideoLatents
from openreels.core.joint import Joint
from openreels.core.modality import BranchInput
from openreels.core.seeding import generator
from openreels.core.shapes import TEMPORAL_STRIDE, ClipShape
from openreels.diffusion.path import add_noise
from openreels.diffusion.sample import hold_known, sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS, Sample
from openreels.media.clip import frames_of, pixels_of
from openreels.models.mmdit.model import MMDiT
from openreels.models.video_vae.model import VideoVAE
from openreels.pipelines.paste import paste_pieces
from openreels.pipelines.windows import Window, windows_of

PIECE_PX = 8_000_000
"""Pixels that are stretched, encoded or decoded at a time, about; bounds the memory."""
STORE_BYTES = 2**30
"""Frames of a result that are kept in memory; more go to a temporary file."""

Tell = Callable[[int, int], None]
"""Told steps done and steps in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineSettings:
    """How a clip is refined. Not given by the paper: all of it; ours."""

    num_steps: int = 2
    """Denoising steps a window, >= 1."""
    stepper: str = "euler"
    """Name in ``diffusion.solvers.STEPPERS``."""
    shift: float = 1.0
    """Shift of the noise levels towards noise; 1 is none."""
    start: float = 1.0
    """Noise level at which it starts, in (0, 1]. 1 is pure noise, as in the paper; below that the
    stretched latents are mixed with noise."""
    sparsity: float | None = None
    """Share of cubes that attention leaves out; None is the network's own."""
    reading: Reading = "pixels"
    """How the low-resolution clip is brought to the size."""
    window: tuple[int, int, int] = (25, 32, 64)
    """Latent frames, rows and columns that the network sees at a time."""
    overlap: tuple[int, int, int] = (2, 8, 8)
    """Latents of a window that the ones before have made; they are given to it."""

    def __post_init__(self) -> None:
        if self.num_steps < 1 or not 0 < self.start <= 1:
            raise ValueError(
                "a refiner needs at least 1 step and a start in (0, 1], got "
                f"{self.num_steps} and {self.start:g}"
            )


REFINE_MODES: dict[str, RefineSettings] = {
    "fast": RefineSettings(num_steps=1),
    "std": RefineSettings(),
    "pro": RefineSettings(num_steps=4),
}
"""Settings by the mode of a request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """The prompt as the network reads it, with what it shows; one row."""

    context: Context
    """Prompt tokens."""
    mask: ContextMask
    """True where a token may be attended."""
    tags: Int[Tensor, "1 n"] | None = None
    """Number of the reference that each token belongs to; 0, or None for all, is none."""
    references: References | None = None
    """Latents that stand before every window; a network without ``num_tags`` has not learnt to look
    at them and is not shown them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refiner:
    """The networks of a refiner and how they are used."""

    network: MMDiT
    """The refiner."""
    video_vae: VideoVAE
    """Pixels to latents and back, of low and refined clips alike."""
    settings: RefineSettings = RefineSettings()
    """Steps, windows."""

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.network.parameters()).device

    def windows(self, grid: tuple[int, int, int]) -> list[Window]:
        """What the network sees of a grid of latents, in order."""
        return windows_of(grid, size=self.settings.window, overlap=self.settings.overlap)

    def num_evaluations(self, shape: ClipShape) -> int:
        """Steps of all windows of a clip."""
        return self.settings.num_steps * len(self.windows(_grid(shape)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What one pass is to make."""

    target: Target
    """Size and rate: as many frames as the low-resolution clip, or one more between every two."""
    held: Held
    """What of it is given."""
    prompt: Prompt
    """What is seen."""
    seed: int
    """Seed of the noise."""


def refine_frames(
    refiner: Refiner, low: UInt8[Tensor, "t h w 3"], work: Work, *, tell: Tell | None = None
) -> UInt8[np.ndarray, "F H W 3"]:
    """Refine frames.

    Args:
        refiner: Networks and settings.
        low: Low-resolution frames, at least one.
        work: What is to be made of them.
        tell: Told the steps done.

    Returns:
        Frames; those pixels that are known equal the source. In a temporary file if there are very
        many.
    """
    target = work.target
    factor = 1 if target.num_frames == len(low) else 2
    padded = _padded_low(low, factor)
    shape = target.shape(refined_num_frames(len(padded), factor))
    whole = _padded_held(work.held, shape.num_frames)
    given = encode_given(refiner, padded, shape, whole)
    latents = refine_latents(refiner, given, work.prompt, fps=shape.fps, seed=work.seed, tell=tell)
    frames = frame_store((target.num_frames, target.height, target.width, 3))
    start = 0
    for piece in decoded_pieces(refiner.video_vae, latents, whole):
        stop = min(start + len(piece), target.num_frames)
        frames[start:stop] = piece[: stop - start].numpy()
        start = stop
    return frames


def piece_size(shape: ClipShape) -> int:
    """Latent frames that are stretched, encoded or decoded at a time."""
    return max(1, PIECE_PX // (TEMPORAL_STRIDE * shape.height * shape.width))


def encode_given(
    refiner: Refiner, low: UInt8[Tensor, "t h w 3"], shape: ClipShape, held: Held
) -> Given:
    """Make the channels I and M of the refiner.

    Args:
        refiner: Autoencoder and reading.
        low: Low-resolution frames.
        shape: Size of the refined clip.
        held: What of it is given, on all its frames.

    Returns:
        Stretched latents with the source and keyframes over them, and what is given.
    """
    vae, device = refiner.video_vae, refiner.device
    size = piece_size(shape)

    def encoded(frames: Tensor, over: Held) -> VideoLatents:
        pieces = stretched_pieces(frames, shape, over, size=size)
        return torch.cat(list(vae.encode_stream(piece.to(device) for piece in pieces)), dim=2)

    grid = _grid(shape)
    known = torch.zeros(1, *grid, dtype=torch.bool)
    if held.known is not None:
        known = latent_known(rearrange(held.known, "F H W -> 1 F H W"))
    known = known.to(device)
    if refiner.settings.reading == "pixels":
        latents = encoded(low, held)
    else:
        latents = stretch_latents(_encoded_low(vae, low, device), shape)
        if held.source is not None:
            mask = rearrange(known, "b f h w -> b 1 f h w")
            latents = torch.where(mask, encoded(held.source, Held()), latents)
    imposed = known.clone()
    for index, image in held.stills:
        picture = pixels_of(image[None].numpy()).to(device)
        latents[:, :, index : index + 1] = still_latent(vae, picture, index)
        known[:, index] = True
        imposed[:, index] = False
    for index, keyframe in held.latents:
        free = ~known[:, index]
        latents[:, :, index] = torch.where(free, keyframe[:, :, 0].to(device), latents[:, :, index])
        known[:, index] = True
    return Given(latents=latents, known=known, imposed=imposed)


def _encoded_low(vae: VideoVAE, low: Tensor, device: torch.device) -> VideoLatents:
    count = -(-(len(low) - 1) // TEMPORAL_STRIDE) * TEMPORAL_STRIDE + 1
    held = low[torch.arange(count).clamp(max=len(low) - 1)]
    return vae.encode(pixels_of(held.numpy()).to(device))


def refine_latents(
    refiner: Refiner,
    given: Given,
    prompt: Prompt,
    *,
    fps: int,
    seed: int,
    tell: Tell | None = None,
) -> VideoLatents:
    """Turn noise into the latents of a refined clip, one window after another.

    Every window is given what the ones before it have made of it, as a clip that is extended is
    given its first frames. Positions count from the window's own corner, as in training.

    Args:
        refiner: Network and settings.
        given: Channels I and M of the whole clip.
        prompt: What is seen.
        fps: Frames a second of the clip.
        seed: Seed of the noise.
        tell: Told the steps done.

    Returns:
        Clean latents; imposed ones are those given.
    """
    settings = refiner.settings
    noise = torch.randn(given.latents.shape, generator=generator(seed, "noise", "refiner"))
    made, done = given.latents.clone(), given.imposed.clone()
    frames, rows, columns = given.latents.shape[2:]
    windows = refiner.windows((frames, rows, columns))
    for index, window in enumerate(windows):
        cells = window.slices
        if not bool(done[:, *cells].all()):
            part = Given(
                latents=made[:, :, *cells],
                known=given.known[:, *cells] | done[:, *cells],
                imposed=done[:, *cells],
            )
            some = noise[:, :, *cells].to(made.device)

            def report(step: int, before: int = index * settings.num_steps) -> None:
                if tell is not None:
                    tell(before + step, len(windows) * settings.num_steps)

            made[:, :, *cells] = _refine_window(refiner, part, some, prompt, fps, report)
        done[:, *cells] = True
    return made


def _refine_window(
    refiner: Refiner,
    given: Given,
    noise: VideoLatents,
    prompt: Prompt,
    fps: int,
    report: Callable[[int], None],
) -> VideoLatents:
    settings, scale = refiner.settings, refiner.network.config.residual
    # What noise becomes: the clip, or what the stretched latents lack of it.
    guess = torch.zeros_like(given.latents) if scale else given.latents
    start = torch.full((1,), settings.start, device=noise.device)
    levels = sampling_sigmas(settings.num_steps, shift=settings.shift) * settings.start
    impose = hold_known(guess, noise, given.imposed) if bool(given.imposed.any()) else None
    clean = sample(
        window_denoiser(refiner, given, prompt, fps=fps),
        Joint(add_noise(guess, noise, start), None),
        levels,
        STEPPERS[settings.stepper],
        impose=impose,
        callback=lambda state: report(state.step),
    ).video
    if clean is None:
        raise ValueError("a refiner must have a video branch, got none")
    whole = given.latents + scale * clean if scale else clean
    return torch.where(given.imposed.unsqueeze(1), given.latents, whole)


def window_denoiser(
    refiner: Refiner, given: Given, prompt: Prompt, *, fps: int
) -> Callable[[Sample, PerSample], Sample]:
    """Make the velocity of a window out of the network's; no guidance.

    Args:
        refiner: Network and settings.
        given: Channels I and M of the window.
        prompt: What is seen.
        fps: Frames a second.

    Returns:
        A ``core.protocols.Denoiser`` for one clip without sound.
    """
    network = refiner.network
    dtype, patch = next(network.parameters()).dtype, network.config.patch
    context, mask = prompt.context.to(refiner.device, dtype), prompt.mask.to(refiner.device)
    named = bool(network.config.num_tags)
    tags = None if prompt.tags is None or not named else prompt.tags.to(refiner.device)
    references = prompt.references if named else None

    def denoise(noisy: Sample, sigma: PerSample) -> Sample:
        if noisy.video is None:
            return noisy
        branch: BranchInput = video_branch(
            noisy.video, given.latents, given.known, fps=fps, patch=patch, references=references
        )
        inputs = Joint(replace(branch, tokens=branch.tokens.to(dtype)), None)
        sparsity = refiner.settings.sparsity
        tokens = network(inputs, context, mask, sigma, tags, sparsity=sparsity).video
        own = tokens[:, branch.grid_start :].float()
        frames, rows, columns = noisy.video.shape[2:]
        return Joint(video_latents_from(own, grid=(frames, rows, columns), patch=patch), None)

    return denoise


def decoded_pieces(
    vae: VideoVAE, latents: VideoLatents, held: Held
) -> Iterator[UInt8[Tensor, "t H W 3"]]:
    """Decode latents to frames in pieces, with the source put back over what is known.

    Args:
        vae: Autoencoder.
        latents: Clean latents of a clip.
        held: What of the clip is given, on all its frames.

    Yields:
        Frames in order.
    """
    rows, columns = 8 * latents.shape[3], 8 * latents.shape[4]
    size = max(1, PIECE_PX // (TEMPORAL_STRIDE * rows * columns))
    stream = vae.decode_stream(latents, chunk_frames=size)
    if held.source is None or held.known is None:
        yield from (torch.from_numpy(frames_of(pixels)) for pixels in stream)
        return
    decoded = (pixels[0].float().cpu() for pixels in stream)
    yield from paste_pieces(decoded, held.source, held.known)


def frame_store(size: tuple[int, int, int, int]) -> UInt8[np.ndarray, "F H W 3"]:
    """Room for frames: in memory, or in a temporary file that goes when they go."""
    if np.prod(size) <= STORE_BYTES:
        return np.empty(size, dtype=np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=size)


def _grid(shape: ClipShape) -> tuple[int, int, int]:
    return (shape.num_latent_frames, shape.latent_height, shape.latent_width)


def _padded_low(low: UInt8[Tensor, "t h w 3"], factor: int) -> UInt8[Tensor, "s h w 3"]:
    """Hold the last frame until the refined clip has ``4k + 1`` frames."""
    step = TEMPORAL_STRIDE // factor
    count = -(-(len(low) - 1) // step) * step + 1
    return low if count == len(low) else low[torch.arange(count).clamp(max=len(low) - 1)]


def _padded_held(held: Held, num_frames: int) -> Held:
    if held.source is None or held.known is None or len(held.source) == num_frames:
        return held
    index = torch.arange(num_frames).clamp(max=len(held.source) - 1)
    return replace(held, source=held.source[index], known=held.known[index])
