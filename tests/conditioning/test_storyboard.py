import pytest
import torch

from openreels.conditioning.storyboard import panels


def _collage(rows, columns, height=48, width=64, smooth=True):
    """Panels of their own colours, each with a soft ramp and a little texture."""
    draw = torch.Generator().manual_seed(rows * 10 + columns)
    pictures = []
    for _ in range(rows * columns):
        colour = torch.randint(40, 216, (3,), generator=draw).float()
        ramp = torch.linspace(-20, 20, width)[None, :, None]
        noise = torch.randn(height, width, 3, generator=draw) * 2
        pictures.append((colour + ramp + noise).clamp(0, 255).to(torch.uint8))
    lines = [torch.cat(pictures[r * columns : (r + 1) * columns], 1) for r in range(rows)]
    return torch.cat(lines, 0), pictures


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (1, 3), (3, 3), (2, 3), (4, 1), (1, 2)])
def test_a_collage_falls_into_its_panels_row_by_row(rows, columns):
    collage, pictures = _collage(rows, columns)
    found = panels(collage)
    assert len(found) == rows * columns
    assert all(torch.equal(one, other) for one, other in zip(found, pictures, strict=True))


def test_without_a_seam_a_collage_is_two_by_two():
    found = panels(torch.full((40, 60, 3), 90, dtype=torch.uint8))
    assert [tuple(panel.shape) for panel in found] == [(20, 30, 3)] * 4


def test_a_collage_with_gutters_is_cut_in_them():
    collage, _ = _collage(2, 2, height=64, width=64)
    collage[63:65] = 255
    collage[:, 63:65] = 255
    assert len(panels(collage)) == 4


def test_a_collage_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 4 pixels a side, got 8x3"):
        panels(torch.zeros(3, 8, 3, dtype=torch.uint8))
