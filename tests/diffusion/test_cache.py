from itertools import pairwise

import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.cache import StepCache, continued, relative_change
from openreels.diffusion.sample import sample
from openreels.diffusion.schedule import sampling_sigmas
from openreels.diffusion.solvers import STEPPERS


class Field:
    """A velocity that is a line in the noise level, plus a bend of one modality."""

    def __init__(self, *, bend=(0.0, 0.0), audio=True):
        draw = torch.Generator().manual_seed(0)
        self.lines = [torch.randn(2, 2, 3, 4, dtype=torch.float64, generator=draw) for _ in "va"]
        self.bend, self.audio, self.levels = bend, audio, []

    def __call__(self, noisy, sigma):
        level = float(sigma[0])
        self.levels.append(level)
        video, audio = (
            (one[0] + 0.2 * level * one[1]) * torch.cos(torch.tensor(bend * level))
            for one, bend in zip(self.lines, self.bend, strict=True)
        )
        return Joint(video, audio if self.audio else None)


def run(field, cache, stepper="adams", num_steps=20):
    noise = Joint(torch.zeros(2, 3, 4, dtype=torch.float64), None)
    if field.audio:
        noise = Joint(noise.video, torch.ones_like(noise.video))
    sigmas = sampling_sigmas(num_steps)
    return sample(continued(field, cache), noise, sigmas, STEPPERS[stepper])


def test_off_is_the_denoiser_itself():
    field = Field()
    assert continued(field, StepCache()) is field
    assert StepCache().is_off


@pytest.mark.parametrize("stepper", STEPPERS)
def test_a_straight_change_is_continued_exactly_with_fewer_evaluations(stepper):
    plain, cached = Field(), Field()
    expected = run(plain, StepCache(), stepper)
    got = run(cached, StepCache(threshold=0.5, max_skips=3), stepper)
    torch.testing.assert_close(got.video, expected.video, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(got.audio, expected.audio, atol=1e-12, rtol=1e-12)
    assert len(cached.levels) <= len(plain.levels) // 2


def test_no_more_than_so_many_are_left_out_in_a_row():
    for most in (1, 2, 5):
        field = Field()
        run(field, StepCache(threshold=1.0, max_skips=most), num_steps=24)
        places = [round((1 - level) * 24) for level in field.levels]
        gaps = [after - before - 1 for before, after in pairwise(places)]
        assert gaps[0] == 0
        assert max(gaps) == most


@pytest.mark.parametrize("bend", [(6.0, 0.0), (0.0, 6.0)])
def test_a_change_of_one_modality_is_enough_to_evaluate(bend):
    calm, field = Field(), Field(bend=bend)
    cache = StepCache(threshold=0.05)
    run(calm, cache)
    run(field, cache)
    assert len(field.levels) > len(calm.levels)


def test_a_threshold_below_every_change_leaves_nothing_out():
    plain, field = Field(bend=(6.0, 6.0)), Field(bend=(6.0, 6.0))
    expected, got = run(plain, StepCache()), run(field, StepCache(threshold=1e-12))
    assert field.levels == plain.levels
    assert torch.equal(got.video, expected.video)
    assert torch.equal(got.audio, expected.audio)


def test_the_error_falls_with_the_threshold_and_an_absent_modality_stays_absent():
    expected = run(Field(bend=(4.0, 0.0), audio=False), StepCache())
    errors, counts = [], []
    for threshold in (0.4, 0.1, 0.02):
        field = Field(bend=(4.0, 0.0), audio=False)
        got = run(field, StepCache(threshold=threshold))
        assert got.audio is None
        errors.append(float((got.video - expected.video).norm()))
        counts.append(len(field.levels))
    assert errors == sorted(errors, reverse=True)
    assert counts == sorted(counts)


def test_heun_uses_a_level_that_it_has_seen():
    """The end of a step and the start of the next are one level: one evaluation for both."""
    field = Field(bend=(3.0, 3.0))
    run(field, StepCache(threshold=1e-9), "heun")
    assert field.levels == pytest.approx([1 - step / 20 for step in range(20)])


def test_change_is_the_largest_of_samples_and_modalities():
    before = Joint(torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0], [1.0]]))
    after = Joint(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0], [4.0]]))
    assert relative_change(before, after) == pytest.approx(1.0)
    assert relative_change(before, Joint(before.video, after.audio)) == pytest.approx(0.75)
    assert relative_change(Joint(None, None), Joint(None, None)) == 0


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"threshold": -0.1}, r"must lie in \[0, 1\], got -0.1"),
        ({"threshold": float("nan")}, r"must lie in \[0, 1\]"),
        ({"max_skips": 0}, "max_skips must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        StepCache(**change)
