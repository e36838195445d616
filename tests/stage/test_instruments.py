import itertools
import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import ear_gains
from openreels.stage.instruments import INSTRUMENTS, Strike, pitch_hz, render_strikes, ring_s
from openreels.stage.scene import SIZES

LENGTH = 2 * SAMPLE_RATE_HZ


def strike(time_s=0.1, **changes) -> Strike:
    values = {"instrument": "bell", "actor": 0, "size": "medium", "speed": 0.8, "x": 0.0}
    return Strike(time_s=time_s, **(values | changes))


def render(*items: Strike, seed=0, length=LENGTH) -> Tensor:
    return render_strikes([items], length, [seed])[0]


def peaks_hz(wave: Tensor, count: int) -> list[float]:
    """The strongest partials, from 50 ms to 1 s after the start of the clip."""
    piece = wave.sum(0)[2205:44_100]
    power = torch.fft.rfft(piece * torch.hann_window(len(piece)), 2**18).abs()
    found = []
    for _ in range(count):
        index = int(power.argmax())
        found.append(index * SAMPLE_RATE_HZ / 2**18)
        power[max(index - 60, 0) : index + 60] = 0
    return sorted(found)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("time_s", [0.0, 0.5, 0.733_331])
def test_a_strike_starts_at_its_time(instrument, time_s):
    wave = render(strike(time_s, instrument=instrument, speed=0.3))
    first = math.ceil(time_s * SAMPLE_RATE_HZ)
    assert not wave[:, :first].any()
    loud = wave.abs().amax(0)
    assert loud[first : first + 132].max() > 0.3 * loud.max()


def test_a_bell_has_the_partials_of_a_bell():
    for size in SIZES:
        pitch = pitch_hz("bell", size)
        heard = peaks_hz(render(strike(0.0, size=size)), 4)
        assert [hz / pitch for hz in heard] == pytest.approx([0.5, 1, 1.2, 2], rel=0.01)


def test_a_drum_falls_to_its_pitch():
    for size in SIZES:
        wave = render(strike(0.0, instrument="drum", size=size), length=LENGTH)
        early = wave.sum(0)[:1600]
        late = wave.sum(0)[4410:17_640]
        spectrum = torch.fft.rfft(late * torch.hann_window(len(late)), 2**18).abs()
        pitch = float(spectrum.argmax()) * SAMPLE_RATE_HZ / 2**18
        assert pitch == pytest.approx(pitch_hz("drum", size), rel=0.03)
        crossings = ((early[:-1] < 0) & (early[1:] >= 0)).sum() / (1600 / SAMPLE_RATE_HZ)
        assert crossings > 1.1 * pitch


def test_bells_ring_long_and_drums_do_not():
    def half_life_s(wave):
        energy = wave.square().sum(0).cumsum(0)
        return float((energy < 0.95 * energy[-1]).sum()) / SAMPLE_RATE_HZ

    for size in SIZES:
        bell = half_life_s(render(strike(0.0, size=size)))
        drum = half_life_s(render(strike(0.0, instrument="drum", size=size)))
        assert bell > 0.35
        assert drum < 0.25
        assert ring_s("bell", size) > 3 > ring_s("drum", size)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_small_is_high_and_fast_is_loud(instrument):
    pitch = [pitch_hz(instrument, size) for size in ("large", "medium", "small")]
    assert all(high > 1.4 * low for low, high in itertools.pairwise(pitch))
    level = [
        float(render(strike(instrument=instrument, speed=s)).square().sum().sqrt())
        for s in (0.0, 0.2, 0.5, 1.0)
    ]
    assert level[0] == 0
    assert all(low < high for low, high in itertools.pairwise(level))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_pan_follows_the_place(instrument):
    for x in (-1.0, 0.3):
        left, right = render(strike(instrument=instrument, x=x)).square().sum(1).sqrt().tolist()
        want_left, want_right = ear_gains(x)
        assert math.atan2(right, left) == pytest.approx(math.atan2(want_right, want_left), abs=0.01)


def test_every_strike_ends_in_silence_below_full_scale():
    for instrument, size in itertools.product(INSTRUMENTS, SIZES):
        wave = render(strike(0.0, instrument=instrument, size=size, speed=1.0), length=6 * 44_100)
        assert not wave[:, round(ring_s(instrument, size) * SAMPLE_RATE_HZ) + 1 :].any()
        assert 0.15 < wave.abs().max() < 0.95


def test_clips_are_independent_and_deterministic():
    items = [
        [strike(0.1), strike(0.4, instrument="drum", size="large")],
        [],
        [strike(0.3, instrument="drum", x=0.5), strike(0.0, size="small")],
    ]
    batch = render_strikes(items, LENGTH, [5, 6, 7])
    assert torch.equal(batch, render_strikes(items, LENGTH, [5, 6, 7]))
    assert not batch[1].any()
    assert torch.allclose(batch[2], render(*items[2], seed=7), atol=1e-6)
    assert torch.allclose(batch[2, :, :9000], render(*items[2], seed=7, length=9000), atol=1e-6)
    assert not torch.allclose(batch[0], render(*items[0], seed=6), atol=1e-4)
    assert not render(strike(2.0)).any()


def test_records_are_read_strictly():
    adapter = TypeAdapter(Strike)
    assert adapter.validate_json(adapter.dump_json(strike())) == strike()
    with pytest.raises(ValidationError):
        adapter.validate_json(
            adapter.dump_json(strike()).replace(b"drum", b"gong").replace(b"bell", b"gong")
        )
    with pytest.raises(ValueError, match="a seed a clip"):
        render_strikes([[strike()]], 10, [])
