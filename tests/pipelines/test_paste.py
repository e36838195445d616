import pytest
import torch

from openreels.conditioning.frames import as_pixels
from openreels.pipelines import paste


def _source(frames=3, height=48, width=64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    rows = torch.linspace(0, 1, height)[None, :, None, None]
    columns = torch.linspace(0, 1, width)[None, None, :, None]
    smooth = 60 + 80 * rows + 70 * columns * torch.tensor([1.0, 0.5, 0.2])
    noise = torch.randn(frames, height, width, 3, generator=draw) * 3
    return (smooth.expand(frames, -1, -1, -1) + noise).clamp(0, 255).to(torch.uint8)


def _region(frames=3, height=48, width=64):
    known = torch.ones(frames, height, width, dtype=torch.bool)
    known[:, 16:36, 20:44] = False
    return known


def _steps(result, source, known):
    """Signed step over every horizontal pair of a given and a generated pixel."""
    result = result.float()
    right = known[:, :, :-1] & ~known[:, :, 1:]
    left = ~known[:, :, :-1] & known[:, :, 1:]
    step = result[:, :, 1:] - result[:, :, :-1]
    return torch.cat([step[right], -step[left]]).mean(0)


def test_bytes_come_back():
    frames = torch.arange(256, dtype=torch.uint8)[:, None, None, None].expand(-1, 2, 2, 3)
    assert torch.equal(paste.to_bytes(as_pixels(frames)[0]), frames)


@pytest.mark.parametrize("seed", range(3))
def test_given_pixels_come_back_exactly_whatever_was_decoded(seed):
    source = _source(seed=seed)
    draw = torch.Generator().manual_seed(seed)
    known = torch.rand(3, 48, 64, generator=draw) > 0.5
    known[0] = seed == 0
    decoded = torch.randn(3, 3, 48, 64, generator=draw)
    result = paste.paste_back(decoded, source, known)
    assert torch.equal(result[known], source[known])


def test_nothing_given_changes_nothing():
    decoded = torch.rand(3, 3, 48, 64) * 2 - 1
    known = torch.zeros(3, 48, 64, dtype=torch.bool)
    result = paste.paste_back(decoded, _source(), known)
    assert torch.equal(result, paste.to_bytes(decoded))


@pytest.mark.parametrize("offset", [-0.4, 0.2])
def test_a_shift_of_colour_leaves_no_step_at_the_seam(offset):
    source, known = _source(), _region()
    decoded = (as_pixels(source)[0] + offset).clamp(-1, 1)
    plain = torch.where(known[..., None], source, paste.to_bytes(decoded))
    result = paste.paste_back(decoded, source, known)
    assert _steps(plain, source, known).abs().min() > 20
    assert _steps(result, source, known).abs().max() < 2


def test_another_colour_inside_the_region_leaves_no_mean_step():
    source, known = _source(), _region()
    decoded = as_pixels(source)[0]
    other = torch.tensor([0.9, -0.8, 0.1])[:, None, None]
    decoded = torch.where(known[None], decoded, other[..., None])
    result = paste.paste_back(decoded, source, known)
    assert _steps(result, source, known).abs().max() < 2
    # Farther from the seam than its reach the generated picture is untouched.
    middle = result[:, 25:27, 29:35]
    assert torch.equal(middle, paste.to_bytes(decoded)[:, 25:27, 29:35])


def test_whole_frames_meet_generated_ones_without_a_step_of_colour():
    source = _source(frames=24)
    known = torch.zeros(24, 48, 64, dtype=torch.bool)
    known[:8] = True
    decoded = (as_pixels(source)[0] + 0.2).clamp(-1, 1)
    result = paste.paste_back(decoded, source, known).float().mean((1, 2))
    assert (result[8] - result[7]).abs().max() < 2
    assert (result[23] - result[7]).abs().min() > 10
    assert (result[8:] - result[7:-1]).abs().max() < 8


def test_a_clip_that_really_gets_darker_stays_dark():
    source = _source(frames=16)
    known = torch.zeros(16, 48, 64, dtype=torch.bool)
    known[:8] = True
    decoded = as_pixels(source)[0]
    decoded[:, 8:] = decoded[:, 8:] * 0.5 - 0.5
    result = paste.paste_back(decoded, source, known)
    change = result.float() - paste.to_bytes(decoded).float()
    assert change[8:].abs().max() <= paste.MAX_DRIFT + 1
