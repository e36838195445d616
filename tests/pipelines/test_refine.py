from dataclasses import replace

import pytest
import torch

from openreels.conditioning.conditions import Given
from openreels.models.mmdit.model import MMDiT
from openreels.pipelines.refine import Prompt, Refiner, RefineSettings, refine_latents


def _refiner(components, settings, **change):
    torch.manual_seed(1)
    network = MMDiT(replace(components.mmdit.config, audio_channels=0, **change)).eval()
    network.requires_grad_(False)
    return Refiner(network=network, video_vae=components.video_vae, settings=settings)


def _given(components, frames=5, side=8, *, known=False):
    channels = components.video_vae.config.latent_channels
    latents = torch.randn(1, channels, frames, side, side)
    mask = torch.full((1, frames, side, side), known)
    return Given(latents=latents, known=mask, imposed=mask.clone())


def _prompt(components):
    context = torch.randn(1, 3, components.mmdit.config.context_width)
    return Prompt(context=context, mask=torch.ones(1, 3, dtype=torch.bool))


SETTINGS = RefineSettings(num_steps=3, window=(4, 6, 8), overlap=(1, 2, 2))


@pytest.mark.parametrize("residual", [0.0, 0.5])
def test_what_is_imposed_comes_back_exactly(components, residual):
    refiner = _refiner(components, SETTINGS, residual=residual)
    given = _given(components)
    given.imposed[:, :2] = given.known[:, :2] = True
    made = refine_latents(refiner, given, _prompt(components), fps=32, seed=0)
    assert torch.equal(made[:, :, :2], given.latents[:, :, :2])
    assert not torch.allclose(made[:, :, 2:], given.latents[:, :, 2:], atol=0.1)
    all_known = _given(components, known=True)
    made = refine_latents(refiner, all_known, _prompt(components), fps=32, seed=0)
    assert torch.equal(made, all_known.latents)


def test_a_network_that_predicts_no_velocity_leaves_the_scaled_noise_on_the_stretched_latents(
    components,
):
    """A fresh network without a skip answers 0, so that noise stays what it was."""
    refiner = _refiner(components, RefineSettings(num_steps=2), residual=0.5, skip=False)
    given = _given(components)
    made = refine_latents(refiner, given, _prompt(components), fps=32, seed=0)
    missing = (made - given.latents) / 0.5
    assert float(missing.std()) == pytest.approx(1, abs=0.1)
    half = replace(refiner, settings=RefineSettings(num_steps=2, start=0.5))
    nearer = refine_latents(half, given, _prompt(components), fps=32, seed=0)
    assert torch.allclose(nearer - given.latents, (made - given.latents) / 2, atol=1e-6)


def test_windows_go_on_from_one_another_and_progress_is_told(components):
    refiner = _refiner(components, SETTINGS, residual=0.5)
    given, told = _given(components, frames=9, side=8), []
    refine_latents(
        refiner, given, _prompt(components), fps=32, seed=0, tell=lambda *state: told.append(state)
    )
    count = len(refiner.windows((9, 8, 8)))
    assert count == 6
    assert told == [(step, 3 * count) for step in range(1, 3 * count + 1)]


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="at least 1 step and a start"):
        RefineSettings(num_steps=0)
    with pytest.raises(ValueError, match=r"start in \(0, 1\]"):
        RefineSettings(start=0.0)
