import itertools
import math

import pytest
import torch

from openreels.core.joint import Joint
from openreels.diffusion.schedule import shift_sigmas
from openreels.diffusion.solvers import STEPPERS, along

NAMES = list(STEPPERS)


def _start():
    return Joint(torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64))


def _run(stepper, field, start, levels):
    calls = []

    def counted(noisy, sigma):
        calls.append(sigma)
        return field(noisy, sigma)

    noisy, memory = start, None
    for span in itertools.pairwise(levels):
        noisy, memory = stepper.step(counted, noisy, span, memory)
    return noisy, calls


def _levels(num_steps, shift=3.0):
    return shift_sigmas(torch.linspace(1, 0, num_steps + 1, dtype=torch.float64), shift).tolist()


def _curved(noisy, sigma):
    return noisy.map(lambda x: x * 3 * math.cos(3 * sigma))


def _curved_end(start):
    return start.map(lambda x: x * math.exp(-math.sin(3.0)))


def _error(got, expected):
    return max(
        (got.video - expected.video).abs().max().item(),
        (got.audio - expected.audio).abs().max().item(),
    )


@pytest.mark.parametrize("name", NAMES)
def test_measured_order_equals_the_declared_one(name):
    stepper, start = STEPPERS[name], _start()
    counts = [40, 80, 160]
    errors = [
        _error(_run(stepper, _curved, start, _levels(count))[0], _curved_end(start))
        for count in counts
    ]
    slope = math.log(errors[0] / errors[-1]) / math.log(counts[-1] / counts[0])
    assert abs(slope - stepper.order) < 0.25


@pytest.mark.parametrize("name", NAMES)
def test_exact_on_a_constant_field(name):
    start, slope = _start(), _start()
    end, _ = _run(STEPPERS[name], lambda noisy, sigma: slope, start, _levels(5))
    assert _error(end, along(start, slope, -1.0)) < 1e-14


@pytest.mark.parametrize("name", NAMES)
def test_back_and_forth_returns_to_the_start(name):
    stepper, start = STEPPERS[name], _start()
    levels = _levels(400)
    there, _ = _run(stepper, _curved, start, levels)
    back, _ = _run(stepper, _curved, there, levels[::-1])
    assert _error(back, start) < (0.1 if stepper.order == 1 else 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_evaluations_are_as_declared_and_never_at_zero(name):
    stepper = STEPPERS[name]
    _, calls = _run(stepper, _curved, _start(), _levels(6))
    saved = 1 if name == "heun" else 0
    assert len(calls) == 6 * stepper.num_evaluations - saved
    assert min(calls) > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_modality_stays_absent(name):
    start = Joint(None, torch.randn(2, 3))

    def field(noisy, sigma):
        return Joint(None, noisy.audio)

    end, _ = _run(STEPPERS[name], field, start, _levels(3))
    assert end.video is None
    assert end.audio.shape == (2, 3)


def test_second_order_is_exact_where_the_slope_is_linear_in_sigma():
    """Adams after its first step, with steps of different lengths."""
    start = Joint(torch.zeros(1, 1, dtype=torch.float64), None)
    levels = [1.0, 0.9, 0.5, 0.45, 0.1]
    end, _ = _run(
        STEPPERS["adams"],
        lambda x, s: Joint(torch.full((1, 1), s, dtype=torch.float64), None),
        start,
        levels,
    )
    first_step = -0.1 * 1.0
    rest = (0.1**2 - 0.9**2) / 2
    assert end.video.item() == pytest.approx(first_step + rest, abs=1e-14)
