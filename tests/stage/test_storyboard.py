import pytest
import torch

from openreels.core.shapes import ClipShape
from openreels.stage.render import render_moments
from openreels.stage.storyboard import join_panels, moments_of, render_storyboard, split_panels
from openreels.stage.world import sample_scene


def test_splitting_is_the_inverse_of_joining():
    panels = torch.rand(4, 3, 16, 32)
    joined = join_panels(panels)
    assert joined.shape == (3, 32, 64)
    assert torch.equal(split_panels(joined), panels)
    assert torch.equal(joined[:, :16, 32:], panels[1])
    assert torch.equal(joined[:, 16:, :32], panels[2])
    with pytest.raises(ValueError, match="even sides"):
        split_panels(torch.zeros(3, 31, 64))


def test_a_storyboard_has_four_moments_in_order():
    scene, shape = sample_scene(4, 1), ClipShape(num_frames=1, height=32, width=48)
    times = moments_of(scene)
    assert times == (0.25, 0.75, 1.25, 1.75)
    panels = split_panels(render_storyboard(scene, shape))
    assert torch.equal(panels, render_moments(scene, times, shape)[0])
