import torch

from openreels.diffusion.path import (
    add_noise,
    clean_from_velocity,
    noise_from_velocity,
    spread,
    velocity_from_clean,
    velocity_from_noise,
    velocity_of,
)


def _pair():
    clean, noise = (torch.randn(4, 3, 5, dtype=torch.float64) for _ in range(2))
    return clean, noise, torch.tensor([0.02, 0.3, 0.7, 0.98], dtype=torch.float64)


def test_ends_are_exact():
    clean, noise, _ = _pair()
    assert torch.equal(add_noise(clean, noise, torch.zeros(4, dtype=torch.float64)), clean)
    assert torch.equal(add_noise(clean, noise, torch.ones(4, dtype=torch.float64)), noise)


def test_every_conversion_round_trips_in_float64():
    clean, noise, sigma = _pair()
    noisy, velocity = add_noise(clean, noise, sigma), velocity_of(clean, noise)
    for got, expected in (
        (clean_from_velocity(noisy, velocity, sigma), clean),
        (noise_from_velocity(noisy, velocity, sigma), noise),
        (velocity_from_clean(noisy, clean, sigma), velocity),
        (velocity_from_noise(noisy, noise, sigma), velocity),
    ):
        assert torch.allclose(got, expected, rtol=0, atol=1e-12)


def test_velocity_is_the_derivative_of_the_path():
    clean, noise, sigma = _pair()
    step = 1e-6
    slope = add_noise(clean, noise, sigma + step) - add_noise(clean, noise, sigma - step)
    assert torch.allclose(slope / (2 * step), velocity_of(clean, noise), atol=1e-8)


def test_paper_convention_is_the_same_path_reversed():
    clean, noise, sigma = _pair()
    time = spread(1 - sigma, clean)
    assert torch.allclose(add_noise(clean, noise, sigma), time * clean + (1 - time) * noise)
    assert torch.equal(velocity_of(clean, noise), -(clean - noise))
