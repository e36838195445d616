import pytest
import torch

from openreels.stage.paint import mix, rgb, scaled, step


def test_a_colour_takes_shape_and_kind_of_its_canvas():
    canvas = torch.zeros(2, 1, 4, 5, dtype=torch.float64)
    colour = rgb((0.1, 0.5, 0.9), canvas)
    assert colour.dtype == torch.float64
    assert (canvas + colour).shape == (2, 3, 4, 5)
    assert (canvas + colour)[1, :, 3, 4].tolist() == [0.1, 0.5, 0.9]


def test_a_step_is_half_at_the_edge_flat_outside_and_odd_about_it():
    d = torch.linspace(-2, 2, 81)
    cover = step(d, 0.8)
    assert cover[40].item() == pytest.approx(0.5)
    assert (cover[d <= -0.4] == 0).all()
    assert (cover[d >= 0.4] == 1).all()
    assert (cover.diff() >= 0).all()
    torch.testing.assert_close(cover + cover.flip(0), torch.ones(81))
    inside = step(torch.tensor([-0.2]), 0.8)  # a quarter of the ramp: 3 / 16 - 2 / 64
    torch.testing.assert_close(inside, torch.tensor([0.15625]))


def test_softness_only_stretches():
    d = torch.linspace(-1, 1, 21)
    torch.testing.assert_close(step(3 * d, 3.0), step(d, 1.0))
    per_pixel = step(d, torch.full((21,), 0.5))
    torch.testing.assert_close(per_pixel, step(d, 0.5))


@pytest.mark.parametrize("cover", [0.0, 0.25, 1.0])
def test_a_mix_is_a_weighted_mean(cover):
    below, above = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    expected = (1 - cover) * below + cover * above
    torch.testing.assert_close(mix(below, above, cover), expected)
    torch.testing.assert_close(mix(below, above, torch.full((1, 1, 4, 4), cover)), expected)


def test_coloured_light_scales_each_channel():
    assert scaled((0.5, 0.4, 0.2), (1.0, 0.5, 2.0)) == (0.5, 0.2, 0.4)
    assert scaled((0.3, 0.2, 0.1), (1.0, 1.0, 1.0)) == (0.3, 0.2, 0.1)
