"""Starts of the video autoencoder: principal components of patches, or a smaller one's weights.

With components the linear paths of encoder and decoder alone reconstruct, and the blocks, whose
outputs start at zero, learn only what a linear map cannot do.

Latents are partly whitened: a component of variance ``v`` gets the standard deviation ``v**0.25``,
so that coarse content stays larger than detail, noise costs less of the picture, and a diffusion
model learns coarse things first. A rotation then spreads the components over all channels, which
gives each about unit variance. The channels of the first frame are turned to agree with those of a
still group of four frames. Not given by the paper: all of this is ours.
"""

from pathlib import Path

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from openreels.core.arrays import Pixels
from openreels.core.seeding import generator
from openreels.core.shapes import SPATIAL_STRIDE, TEMPORAL_STRIDE
from openreels.models.video_vae.layers import PerKind, patches_of
from openreels.models.video_vae.model import VideoVAE
from openreels.weights.checkpoint import load_network, load_state

Rows = Float[Tensor, "rows values"]
Map = Float[Tensor, "outputs inputs"]


@torch.no_grad()
def start_from_components(vae: VideoVAE, clips: Pixels, *, seed: int = 0) -> None:
    """Set the linear paths of an autoencoder from example clips, in place.

    Args:
        vae: Any autoencoder; its statistics are reset to zero mean and unit variance.
        clips: Some hundred clips of at least five frames, in [-1, 1].
        seed: Decides the rotation.
    """
    channels = vae.config.latent_channels
    frames = rearrange(clips, "b c F H W -> b F H W c")
    first, rest = (
        patches_of(part, num_frames=size, side=SPATIAL_STRIDE).flatten(0, 3).double()
        for part, size in ((frames[:, :1], 1), (frames[:, 1:], TEMPORAL_STRIDE))
    )
    still = repeat(first, "n p -> n (t p)", t=TEMPORAL_STRIDE)
    noise = torch.randn(channels, channels, generator=generator(seed, "rotation")).double()
    rotation = torch.linalg.qr(noise).Q
    to_rest, from_rest, mean_rest = _components(rest, channels, gain=1.0)
    to_first, from_first, mean_first = _components(first, channels, gain=float(TEMPORAL_STRIDE))
    seen = (still - mean_rest) @ to_rest.T
    own = (first - mean_first) @ to_first.T
    left, _, right = torch.linalg.svd(seen.T @ own)
    turn = left @ right
    scale = ((rest - mean_rest) @ (rotation @ to_rest).T).square().mean().sqrt()
    _set(vae.encoder.linear, "rest", rotation / scale @ to_rest)
    _set(vae.encoder.linear, "first", rotation / scale @ turn @ to_first)
    for kind, back, mean in (
        ("rest", from_rest @ rotation.T * scale, mean_rest),
        ("first", from_first @ turn.T @ rotation.T * scale, mean_first),
    ):
        forward = getattr(vae.encoder.linear, kind).conv
        forward.bias.copy_(-(forward.weight[:, :, 0, 0].double() @ mean))
        inverse = getattr(vae.decoder.linear, kind).conv
        inverse.weight.copy_(rearrange(back, "p c -> p c 1 1"))
        inverse.bias.copy_(mean)
    vae.latent_mean.zero_()
    vae.latent_std.fill_(1)


@torch.no_grad()
def start_from_weights(vae: VideoVAE, path: str | Path) -> None:
    """Start from the weights of an autoencoder that may have fewer blocks, in place.

    A block is the identity until it is trained, so an autoencoder with more of them at the ends of
    its stacks does at first what the smaller one did. The stored statistics of the latents become
    part of the linear maps: the encoder is not final yet, and they are measured again when it is.

    Args:
        vae: Newly made, its blocks untouched.
        path: A weights file of the same widths and channels.

    Raises:
        CheckpointError: If the file does not hold such an autoencoder.
    """
    small = load_network(path, kind=VideoVAE)
    own, given = vae.state_dict(), small.state_dict()
    new = own.keys() - given.keys()
    load_state(vae, given | {name: own[name] for name in new}, path)
    mean, std = vae.latent_mean.clone(), vae.latent_std.clone()
    for kind in ("first", "rest"):
        for part in (vae.encoder.linear, vae.encoder.head):
            conv = getattr(part, kind).conv
            conv.weight.div_(std[:, None, None, None])
            conv.bias.div_(std)
        getattr(vae.encoder.linear, kind).conv.bias.sub_(mean / std)
        for part in (vae.decoder.linear, vae.decoder.stem):
            conv = getattr(part, kind).conv
            conv.bias.add_(conv.weight[:, :, 0, 0] @ mean)
            conv.weight.mul_(std[None, :, None, None])
    vae.latent_mean.zero_()
    vae.latent_std.fill_(1)


def _set(encoder: PerKind, kind: str, weight: Map) -> None:
    getattr(encoder, kind).conv.weight.copy_(rearrange(weight, "c p -> c p 1 1"))


def _components(
    rows: Rows, count: int, *, gain: float
) -> tuple[Float[Tensor, "c values"], Float[Tensor, "values c"], Float[Tensor, " values"]]:
    """Partly whitening map, its inverse and the mean, of the ``count`` largest components."""
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    values = values[-count:].clamp(min=1e-6) * gain
    vectors = vectors[:, -count:]
    return (vectors * values**-0.25 * gain**0.5).T, vectors * values**0.25 / gain**0.5, mean
