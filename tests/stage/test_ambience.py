import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.ambience import AMBIENCES, Ambience, render_ambience

LENGTH = 4 * SAMPLE_RATE_HZ


def ambience(kind="rain", **changes) -> Ambience:
    return Ambience(**({"kind": kind, "start_s": 0.0, "duration_s": 4.0} | changes))


def render(*items: Ambience, seed=0, length=LENGTH) -> Tensor:
    return render_ambience([items], length, [seed])[0]


def share(wave: Tensor, low_hz: float, high_hz: float) -> float:
    power = torch.fft.rfft(wave).abs().square().sum(0)
    hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, len(power))
    return float(power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spectra_tell_them_apart(seed):
    rain, wind, night = (render(ambience(kind), seed=seed) for kind in AMBIENCES)
    assert share(wind, 0, 1_200) > 0.85
    assert share(night, 3_700, 5_500) > 0.6
    assert share(rain, 0, 1_200) < 0.4
    assert share(rain, 3_700, 5_500) < 0.4
    assert share(rain, 5_500, 10_000) > 0.2


@pytest.mark.parametrize("kind", AMBIENCES)
def test_it_is_steady_but_alive(kind):
    wave = render(ambience(kind)).sum(0)
    level = wave.square().unfold(0, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ).mean(1).sqrt()
    assert level.max() < 4 * level.min()
    brief = wave.square().unfold(0, 441, 441).mean(1).sqrt()
    assert brief.std() > 0.04 * brief.mean()
    halves = wave[: LENGTH // 2], wave[LENGTH // 2 :]
    assert torch.corrcoef(torch.stack(halves))[0, 1].abs() < 0.3


def test_rain_has_drops_and_wind_has_gusts():
    def kurtosis(wave):
        return float((wave / wave.std()).pow(4).mean())

    assert kurtosis(render(ambience("rain"))[0]) > 3.3
    wind = render(ambience("wind")).sum(0).square().unfold(0, 8820, 8820).mean(1).sqrt()
    rain = render(ambience("rain")).sum(0).square().unfold(0, 8820, 8820).mean(1).sqrt()
    assert wind.std() / wind.mean() > 2 * rain.std() / rain.mean()


@pytest.mark.parametrize("kind", AMBIENCES)
def test_ears_hear_different_things(kind):
    wave = render(ambience(kind))
    assert torch.corrcoef(wave)[0, 1].abs() < 0.4
    left, right = wave.square().mean(1).sqrt().tolist()
    assert 0.5 < left / right < 2


@pytest.mark.parametrize("kind", AMBIENCES)
def test_loudness_and_times(kind):
    loud = render(ambience(kind))
    assert torch.allclose(render(ambience(kind, loudness=0.25)), loud / 4, atol=1e-6)
    assert 0.008 < loud.square().mean().sqrt() < 0.1
    assert loud.abs().max() < 0.7
    part = render(ambience(kind, start_s=1.0, duration_s=1.5))
    first, last = SAMPLE_RATE_HZ, round(2.5 * SAMPLE_RATE_HZ)
    assert not part[:, :first].any()
    assert not part[:, last:].any()
    assert part[:, first:last].any()


def test_clips_are_independent_and_deterministic():
    items = [[ambience()], [], [ambience("night"), ambience("wind", duration_s=2.0)]]
    batch = render_ambience(items, LENGTH, [5, 6, 7])
    assert torch.equal(batch, render_ambience(items, LENGTH, [5, 6, 7]))
    assert not batch[1].any()
    assert torch.equal(batch[2], render(*items[2], seed=7))
    assert torch.equal(batch[2, :, :9000], render(*items[2], seed=7, length=9000))
    assert not torch.allclose(batch[0], render(ambience(), seed=6), atol=1e-3)
    assert not render(ambience(start_s=4.0)).any()


def test_records_are_checked():
    adapter = TypeAdapter(Ambience)
    assert adapter.validate_json(adapter.dump_json(ambience())) == ambience()
    with pytest.raises(ValidationError):
        adapter.validate_json(adapter.dump_json(ambience()).replace(b"rain", b"hail"))
    with pytest.raises(ValueError, match="loudness"):
        ambience(loudness=1.5)
    with pytest.raises(ValueError, match="seconds"):
        ambience(duration_s=0.0)
