"""Trains the video autoencoder: both halves first, then the decoder alone on frozen latents.

The encoder is frozen early, because everything else is trained on its latents; the decoder may go
on improving without changing them.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d

from openreels.core.arrays import Pixels, VideoLatents
from openreels.core.products import Products, takes_bf16
from openreels.core.seeding import generator
from openreels.models.video_vae.model import VideoVAE
from openreels.training.muon import Muon
from openreels.training.watch import Watch, unwatched
from openreels.weights.checkpoint import load_state
from openreels.weights.tensors import read_tensors, write_tensors

Loss = Float[Tensor, ""]
STATE_FILE = "state.safetensors"
LOG_FILE = "log.jsonl"


@runtime_checkable
class Batches(Protocol):
    """A batch of clips by step."""

    def batch(self, step: int) -> Pixels:
        """Clips of one size in [-1, 1], the same for the same step."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoVAERecipe:
    """How the video autoencoder is trained."""

    seed: int = 0
    """Decides latent noise; the clips have a seed of their own."""
    num_steps: int = 20_000
    """Steps of the whole schedule."""
    time_limit_s: float | None = None
    """Seconds of the whole schedule, over all resumed runs; whichever ends first ends it."""
    learning_rate: float = 1.5e-3
    """Peak rate of AdamW; warmed up, then lowered along a cosine to a twentieth."""
    linear_rate: float = 0.1
    """Rate of the linear paths relative to that: they start near their best."""
    hidden_rate: float = 1.0
    """Rate of the hidden weights, which Muon trains, relative to that."""
    warmup_steps: int = 50
    """Steps over which the rate rises."""
    freeze_encoder: bool = False
    """Train the decoder alone; latents stay what they are, bit for bit."""
    latent_noise: float = 0.04
    """Standard deviation of noise on latents before decoding, against unit latents: a diffusion
    model's latents are never exact."""
    latent_penalty: float = 1e-3
    """Weight of the mean square of the latents, which keeps them from growing under that noise."""
    first_weight: float = 2.0
    """Weight of the first frame against any other: it has a latent of its own."""
    edge_weight: float = 0.5
    """Weight of differences between neighbouring pixels."""
    coarse_weight: float = 0.5
    """Weight of the picture at a quarter of its size."""
    square_weight: float = 10.0
    """Weight of squared against absolute error."""
    products: Products = "auto"
    """Precision of the products in a step; weights, sums and updates stay fp32. ``auto`` is bf16
    where the processor has instructions for it, which is about 1.5 times as fast."""
    ema_decay: float = 0.998
    """Decay of the moving average of the weights, a step."""
    save_every_s: float = 120.0
    """Seconds between states written to disk."""
    log_every: int = 20
    """Steps between lines of the log."""


def reconstruction_loss(decoded: Pixels, pixels: Pixels, recipe: VideoVAERecipe) -> Loss:
    """Absolute and squared error, of pixels, of edges and of the coarse picture."""
    error = decoded - pixels
    weights = torch.ones(pixels.shape[2])
    weights[0] = recipe.first_weight
    error = error * (weights / weights.mean()).sqrt()[:, None, None]
    loss = error.abs().mean() + recipe.square_weight * error.square().mean()
    for axis in (3, 4):
        loss = loss + recipe.edge_weight * error.diff(dim=axis).abs().mean()
    return loss + recipe.coarse_weight * avg_pool3d(error, (1, 4, 4)).abs().mean()


def training_loss(
    vae: VideoVAE, pixels: Pixels, recipe: VideoVAERecipe, draw: torch.Generator
) -> tuple[Loss, VideoLatents]:
    """Loss of one batch, and its latents.

    Args:
        vae: The autoencoder.
        pixels: Clips in [-1, 1].
        recipe: Weights of the terms.
        draw: Latent noise.

    Returns:
        The loss and the clean latents.
    """
    products = torch.autocast("cpu", torch.bfloat16, enabled=takes_bf16(recipe.products))
    keeps_gradients = torch.is_grad_enabled() and not recipe.freeze_encoder
    with torch.set_grad_enabled(keeps_gradients), products:
        latents = vae.encode(pixels).float()
    strength = torch.rand(len(pixels), 1, 1, 1, 1, generator=draw) * 2 * recipe.latent_noise
    noise = torch.randn(latents.shape, generator=draw)
    with products:
        decoded = vae.reconstruct(latents + strength * noise).float()
    loss = reconstruction_loss(decoded, pixels, recipe)
    return loss + recipe.latent_penalty * latents.square().mean(), latents


@torch.no_grad()
def psnr_db(vae: VideoVAE, pixels: Pixels) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio of each clip after encoding and decoding, in dB."""
    error = (vae.decode(vae.encode(pixels)) - pixels).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=1e-10))


@torch.no_grad()
def freeze(vae: VideoVAE, batches: list[Tensor]) -> None:
    """Make latents final: round the weights to half precision, then store the latents' statistics.

    After this ``encode`` gives unit variance, and files in half precision hold the encoder exactly,
    so that training the decoder on and storing it again changes no latent by a bit.

    Args:
        vae: Changed in place.
        batches: Clips like those that it will see.
    """
    for parameter in vae.parameters():
        parameter.copy_(parameter.half())
    vae.latent_mean.zero_()
    vae.latent_std.fill_(1)
    raw = torch.cat([vae.encode(batch).transpose(0, 1).flatten(1) for batch in batches], dim=1)
    vae.latent_mean.copy_(raw.mean(1).half())
    vae.latent_std.copy_(raw.std(1).half())


class VideoVAETrainer:
    """The state of a training run: weights, their moving average, the optimiser, step and time.

    Args:
        vae: Trained in place.
        recipe: How.
    """

    def __init__(self, vae: VideoVAE, recipe: VideoVAERecipe) -> None:
        self.vae = vae.train()
        self.recipe = recipe
        vae.encoder.requires_grad_(not recipe.freeze_encoder)
        self.average = {name: value.detach().clone() for name, value in vae.state_dict().items()}
        self.step = 0
        self.elapsed_s = 0.0
        self._named = {name: p for name, p in vae.named_parameters() if p.requires_grad}
        hidden, linear, others = [], [], []
        for name, parameter in self._named.items():
            is_linear = ".linear." in name
            is_hidden = parameter.ndim > 1 and not is_linear and ".head." not in name
            (linear if is_linear else hidden if is_hidden else others).append(parameter)
        self._adam = torch.optim.AdamW(
            [{"params": others, "factor": 1.0}, {"params": linear, "factor": recipe.linear_rate}],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
        )
        self._muon = Muon(hidden, lr=recipe.learning_rate, bf16=takes_bf16(recipe.products))
        self._muon.param_groups[0]["factor"] = recipe.hidden_rate

    @property
    def progress(self) -> float:
        """Share of the schedule that is over, by steps or by time, whichever is further."""
        recipe = self.recipe
        return max(
            self.step / recipe.num_steps, self.elapsed_s / (recipe.time_limit_s or float("inf"))
        )

    def train_step(self, pixels: Pixels) -> dict[str, float]:
        """Take one step on a batch of clips; returns what the log is to say."""
        recipe = self.recipe
        warm = min(1.0, (self.step + 1) / recipe.warmup_steps)
        fall = 0.5 + 0.5 * float(torch.cos(torch.tensor(torch.pi * min(self.progress, 1.0))))
        rate = recipe.learning_rate * warm * (0.05 + 0.95 * fall)
        for group in (*self._adam.param_groups, *self._muon.param_groups):
            group["lr"] = rate * group["factor"]
        draw = generator(recipe.seed, "latent noise", self.step)
        loss, latents = training_loss(self.vae, pixels, recipe, draw)
        self.vae.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(list(self._named.values()), 1.0)
        self._adam.step()
        self._muon.step()
        self.step += 1
        decay = min(recipe.ema_decay, (1 + self.step) / (10 + self.step))
        for name, parameter in self._named.items():
            self.average[name].lerp_(parameter.detach(), 1 - decay)
        return {
            "loss": loss.item(),
            "grad_norm": norm.item(),
            "latent_std": latents.detach().std().item(),
            "rate": rate,
        }

    def averaged(self) -> VideoVAE:
        """A copy of the autoencoder with the averaged weights, in evaluation mode."""
        vae = VideoVAE(self.vae.config)
        vae.load_state_dict(self.average)
        return vae.eval()

    def save(self, path: Path) -> None:
        """Write everything that a later run needs to go on, atomically."""
        tensors = {f"weights.{name}": value for name, value in self.vae.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for name, parameter in self._named.items():
            for optimiser in (self._adam, self._muon):
                for key, value in optimiser.state.get(parameter, {}).items():
                    tensors[f"optimiser.{key}.{name}"] = value
        header = {"step": self.step, "elapsed_s": self.elapsed_s}
        header["config"] = asdict(self.vae.config)
        write_tensors(path, tensors, header)

    def load(self, path: Path) -> None:
        """Go on from a state that ``save`` wrote, with the same weights trained."""
        tensors, header = read_tensors(path)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "average": {}, "optimiser": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        load_state(self.vae, parts["weights"], path)
        for name, value in parts["average"].items():
            self.average[name].copy_(value)
        hidden = set(self._muon.param_groups[0]["params"])
        for name, value in parts["optimiser"].items():
            key, _, parameter = name.partition(".")
            if parameter in self._named:
                kept = self._named[parameter]
                like = torch.empty_like(kept) if value.shape == kept.shape else value.clone()
                state = (self._muon if kept in hidden else self._adam).state[kept]
                state[key] = like.copy_(value)
        self.step, self.elapsed_s = int(header["step"]), float(header["elapsed_s"])


def train_video_vae(
    trainer: VideoVAETrainer,
    batches: Batches,
    folder: Path,
    *,
    time_limit_s: float | None = None,
    watch: Watch = unwatched,
) -> VideoVAE:
    """Train until the schedule is over; goes on from the state in ``folder`` when there is one.

    Writes ``log.jsonl`` and ``state.safetensors`` into the folder.

    Args:
        trainer: A new trainer.
        batches: Clips by step; the next batch is rendered while a step runs.
        folder: Where log and state go; made when missing.
        time_limit_s: Seconds for this call, beside the recipe's own limit; the rate falls to their
            end. None for no other limit.
        watch: Told of every step; True saves and ends.

    Returns:
        The autoencoder with averaged weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe, state = trainer.recipe, folder / STATE_FILE
    if state.is_file():
        trainer.load(state)
    if time_limit_s is not None:
        end_s = trainer.elapsed_s + max(time_limit_s, 1e-9)
        end_s = min(end_s, recipe.time_limit_s or end_s)
        trainer.recipe = recipe = replace(recipe, time_limit_s=end_s)
    began, saved = time.monotonic() - trainer.elapsed_s, time.monotonic()
    with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
        for pixels in _ahead(batches, trainer):
            told = trainer.train_step(pixels)
            trainer.elapsed_s = time.monotonic() - began
            if trainer.step % recipe.log_every == 0:
                line = {"step": trainer.step, "elapsed_s": round(trainer.elapsed_s, 2)}
                line |= {"clip": list(pixels.shape)} | {
                    k: float(f"{v:.5g}") for k, v in told.items()
                }
                log.write(json.dumps(line) + "\n")
                log.flush()
            if time.monotonic() - saved > recipe.save_every_s:
                trainer.save(state)
                saved = time.monotonic()
            if watch(trainer.step, recipe.num_steps, told):
                break
    trainer.save(state)
    return trainer.averaged()


def _ahead(batches: Batches, trainer: VideoVAETrainer) -> Iterator[Tensor]:
    """Batches until the schedule is over, each rendered while the step before it runs."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(batches.batch, trainer.step)
        while trainer.progress < 1:
            pixels = coming.result()
            coming = pool.submit(batches.batch, trainer.step + 1)
            yield pixels
        coming.cancel()
