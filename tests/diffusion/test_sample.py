import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.path import add_noise, velocity_from_clean
from openreels.diffusion.sample import hold_known, sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS


class _Oracle:
    """Knows the data: every solver must land on it."""

    def __init__(self, clean):
        self.clean = clean
        self.levels = []

    def __call__(self, noisy, sigma):
        self.levels.append(sigma)

        def one(x, clean):
            return None if x is None else velocity_from_clean(x, clean, sigma)

        return noisy.zip(self.clean, one)


def _pair(audio=True):
    def draw():
        return Joint(torch.randn(2, 3, 4, 2, 2), torch.randn(2, 3, 7) if audio else None)

    return draw(), draw()


@pytest.mark.parametrize("name", list(STEPPERS))
@pytest.mark.parametrize("shift", [1.0, 4.0])
def test_a_perfect_denoiser_returns_the_data(name, shift):
    clean, noise = _pair()
    sigmas = sampling_sigmas(5, shift=shift)
    out = sample(_Oracle(clean), noise, sigmas, STEPPERS[name])
    assert torch.allclose(out.video, clean.video, atol=1e-5)
    assert torch.allclose(out.audio, clean.audio, atol=1e-5)


def test_a_modality_that_is_absent_is_never_computed():
    clean, noise = _pair(audio=False)
    oracle = _Oracle(clean)
    out = sample(oracle, noise, sampling_sigmas(3), STEPPERS["euler"])
    assert out.audio is None
    sound = sample(
        _Oracle(Joint(None, torch.ones(1, 2, 3))),
        Joint(None, torch.randn(1, 2, 3)),
        sampling_sigmas(3),
        STEPPERS["euler"],
    )
    assert sound.video is None


def test_the_noise_level_reaches_every_sample_in_the_dtype_of_the_noise():
    clean, noise = _pair()
    oracle = _Oracle(clean)
    sample(oracle, noise, sampling_sigmas(2), STEPPERS["euler"])
    assert [level.tolist() for level in oracle.levels] == [[1.0, 1.0], [0.5, 0.5]]
    assert oracle.levels[0].dtype == torch.float32


def test_progress_is_told_after_every_step():
    clean, noise = _pair()
    seen = []
    out = sample(_Oracle(clean), noise, sampling_sigmas(4), STEPPERS["adams"], callback=seen.append)
    assert [(one.step, one.num_steps, one.sigma) for one in seen] == [
        (1, 4, 0.75),
        (2, 4, 0.5),
        (3, 4, 0.25),
        (4, 4, 0.0),
    ]
    assert seen[-1].noisy is out


@pytest.mark.parametrize("name", list(STEPPERS))
def test_known_latents_are_returned_unchanged(name):
    clean, noise = _pair()
    known = torch.rand(2, 4, 2, 2) < 0.5
    keep = torch.randn_like(clean.video)
    impose = hold_known(keep, noise.video, known)
    seen = []

    def watching(noisy, sigma):
        level = torch.full((2,), float(sigma[0]))
        on_path = add_noise(keep, noise.video, level)
        # Heun also looks at its own guess at the end of a step, which is not imposed on.
        if not seen or level[0] != seen[-1]:
            wide = known.unsqueeze(1).expand_as(keep)
            matches = torch.allclose(noisy.video[wide], on_path[wide], atol=1e-6)
            assert matches or name == "heun"
        seen.append(level[0])
        return _Oracle(clean)(noisy, sigma)

    out = sample(watching, noise, sampling_sigmas(4), STEPPERS[name], impose=impose)
    wide = known.unsqueeze(1).expand_as(keep)
    assert torch.equal(out.video[wide], keep[wide])
    assert torch.allclose(out.video[~wide], clean.video[~wide], atol=1e-5)
    assert torch.allclose(out.audio, clean.audio, atol=1e-5)


def test_holding_is_the_same_in_any_layout():
    clean, noise = torch.randn(2, 3, 4, 2, 2), torch.randn(2, 3, 4, 2, 2)
    noisy, known = torch.randn(2, 3, 4, 2, 2), torch.rand(2, 4, 2, 2) < 0.5
    whole = hold_known(clean, noise, known)(Joint(noisy, None), 0.3).video
    row = hold_known(clean.flatten(2), noise.flatten(2), known.flatten(1))
    assert torch.equal(row(Joint(noisy.flatten(2), None), 0.3).video, whole.flatten(2))


def test_holding_video_leaves_sound_alone():
    impose = hold_known(
        torch.zeros(1, 2, 1, 1, 1), torch.zeros(1, 2, 1, 1, 1), torch.ones(1, 1, 1, 1).bool()
    )
    sound = Joint(None, torch.randn(1, 2, 3))
    assert impose(sound, 0.5) is sound


def test_impossible_runs_are_refused():
    clean, noise = _pair()
    with pytest.raises(ValueError, match="at least one modality"):
        sample(_Oracle(clean), Joint(None, None), sampling_sigmas(2), STEPPERS["euler"])
    for sigmas in (torch.tensor([1.0]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])):
        with pytest.raises(ValueError, match="decreasing noise levels"):
            sample(_Oracle(clean), noise, sigmas, STEPPERS["euler"])
