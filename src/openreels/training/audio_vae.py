"""Recipe of the audio autoencoder: the encoder is fitted in closed form, the decoder trained.

The transformer learns the encoder's latents, so the encoder stays frozen (``freeze_encoder``) while
the decoder may go on getting better.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from openreels.core.arrays import Waveform
from openreels.core.config import from_dict, to_dict
from openreels.core.errors import CheckpointError
from openreels.core.seeding import generator
from openreels.models.audio_vae import presets
from openreels.models.audio_vae.config import AudioVAEConfig
from openreels.models.audio_vae.model import AudioVAE
from openreels.training.audio_vae_data import SoundMix, sound_batch
from openreels.training.audio_vae_losses import (
    log_mel_distance_db,
    onset_s,
    si_sdr_db,
    spectral_loss,
)
from openreels.training.optimizer import optimizer_state, restore_optimizer
from openreels.training.watch import Watch, unwatched
from openreels.weights.checkpoint import load_state, save_network
from openreels.weights.tensors import read_tensors, write_tensors

STATE_NAME = "state.safetensors"
STATE_KIND = "openreels audio autoencoder training"
LOG_NAME = "log.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioVAERecipe:
    """How the audio autoencoder is trained. All numbers are ours."""

    network: AudioVAEConfig = field(default_factory=presets.stage)
    """Sizes."""
    mix: SoundMix = field(default_factory=SoundMix)
    """What it hears."""
    fit_batches: int = 12
    """Batches to which the encoder is fitted."""
    steps: int = 4_000
    """Length of the run."""
    rate: float = 1.2e-3
    """Highest learning rate."""
    warmup: int = 100
    """Steps over which the rate rises."""
    decay: float = 0.4
    """Last share of the run over which the rate falls to a hundredth."""
    ema: float = 0.998
    """Memory of the averaged weights, which are the ones kept."""
    noise: float = 0.15
    """Noise on the latents, as a share of each channel's spread."""
    freeze_encoder: bool = True
    """Train the decoder alone; False goes on from the fitted encoder with both."""
    seed: int = 0
    """Seed of weights, sounds and noise."""
    log_every: int = 50
    """Steps between lines of the log."""
    save_every: int = 250
    """Steps between checkpoints and measurements."""


@dataclass(slots=True)
class _Run:
    network: AudioVAE
    average: AudioVAE
    optimizer: torch.optim.AdamW
    step: int = 0

    def save(self, path: Path, recipe: AudioVAERecipe) -> None:
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        for name, value in self.average.state_dict().items():
            tensors[f"average/{name}"] = value
        for name, value in optimizer_state(self.optimizer, self.network).items():
            tensors[f"optimizer/{name}"] = value
        header = {"kind": STATE_KIND, "step": self.step, "config": to_dict(recipe.network)}
        write_tensors(path, tensors, header)

    def restore(self, path: Path) -> None:
        saved = _read_state(path)
        load_state(self.network, saved.parts["network"], path)
        load_state(self.average, saved.parts["average"], path)
        restore_optimizer(self.optimizer, self.network, saved.parts["optimizer"])
        self.step = saved.step


@dataclass(frozen=True, slots=True)
class _Saved:
    config: AudioVAEConfig
    step: int
    parts: dict[str, dict[str, Tensor]]


def _read_state(path: Path) -> _Saved:
    tensors, header = read_tensors(path)
    if header.get("kind") != STATE_KIND:
        raise CheckpointError(f"{path} is no state of an audio autoencoder; choose another file")
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    return _Saved(from_dict(AudioVAEConfig, header["config"]), header["step"], parts)


def train_audio_vae(
    recipe: AudioVAERecipe,
    out_dir: Path,
    *,
    time_limit_s: float | None = None,
    start: Path | None = None,
    watch: Watch = unwatched,
) -> AudioVAE:
    """Train until the recipe's last step or the time limit; run again to go on.

    Args:
        recipe: What to do.
        out_dir: Folder of the state and the log; a state found there is resumed.
        time_limit_s: Stop, with the state saved, after so many seconds. The learning rate falls
            as the recipe's steps or this time run out, whichever comes first.
        start: State of an earlier run whose weights (not its optimiser) to begin with.
        watch: Told of every step; True saves and ends.

    Returns:
        The network with averaged weights, calibrated on stage sounds.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    run = _begin(recipe, out_dir / STATE_NAME, start)
    began, first = time.monotonic(), run.step
    with (out_dir / LOG_NAME).open("a") as log:
        while run.step < recipe.steps:
            spent = time.monotonic() - began
            if time_limit_s is not None and spent >= time_limit_s:
                break
            share = spent / time_limit_s if time_limit_s else 0.0
            losses = _step(run, recipe, max(share, run.step / recipe.steps))
            run.step += 1
            if run.step % recipe.log_every == 0:
                pace = (time.monotonic() - began) / (run.step - first)
                _write(log, {"step": run.step, "s_per_step": round(pace, 3), **losses})
            if run.step % recipe.save_every == 0:
                run.save(out_dir / STATE_NAME, recipe)
                _write(log, {"step": run.step, **measure(run.average)})
            if watch(run.step, recipe.steps, losses):
                break
    if not recipe.freeze_encoder:
        calibrate(run.average, batches=recipe.fit_batches)
        run.network.calibrate(run.average.mean, run.average.std)
    run.save(out_dir / STATE_NAME, recipe)
    return run.average


def export_audio_vae(state: Path, path: Path, *, clips: int = 24) -> dict[str, float]:
    """Write the averaged weights of a run, in half precision, with their measurements inside.

    Args:
        state: State file of the run.
        path: Weights file to write.
        clips: Clips of each kind to measure with.

    Returns:
        The measurements of what was written.
    """
    saved = _read_state(state)
    network = AudioVAE(saved.config)
    weights = {name: value.half().float() for name, value in saved.parts["average"].items()}
    load_state(network, weights, state)
    found = measure(network, clips=clips)
    metadata = {"recipe": "audio_vae", "steps": saved.step, "measured": found}
    save_network(path, network, metadata=metadata, dtype=torch.float16)
    return found


def _begin(recipe: AudioVAERecipe, state_path: Path, start: Path | None) -> _Run:
    network, average = AudioVAE(recipe.network), AudioVAE(recipe.network)
    if not state_path.exists() and start is not None:
        load_state(network, _read_state(start).parts["average"], start)
    elif not state_path.exists():
        fit_encoder(network, batches=recipe.fit_batches)
    average.load_state_dict(network.state_dict())
    average.requires_grad_(requires_grad=False)
    network.encoder.requires_grad_(requires_grad=not recipe.freeze_encoder)
    optimizer = torch.optim.AdamW(_groups(network), lr=recipe.rate, betas=(0.9, 0.98))
    run = _Run(network, average, optimizer)
    if state_path.exists():
        run.restore(state_path)
    return run


def _groups(network: nn.Module) -> Iterator[dict[str, Any]]:
    parameters = [p for p in network.parameters() if p.requires_grad]
    yield {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.01}
    yield {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}


def _step(run: _Run, recipe: AudioVAERecipe, progress: float) -> dict[str, float]:
    rise = min(1.0, (run.step + 1) / recipe.warmup)
    fall = max(0.01, min(1.0, (1 - progress) / recipe.decay)) if recipe.decay else 1.0
    for group in run.optimizer.param_groups:
        group["lr"] = recipe.rate * rise * fall
    wanted = sound_batch(recipe.mix, recipe.seed, run.step)
    draw = generator(recipe.seed, "latent noise", run.step)
    network = run.network
    with torch.set_grad_enabled(not recipe.freeze_encoder):
        raw = network.encoder(wanted)
    noise = torch.randn(raw.shape, generator=draw) * raw.detach().std((0, 2), keepdim=True)
    heard = network.decoder(raw + recipe.noise * noise)
    loss = spectral_loss(heard, wanted)
    run.optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    run.optimizer.step()
    _average(run, min(recipe.ema, (run.step + 1) / (run.step + 20)))
    return {
        "loss": round(float(loss.detach()), 4),
        "norm": round(float(norm), 3),
        "lr": recipe.rate * rise * fall,
    }


@torch.no_grad()
def _average(run: _Run, memory: float) -> None:
    pairs = zip(run.average.parameters(), run.network.parameters(), strict=True)
    for slow, fast in pairs:
        slow.lerp_(fast, 1 - memory)


def _write(log: Any, values: Mapping[str, int | float]) -> None:  # noqa: ANN401
    log.write(json.dumps(values) + "\n")
    log.flush()


@torch.no_grad()
def fit_encoder(network: AudioVAE, *, batches: int = 12, seed: int = 3_000_017) -> None:
    """Fit the encoder's map to the principal components of what it hears, then calibrate.

    Components are scaled by the inverse square root of their spread, halfway to white, and turned
    by a random rotation, so that all channels matter alike and none is mostly noise.

    Args:
        network: Changed in place.
        batches: Batches of 32 clips of 1.5 s, four fifths of them with stage impacts.
        seed: Seed of the sounds and of the rotation.
    """
    mix = SoundMix(tokens=64, clips=32, impacts=0.8)
    hearing, project = network.encoder.hearing, network.encoder.project
    heard = torch.cat([hearing(sound_batch(mix, seed, step)) for step in range(batches)])
    heard = heard.flatten(0, 1).double()
    mean = heard.mean(0)
    cov = (heard - mean).T @ (heard - mean) / len(heard)
    spread, axes = torch.linalg.eigh(cov)
    channels = project.out_features
    spread, axes = spread[-channels:].clamp(min=1e-6).sqrt(), axes[:, -channels:]
    draw = generator(seed, "rotation")
    turn, _ = torch.linalg.qr(torch.randn(channels, channels, generator=draw).double())
    weight = turn @ (axes / spread.sqrt()).T
    project.weight.copy_(weight)
    project.bias.copy_(-weight @ mean)
    calibrate(network, batches=batches)


@torch.no_grad()
def calibrate(network: AudioVAE, *, batches: int = 12, seed: int = 1_000_003) -> None:
    """Set the latents' mean and deviation from stage sounds.

    Args:
        network: Changed in place; what it decodes stays the same.
        batches: Batches of 32 clips of 2 s.
        seed: Seed of the sounds.
    """
    mix = SoundMix(tokens=89, clips=32, impacts=1.0, most_contacts=8)
    raw = [network.encoder(sound_batch(mix, seed, step)) for step in range(batches)]
    joined = torch.cat(raw).transpose(0, 1).flatten(1)
    network.calibrate(joined.mean(1), joined.std(1).clamp(min=1e-4))


@torch.no_grad()
def measure(network: AudioVAE, *, clips: int = 24, seed: int = 2_000_003) -> dict[str, float]:
    """Judge reconstructions of stage sounds that training does not see.

    Args:
        network: The network.
        clips: Clips of each kind.
        seed: Seed of the sounds.

    Returns:
        Log-mel distance and SI-SDR in decibels, error of the first onset in milliseconds, level of
        decoded silence, and of what precedes a first impact, in decibels below full scale.
    """
    mix = SoundMix(tokens=64, clips=clips, impacts=1.0)
    wanted = sound_batch(mix, seed, 0)
    wanted = wanted[wanted.abs().amax((1, 2)) > 0.01]
    heard = network.decode(network.encode(wanted))
    single = _isolated(clips, seed)
    again = network.decode(network.encode(single))
    error = (onset_s(again) - onset_s(single)).abs() * 1_000
    silence = torch.zeros(1, 2, 32 * 1024)
    hush = network.decode(network.encode(silence))
    others = sound_batch(SoundMix(tokens=64, clips=clips, impacts=0.0), seed, 1)
    return {
        "log_mel_db": round(float(log_mel_distance_db(heard, wanted).mean()), 3),
        "si_sdr_db": round(float(si_sdr_db(heard, wanted).median()), 2),
        "onset_ms_median": round(float(error.median()), 2),
        "onset_ms_max": round(float(error.max()), 2),
        "silence_dbfs": round(_level(hush), 1),
        "before_dbfs": round(_level(again[..., : 9 * 1024]), 1),
        "others_log_mel_db": round(
            float(log_mel_distance_db(network.decode(network.encode(others)), others).mean()), 3
        ),
    }


def _isolated(clips: int, seed: int) -> Waveform:
    """One impact a clip, some time after token 10."""
    draw = generator(seed, "isolated")
    sounds = sound_batch(
        SoundMix(tokens=43, clips=6 * clips, impacts=1.0, most_contacts=1), seed, 2
    )
    quiet = sounds[..., :64].abs().amax((1, 2)) == 0
    sounds = sounds[quiet & (sounds[..., : 22 * 1024].abs().amax((1, 2)) > 0.01)][:clips]
    shift = 10 * 1024 + int(torch.randint(1024, (), generator=draw))
    return torch.nn.functional.pad(sounds, (shift, 11 * 1024 - shift + 10 * 1024))


def _level(waveform: Waveform) -> float:
    return float(10 * (waveform.square().mean() + 1e-12).log10())
