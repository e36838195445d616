import pytest
import torch

from openreels.conditioning.storyboard import panels
from openreels.core.shapes import ClipShape, size_for
from openreels.media.clip import frames_of
from openreels.stage.reference_tasks import Order, make_task
from openreels.stage.references import render_reference
from openreels.stage.storyboard import split_panels
from openreels.stage.world import WorldSettings


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


@pytest.mark.parametrize(
    ("rows", "columns"), [(2, 2), (1, 3), (3, 3), (2, 3), (4, 1), (1, 2), (4, 4)]
)
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


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "3:4"])
def test_the_storyboards_of_the_world_fall_into_the_panels_they_were_made_of(ratio):
    height, width = size_for(ratio, 64)
    shape = ClipShape(num_frames=33, height=height, width=width)
    settings = WorldSettings(duration_s=2.0, aspect_ratio=ratio)
    for index in range(12):
        (reference,) = make_task(
            "storyboard", Order(seed=4, index=index, settings=settings)
        ).references
        picture = render_reference(reference, shape).images[0]
        found = panels(torch.from_numpy(frames_of(picture[None, :, None])[0]))
        exact = frames_of(split_panels(picture).unsqueeze(2).transpose(0, 2))
        assert torch.equal(torch.stack(found), torch.from_numpy(exact))


def test_a_collage_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 4 pixels a side, got 8x3"):
        panels(torch.zeros(3, 8, 3, dtype=torch.uint8))
