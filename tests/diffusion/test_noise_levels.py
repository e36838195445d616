import pytest
import torch

from openreels.core.seeding import generator
from openreels.diffusion.noise_levels import NoiseLevelConfig, draw_lags, draw_sigmas
from openreels.diffusion.schedule import shift_sigmas


def _draw(count=20_000, **config):
    return draw_sigmas(count, NoiseLevelConfig(**config), generator=generator(0, "levels"))


@pytest.mark.parametrize("stratified", [True, False])
def test_uniform_quantiles(stratified):
    sigmas = _draw(stratified=stratified)
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    assert torch.allclose(sigmas.quantile(quantiles), quantiles, atol=0.02)
    assert sigmas.min() > 0
    assert sigmas.max() < 1


def test_logit_normal_has_the_stated_mean_and_spread():
    logits = torch.logit(_draw(kind="logit_normal", mean=0.5, std=1.5).double())
    assert abs(logits.mean() - 0.5) < 0.03
    assert abs(logits.std() - 1.5) < 0.03


def test_shift_moves_the_same_draws():
    assert torch.allclose(_draw(64, shift=3.0), shift_sigmas(_draw(64), 3.0), atol=1e-5)


def test_stratified_levels_take_one_part_each():
    parts = (_draw(16) * 16).floor().long()
    assert sorted(parts.tolist()) == list(range(16))
    assert parts.tolist() != list(range(16))


def test_a_share_stays_uniform():
    sigmas = _draw(kind="logit_normal", std=0.1, uniform_share=0.5)
    assert float((sigmas < 0.25).float().mean()) == pytest.approx(0.125, abs=0.01)
    assert torch.equal(
        _draw(64, kind="logit_normal", uniform_share=1.0).sort().values, _draw(64).sort().values
    )


def test_the_generator_decides():
    assert torch.equal(_draw(8), _draw(8))


def test_impossible_spreads_are_refused():
    with pytest.raises(ValueError, match="must be positive"):
        NoiseLevelConfig(std=0.0)
    with pytest.raises(ValueError, match="must be positive"):
        NoiseLevelConfig(shift=-1.0)
    with pytest.raises(ValueError, match="uniform_share"):
        NoiseLevelConfig(uniform_share=1.5)


def test_a_share_lags_evenly_by_the_logarithm():
    config = NoiseLevelConfig(lag_share=0.5, max_lag=16.0)
    lags = draw_lags(20_000, config, generator=generator(0, "lags"))
    assert float((lags == 1).float().mean()) == pytest.approx(0.5, abs=0.01)
    drawn = lags[lags > 1].log() / torch.tensor(16.0).log()
    assert torch.allclose(
        drawn.quantile(torch.tensor([0.1, 0.5, 0.9])), torch.tensor([0.1, 0.5, 0.9]), atol=0.02
    )
    assert draw_lags(4, NoiseLevelConfig(), generator=generator(0, "lags")) is None


@pytest.mark.parametrize("wrong", [{"lag_share": 1.5}, {"max_lag": 0.5}])
def test_impossible_lags(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        NoiseLevelConfig(**wrong)
