import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.evaluation.metrics import (
    correlation,
    flicker,
    masked_psnr_db,
    match_times,
    median,
    psnr_db,
)

times = st.lists(st.floats(0, 3), max_size=6)


def test_psnr_closed_form():
    first = torch.zeros(3, 2, 4, 4)
    assert psnr_db(first, first + 0.02) == pytest.approx(40.0, abs=1e-4)
    assert psnr_db(first, first) == 100.0


def test_masked_psnr_sees_only_the_mask():
    first = torch.zeros(3, 2, 4, 4)
    second = first.clone()
    second[:, :, :2] = 1.0
    where = torch.zeros(2, 4, 4, dtype=torch.bool)
    where[:, 2:] = True
    assert masked_psnr_db(first, second, where) == 100.0
    with pytest.raises(ValueError, match="at least one pixel"):
        masked_psnr_db(first, second, torch.zeros_like(where))


def test_flicker_of_fade_is_zero_and_of_alternation_is_its_height():
    fade = torch.linspace(-1, 1, 9).view(1, 9, 1, 1).expand(3, 9, 4, 4)
    assert flicker(fade) == pytest.approx(0, abs=1e-4)
    blink = torch.tensor([0.0, 0.1] * 4).view(1, 8, 1, 1).expand(3, 8, 4, 4)
    assert flicker(blink) == pytest.approx(12.75, rel=1e-4)
    assert flicker(fade[:, :2]) == 0.0


@given(times, times)
def test_matching_is_one_to_one_within_tolerance(first, second):
    result = match_times(first, second)
    assert (
        len({i for i, _ in result.pairs}) == len(result.pairs) == len({j for _, j in result.pairs})
    )
    assert all(abs(offset) <= 0.08 + 1e-6 for offset in result.offsets_s)
    mirrored = match_times(second, first)
    assert len(mirrored.pairs) == len(result.pairs)


@given(times, times)
def test_matching_is_the_largest(first, second):
    def best(i: int, used: frozenset[int]) -> int:
        if i == len(first):
            return 0
        options = [
            1 + best(i + 1, used | {j})
            for j in range(len(second))
            if j not in used and abs(second[j] - first[i]) <= 0.08 + 1e-9
        ]
        return max([best(i + 1, used), *options])

    assert len(match_times(first, second).pairs) == best(0, frozenset())


def test_matching_figures():
    result = match_times([0.5, 1.0, 2.0], [1.03, 0.48])
    assert result.first_share == pytest.approx(2 / 3)
    assert result.second_share == 1.0
    assert result.offsets_s == pytest.approx((-0.02, 0.03))
    assert math.isnan(match_times([], [1.0]).first_share)


def test_correlation_and_median():
    assert correlation([0.0, 1.0, 2.0], [5.0, 7.0, 9.0]) == pytest.approx(1)
    assert correlation([0.0, 1.0, 2.0], [3.0, 2.0, 1.0]) == pytest.approx(-1)
    assert math.isnan(correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]))
    assert median([3.0, 1.0, 2.0]) == 2
    assert math.isnan(median([]))


def test_psnr_of_nothing_and_of_what_is_no_number_is_nan():
    nothing = torch.zeros(3, 0, 4, 4)
    assert math.isnan(psnr_db(nothing, nothing))
    broken = torch.full((3, 1, 4, 4), math.nan)
    assert math.isnan(psnr_db(broken, torch.zeros_like(broken)))
