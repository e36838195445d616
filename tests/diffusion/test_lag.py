import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.lag import (
    from_clock,
    lagging_level,
    leading_level,
    velocity_from_clock,
    velocity_on_clock,
)
from openreels.diffusion.path import add_noise, velocity_of
from openreels.diffusion.sample import sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS

LEVELS = torch.tensor([0.0, 0.03, 0.4, 0.9, 1.0], dtype=torch.float64)


def _pair():
    source = torch.Generator().manual_seed(3)
    return torch.randn(2, len(LEVELS), 4, 6, generator=source, dtype=torch.float64)


def test_the_ratio_of_noise_to_data_grows_by_the_lag():
    levels = lagging_level(LEVELS, 5.0)
    inner = slice(1, -1)
    ratio = (levels / (1 - levels))[inner] / (LEVELS / (1 - LEVELS))[inner]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 5.0))
    assert levels[0] == 0
    assert levels[-1] == 1
    assert torch.equal(lagging_level(LEVELS, 1.0), LEVELS)


@pytest.mark.parametrize("lag", [1.0, 2.5, 16.0])
def test_who_leads_is_found_from_who_lags(lag):
    torch.testing.assert_close(leading_level(lagging_level(LEVELS, lag), lag), LEVELS)


@pytest.mark.parametrize("lag", [1.0, 2.5, 16.0])
def test_the_clock_carries_audio_with_stronger_noise(lag):
    clean, noise = _pair()
    scaled = add_noise(clean, lag * noise, LEVELS)
    own = lagging_level(LEVELS, lag)
    noisy = from_clock(scaled, LEVELS, lag)
    torch.testing.assert_close(noisy, add_noise(clean, noise, own))
    onward = velocity_on_clock(velocity_of(clean, noise), noisy, LEVELS, lag)
    torch.testing.assert_close(onward, lag * noise - clean)
    back = velocity_from_clock(onward, noisy, LEVELS, lag)
    torch.testing.assert_close(back, velocity_of(clean, noise))


@pytest.mark.parametrize("name", sorted(STEPPERS))
def test_one_clock_brings_a_gaussian_to_its_spread(name):
    """Data of standard deviation 0.3: the velocity is known, and so is where each noise ends."""
    lag, spread = 6.0, 0.3
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 1, 9)

    def denoiser(noisy, sigma):
        own = lagging_level(sigma, lag)
        audio = from_clock(noisy.audio, sigma, lag)
        variance = (1 - own) ** 2 * spread**2 + own**2
        velocity = audio * (own - (1 - own) * spread**2) / variance
        return Joint(None, velocity_on_clock(velocity, audio, sigma, lag))

    sigmas = sampling_sigmas(400)
    end = sample(denoiser, Joint(None, lag * noise), sigmas, STEPPERS[name]).audio
    torch.testing.assert_close(end, spread * noise, atol=0.02, rtol=0)
