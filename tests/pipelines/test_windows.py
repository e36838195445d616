import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.pipelines.windows import windows_of

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))


@given(grid=SIDES)
def test_windows_cover_every_latent_and_share_with_the_one_before(grid):
    size, overlap = (9, 12, 16), (2, 4, 4)
    seen = torch.zeros(grid, dtype=torch.bool)
    windows = windows_of(grid, size=size, overlap=overlap)
    for window in windows:
        assert [len(axis) for axis in window] == [
            min(a, b) for a, b in zip(grid, size, strict=True)
        ]
        seen[window.slices] = True
    assert seen.all()
    starts = sorted({window.frames.start for window in windows})
    stops = sorted({window.frames.stop for window in windows})
    assert all(stop - start >= 2 for stop, start in zip(stops, starts[1:], strict=False))


def test_windows_begin_at_multiples_of_a_patch():
    for window in windows_of((60, 68, 120), size=(25, 32, 64), overlap=(2, 8, 8)):
        assert window.rows.start % 2 == window.columns.start % 2 == 0


def test_windows_that_do_not_advance_are_refused():
    with pytest.raises(ValueError, match="larger than their overlap, got 4 and 4"):
        windows_of((9, 9, 9), size=(4, 4, 4), overlap=(4, 0, 0))
