from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from openreels.conditioning.build import build
from openreels.conditioning.conditions import clip_and_keyframes
from openreels.conditioning.keyframes import join_cells
from openreels.conditioning.material import gather
from openreels.conditioning.stretched import stretched_clip
from openreels.core.joint import Joint
from openreels.core.request import GenerationRequest
from openreels.models.mmdit.model import MMDiT
from openreels.nn.patchify import patchify
from openreels.pipelines.denoise import Beside, denoise
from openreels.pipelines.keyframes import with_wanted_keyframes, without_keyframes
from openreels.pipelines.residual import added, lacking_nothing, with_stretched
from openreels.pipelines.settings import sampling_of


@pytest.fixture(scope="module")
def model(components):
    base = components.mmdit
    trained = MMDiT(replace(base.config, keyframes=True)).requires_grad_(False)
    torch.manual_seed(3)
    for parameter in trained.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    refiner = MMDiT(replace(base.config, audio_channels=0, residual=0.5, skip=True))
    return replace(components, mmdit=trained, refiner=refiner.requires_grad_(False))


def _wanted(model, **fields):
    start = {"prompt": "a red ball", "duration_s": 2.5, "resolution": "256p", "steps": 4}
    request = GenerationRequest(**(start | fields))
    material = gather(replace(request, resolution="64p"))
    with torch.no_grad():
        low = build(replace(request, resolution="64p"), model, material)
        return request, low, with_wanted_keyframes(model, request, low, material)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("residual") / "first.png"
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise.repeat(32, 0).repeat(32, 1)).save(path)
    return str(path)


def test_keyframes_are_shown_the_clip_and_what_is_given_of_it(model, picture):
    _, low, wanted = _wanted(model, first_frame=picture)
    clip = torch.randn(1, 16, low.shape.num_latent_frames, 8, 8)
    shown = with_stretched(wanted, clip, model.video_vae).keyframes
    right = clip.clone()
    right[:, :, 0] = low.given.latents[:, :, 0]
    places = wanted.keyframes.places
    assert torch.equal(shown.stretched, stretched_clip(model.video_vae, right, places))
    assert not torch.equal(shown.stretched, stretched_clip(model.video_vae, clip, places))
    assert torch.equal(shown.latents, wanted.keyframes.latents)


def test_what_is_lacking_is_put_to_the_clip_but_where_keyframes_are_given(model, picture):
    _, low, wanted = _wanted(model, first_frame=picture)
    clip = torch.randn(1, 16, low.shape.num_latent_frames, 8, 8)
    lacking = torch.randn(1, 16, 2, 32, 32)
    made = added(Joint(join_cells(clip, lacking), None), wanted, 0.25, model.video_vae)
    same, keyframes = clip_and_keyframes(made.video, wanted)
    assert torch.equal(same, clip)
    assert torch.equal(keyframes[:, :, 0], wanted.keyframes.latents[:, :, 0])
    stretched = stretched_clip(model.video_vae, clip, (8,))
    torch.testing.assert_close(keyframes[:, :, 1:], stretched + 0.25 * lacking[:, :, 1:])
    assert not lacking_nothing(wanted).keyframes.latents.any()


class _Exact(MMDiT):
    """Knows what the clip lacks, gives the velocity to it, and keeps what it was shown."""

    def forward(self, inputs, context, context_mask, sigma, context_tags=None, *, sparsity=None):
        tokens = inputs.video.tokens
        velocity = torch.zeros(*tokens.shape[:2], self.config.video_out)
        count = self.clean.shape[1]
        cells = tokens[:, -count:].unflatten(-1, (4, 33))
        noisy = cells[..., :16].flatten(2)
        velocity[:, -count:] = (noisy - self.clean) / sigma.video[:, None, None]
        self.shown.append((cells[..., 16:32].flatten(2), cells[..., 32], noisy))
        audio = None if inputs.audio is None else torch.zeros_like(inputs.audio.tokens)
        return Joint(velocity, audio)


@pytest.mark.parametrize("lag", [1.0, 8.0])
@pytest.mark.parametrize(("steps", "runs"), [(40, 3), (2, 1), (1, 1)])
def test_keyframes_end_as_the_clip_with_what_it_lacks(model, picture, lag, steps, runs):
    request, low, wanted = _wanted(model, first_frame=picture, steps=steps)
    lacking = torch.randn(1, 16, 2, 32, 32, generator=torch.Generator().manual_seed(5))
    network = _Exact(replace(model.mmdit.config, residual=0.25))
    network.clean, network.shown = patchify(lacking, 2), []
    sampling = replace(sampling_of(request), stepper="euler")
    with torch.no_grad():
        made, held = without_keyframes(
            denoise(model, wanted, sampling, seed=4, beside=Beside(network=network, lag=lag)),
            wanted,
        )
        bare = denoise(model, low, sampling, seed=4)
    assert torch.equal(made.video, bare.video)
    first, later = (latents for _, latents in held)
    assert torch.equal(first, wanted.keyframes.latents[:, :, :1])
    expected = stretched_clip(model.video_vae, made.video, (8,)) + 0.25 * lacking[:, :, 1:]
    torch.testing.assert_close(later, expected, atol=1e-4, rtol=1e-4)
    # It runs where the clip says enough, and at the last level in any case.
    assert len(network.shown) == runs
    count = network.clean.shape[1] // 2
    given = patchify(wanted.keyframes.latents[:, :, :1], 2)
    for content, known, _ in network.shown:
        assert torch.equal(content[:, :count], given)
        assert known[:, :count].all()
        assert not known[:, count:].any()
    # It sees the clip as it is at each level, and the last time next to what comes out.
    seen = [content[:, count:] for content, _, _ in network.shown]
    end = patchify(stretched_clip(model.video_vae, made.video, (8,)), 2)
    away = [float((one - end).square().mean()) for one in seen]
    assert away[-1] < 1e-8
    # What is given lacks nothing: nothing but noise, and less of it at every level.
    spread = [float(noisy[:, :count].std()) for _, _, noisy in network.shown]
    if runs > 1:
        assert away[0] > away[-1]
        assert spread == sorted(spread, reverse=True)
