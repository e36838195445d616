import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openreels.nn.patchify import patchify, unpatchify

SIZES = st.integers(1, 4)


@given(SIZES, SIZES, SIZES, SIZES, st.integers(1, 3))
def test_inverse(channels, frames, rows, columns, patch):
    grid = (frames, rows * patch, columns * patch)
    latents = torch.randn(2, channels, *grid)
    tokens = patchify(latents, patch)
    assert tokens.shape == (2, frames * rows * columns, channels * patch**2)
    assert torch.equal(unpatchify(tokens, grid, patch), latents)


def test_order_is_frame_row_column_and_channel_last():
    latents = torch.arange(2 * 2 * 4 * 4).reshape(1, 2, 2, 4, 4).float()
    tokens = patchify(latents, 2)
    assert torch.equal(tokens[0, 1, :2], latents[0, :, 0, 0, 2])
    assert torch.equal(tokens[0, 4, 2:4], latents[0, :, 1, 0, 1])


def test_impossible_sizes_name_the_nearest():
    with pytest.raises(ValueError, match=r"nearest are \(4, 6\)"):
        patchify(torch.zeros(1, 1, 1, 5, 6), 2)
    with pytest.raises(ValueError, match="at least 1"):
        patchify(torch.zeros(1, 1, 1, 4, 4), 0)
    with pytest.raises(ValueError, match="must have 4 tokens"):
        unpatchify(torch.zeros(1, 3, 4), (1, 4, 4), 2)
