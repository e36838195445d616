import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st

from openreels.core.joint import Joint
from openreels.diffusion.sample import sample
from openreels.diffusion.schedule import sampling_sigmas, shift_sigmas
from openreels.diffusion.solvers import EulerStepper


@given(st.integers(1, 60), st.floats(0.1, 20.0))
def test_levels_fall_from_one_to_zero(num_steps, shift):
    sigmas = sampling_sigmas(num_steps, shift=shift)
    assert len(sigmas) == num_steps + 1
    assert (sigmas[0], sigmas[-1]) == (1, 0)
    assert (sigmas.diff() < 0).all()


def test_shift_is_undone_by_its_inverse_and_one_changes_nothing():
    sigmas = torch.rand(9, dtype=torch.float64)
    assert torch.allclose(shift_sigmas(shift_sigmas(sigmas, 3.0), 1 / 3.0), sigmas)
    assert torch.equal(shift_sigmas(sigmas, 1.0), sigmas)
    assert (shift_sigmas(sigmas, 3.0) > sigmas).all()


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        sampling_sigmas(0)
    with pytest.raises(ValueError, match="shift must be positive"):
        sampling_sigmas(4, shift=0.0)


@pytest.mark.parametrize("shift", [1.0, 5.0])
def test_levels_and_steps_agree_with_diffusers(shift):
    num_steps = 8
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(sigmas=np.linspace(1.0, 1 / num_steps, num_steps).tolist())
    sigmas = sampling_sigmas(num_steps, shift=shift)
    assert torch.allclose(theirs.sigmas.double(), sigmas, atol=1e-6)

    def velocity(x, sigma):
        return torch.sin(x) + sigma

    noise = torch.randn(2, 3, 4)
    expected = noise
    for time, sigma in zip(theirs.timesteps, theirs.sigmas, strict=False):
        expected = theirs.step(velocity(expected, sigma), time, expected).prev_sample

    def denoiser(noisy, sigma):
        return Joint(None, velocity(noisy.audio, sigma[:, None, None]))

    ours = sample(denoiser, Joint(None, noise), sigmas, EulerStepper()).audio
    assert torch.allclose(ours, expected, atol=1e-5)
