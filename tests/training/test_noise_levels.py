import pytest
import torch

from openreels.core.seeding import generator
from openreels.training.config import SigmaConfig
from openreels.training.noise_levels import draw_sigmas

COUNT = 20_000


def draw(**config):
    return draw_sigmas(SigmaConfig(**config), COUNT, generator(0, "sigma"))


def test_uniform_levels_are_uniform():
    shares = torch.histc(draw(kind="uniform"), bins=10, min=0, max=1) / COUNT
    assert torch.allclose(shares, torch.full((10,), 0.1), atol=0.01)


def test_logit_normal_levels_have_the_logits_moments():
    logits = draw(uniform_share=0.0, mean=0.5, std=0.8).double().logit()
    assert float(logits.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(logits.std()) == pytest.approx(0.8, abs=0.02)


def test_the_shift_moves_every_level_by_its_closed_form():
    plain, shifted = draw(), draw(shift=3.0)
    assert torch.allclose(shifted, 3 * plain / (1 + 2 * plain), atol=1e-4)


def test_a_share_is_uniform_and_all_lie_inside():
    sigmas = draw(uniform_share=0.5, std=0.1)
    assert float((sigmas < 0.25).float().mean()) == pytest.approx(0.125, abs=0.01)
    assert float(sigmas.min()) > 0
    assert float(sigmas.max()) < 1
