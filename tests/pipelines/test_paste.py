import pytest
import torch

from openreels.evaluation.tasks import seam_step
from openreels.media.clip import frames_of, pixels_of
from openreels.pipelines import paste


def _source(frames=3, height=48, width=64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    rows = torch.linspace(0, 1, height)[None, :, None, None]
    columns = torch.linspace(0, 1, width)[None, None, :, None]
    smooth = 60 + 80 * rows + 70 * columns * torch.tensor([1.0, 0.5, 0.2])
    noise = torch.randn(frames, height, width, 3, generator=draw) * 3
    return (smooth.expand(frames, -1, -1, -1) + noise).clamp(0, 255).to(torch.uint8)


def _pixels(frames):
    return pixels_of(frames.numpy())[0]


def _bytes(pixels):
    return torch.from_numpy(frames_of(pixels[None]))


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
    assert torch.equal(result, _bytes(decoded))


def test_nothing_generated_returns_the_source():
    source = _source()
    known = torch.ones(3, 48, 64, dtype=torch.bool)
    assert torch.equal(paste.paste_back(torch.zeros(3, 3, 48, 64), source, known), source)


def _solved(values, mask):
    """The screened equation on a small grid, one row of a matrix for every pixel."""
    height, width = mask.shape
    size = height * width
    matrix = torch.eye(size, dtype=torch.float64)
    for row, column in (~mask).nonzero().tolist():
        place = row * width + column
        near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        inside = [(r, c) for r, c in near if 0 <= r < height and 0 <= c < width]
        matrix[place, place] = len(inside) + paste.SCREEN_PX**-2
        for r, c in inside:
            matrix[place, r * width + c] = -1
    right = torch.where(mask, values, 0).flatten(1).T.double()
    return torch.linalg.solve(matrix, right).T.unflatten(1, (height, width))


@pytest.mark.parametrize("kind", ["hole", "outside", "corner"])
def test_the_membrane_is_the_solution_of_the_screened_equation(kind):
    mask = torch.zeros(14, 18, dtype=torch.bool)
    mask[4:9, 5:12] = True
    mask = {"hole": ~mask, "outside": mask, "corner": torch.ones_like(mask).tril(-3)}[kind]
    values = torch.randn(3, 14, 18)
    exact = _solved(torch.cat([values, torch.ones(1, 14, 18)]), mask)
    exact = exact[:3] / exact[3:]
    known = mask[None, None].float()
    error = (paste.membrane(values[None], known)[0] - exact).abs()
    assert error[:, mask].max() < 1e-5
    # As much of it as the seam takes.
    assert (error * paste.nearness(known)[0]).max() < 0.01 * values.abs().max()


def test_the_membrane_carries_one_colour_on_as_it_is():
    mask = torch.rand(2, 1, 20, 24, generator=torch.Generator().manual_seed(0)) > 0.9
    values = torch.tensor([0.3, -1.0, 7.0])[:, None, None].expand(2, -1, 20, 24)
    near = (paste.nearness(mask.float()) > 0).expand(-1, 3, -1, -1)
    assert torch.allclose(paste.membrane(values, mask.float())[near], values[near], atol=1e-4)


def _smooth_offset(height, width):
    """About 20 of 255, as a wrong exposure or a vignette would be."""
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)
    tint = torch.tensor([1.0, -0.8, 0.6])[:, None, None, None]
    return tint * (1 + 0.3 * rows * columns) * 20 / 127.5


def _fixed(frames):
    return _region(frames)


def _moving(frames):
    known = torch.ones(frames, 48, 64, dtype=torch.bool)
    for frame in range(frames):
        known[frame, 8 + frame : 30 + frame, 10 + 2 * frame : 36 + 2 * frame] = False
    return known


def _outside(frames):
    known = torch.zeros(frames, 48, 64, dtype=torch.bool)
    known[:, :, 14:50] = True
    return known


@pytest.mark.parametrize("region", [_fixed, _moving, _outside])
def test_a_smooth_offset_is_taken_back_at_the_seam_and_left_further_in(region):
    source, known = _source(frames=8), region(8)
    source[:, 20:30, :30] = torch.tensor([200, 40, 90], dtype=torch.uint8)
    decoded = _pixels(source) + _smooth_offset(48, 64)
    result = paste.paste_back(decoded, source, known)
    truth = _pixels(source)
    assert seam_step(_pixels(result), known, truth) < 2
    assert seam_step(torch.where(known, truth, decoded), known, truth) > 10
    assert torch.equal(result[known], source[known])
    far = paste.nearness(known[:, None].float())[:, 0] == 0
    far &= ~known
    assert far.any()
    assert torch.equal(result[far], _bytes(decoded)[far])
    assert torch.equal(result, paste.paste_back(decoded, source, known))


@pytest.mark.parametrize("offset", [-0.4, 0.2])
def test_a_shift_of_colour_leaves_no_step_at_the_seam(offset):
    source, known = _source(), _region()
    decoded = (_pixels(source) + offset).clamp(-1, 1)
    plain = torch.where(known[..., None], source, _bytes(decoded))
    result = paste.paste_back(decoded, source, known)
    assert _steps(plain, source, known).abs().min() > 20
    assert _steps(result, source, known).abs().max() < 2


def test_another_colour_inside_the_region_leaves_no_mean_step():
    source, known = _source(), _region()
    decoded = _pixels(source)
    other = torch.tensor([0.9, -0.8, 0.1])[:, None, None]
    decoded = torch.where(known[None], decoded, other[..., None])
    result = paste.paste_back(decoded, source, known)
    assert _steps(result, source, known).abs().max() < 2
    # Farther from the seam than its reach the generated picture is untouched.
    middle = result[:, 25:27, 29:35]
    assert torch.equal(middle, _bytes(decoded)[:, 25:27, 29:35])


def test_whole_frames_meet_generated_ones_without_a_step_of_colour():
    source = _source(frames=24)
    known = torch.zeros(24, 48, 64, dtype=torch.bool)
    known[:8] = True
    decoded = (_pixels(source) + 0.2).clamp(-1, 1)
    result = paste.paste_back(decoded, source, known).float().mean((1, 2))
    assert (result[8] - result[7]).abs().max() < 2
    assert (result[23] - result[7]).abs().min() > 10
    assert (result[8:] - result[7:-1]).abs().max() < 8


def test_a_clip_that_really_gets_darker_stays_dark():
    source = _source(frames=16)
    known = torch.zeros(16, 48, 64, dtype=torch.bool)
    known[:8] = True
    decoded = _pixels(source)
    decoded[:, 8:] = decoded[:, 8:] * 0.5 - 0.5
    result = paste.paste_back(decoded, source, known)
    change = result.float() - _bytes(decoded).float()
    assert change[8:].abs().max() <= paste.MAX_DRIFT + 1


def _some_whole(places):
    known = torch.zeros(41, 48, 64, dtype=torch.bool)
    for frame in places:
        known[frame] = True
    return known


CUTS = {
    "first": _some_whole([0]),
    "after": _some_whole(range(12)),
    "before": _some_whole(range(22, 41)),
    "between": _some_whole([*range(6), 13, *range(30, 41)]),
    "moving": _moving(6).repeat_interleave(7, 0)[:41],
    "both": _some_whole(range(9)) | _region(41),
    "nothing": _some_whole([]),
    "all": _some_whole(range(41)),
}


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("name", CUTS)
def test_a_clip_in_pieces_is_pasted_as_one(name, size):
    """Pieces of whole latents: the first frame is one of its own, four frames each follow."""
    source, known = _source(frames=41), CUTS[name]
    draw = torch.Generator().manual_seed(5)
    drift = torch.linspace(-0.3, 0.2, 41)[None, :, None, None]
    decoded = _pixels(source) + drift + 0.02 * torch.randn(3, 41, 48, 64, generator=draw)
    rest = decoded[:, 4 * size - 3 :].split(4 * size, dim=1)
    pieces = [decoded[:, : 4 * size - 3], *rest]
    whole = paste.paste_back(decoded, source, known)
    made = torch.cat(list(paste.paste_pieces(pieces, source, known)))
    assert made.shape == whole.shape
    assert torch.equal(made, whole)
    changed = not torch.equal(whole, torch.where(known[..., None], source, _bytes(decoded)))
    assert changed == (name not in {"nothing", "all"})


def test_frames_wait_only_for_given_ones_ahead_and_come_in_small_pieces():
    source, known, read = _source(frames=41), CUTS["before"], []

    def pieces():
        for piece in _pixels(source).split(2, dim=1):
            read.append(piece.shape[1])
            yield piece

    made, waited = 0, []
    for piece in paste.paste_pieces(pieces(), source, known):
        assert len(piece) <= 2
        made += len(piece)
        waited.append(sum(read) - made)
    # The first given frame is 22; the eight before it are made when it is read.
    assert waited[:7] == [0] * 7
    assert waited[7:12] == [8, 6, 4, 2, 0]
    assert not any(waited[12:])
    assert made == 41
