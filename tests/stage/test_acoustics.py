import math

import pytest
import torch

from openreels.core.seeding import generator
from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import (
    Partials,
    add_sounds,
    check_batch,
    ear_gains,
    ear_onsets,
    glide,
    noise_band,
    ring,
    soft_limit,
    soften,
)


def partials() -> Partials:
    draw = torch.rand(4, 2, 3)
    return Partials(200 + 3000 * draw[0], draw[1], 1 + 40 * draw[2], 6 * draw[3])


def test_ring_is_the_closed_form():
    parts, offset = partials(), torch.tensor([[0.0, 0.25], [0.5, 0.9]])
    time = (torch.arange(3000) + offset[..., None].double()) / SAMPLE_RATE_HZ
    want = torch.zeros(2, 2, 3000, dtype=torch.float64)
    for i in range(3):
        hz, level, decay, phase = (
            field[:, i, None, None].double()
            for field in (parts.hz, parts.level, parts.decay, parts.phase)
        )
        want += level * torch.sin(2 * math.pi * hz * time + phase) * torch.exp(-decay * time)
    assert torch.allclose(ring(parts, offset, 3000).double(), want, atol=3e-4)


def test_glide_without_drop_is_ring():
    parts = partials()
    parts = Partials(parts.hz, parts.level, parts.decay, torch.zeros_like(parts.phase))
    offset = torch.tensor([[0.1], [0.7]])
    assert torch.allclose(glide(parts, offset, 2000, 0.0), ring(parts, offset, 2000), atol=2e-4)


def test_glide_starts_above_its_rest():
    parts = Partials(*(torch.tensor([[v]]) for v in (200.0, 1.0, 0.0, 0.0)))
    wave = glide(parts, torch.zeros(1, 1), 44_100, 0.5)[0, 0]
    crossings = ((wave[:-1] < 0) & (wave[1:] >= 0)).nonzero().flatten().double() / SAMPLE_RATE_HZ
    pitch = 1 / crossings.diff()
    assert pitch[0] > 220
    assert pitch[-20:].mean() == pytest.approx(200, rel=0.01)


def test_the_near_ear_hears_at_the_time_and_power_is_constant():
    onsets = ear_onsets([0.1, 0.25 + 0.5 / SAMPLE_RATE_HZ, 0.5], [0.0, -1.0, 7.0])
    when = (onsets.first - onsets.offset.double()) / SAMPLE_RATE_HZ
    times = torch.tensor([0.1, 0.25 + 0.5 / SAMPLE_RATE_HZ, 0.5])
    assert torch.allclose(when.amin(1).float(), times, atol=1e-7)
    assert (when[:, 1] - when[:, 0]).tolist() == pytest.approx([0, 0.0004, -0.0004], abs=1e-8)
    for x in (-3.0, -0.4, 0.0, 1.0):
        assert sum(gain**2 for gain in ear_gains(x)) == pytest.approx(1)
    assert ear_gains(-1.0) == pytest.approx((1, 0))


def test_sounds_outside_of_the_clip_are_cut():
    mix = torch.zeros(2, 2, 10)
    waves = torch.arange(1.0, 6.0).expand(3, 2, 5)
    add_sounds(mix, [0, 0, 1], torch.tensor([[-2, 8], [0, 0], [11, -5]]), waves)
    assert mix[0, 0].tolist() == [4, 6, 8, 4, 5, 0, 0, 0, 0, 0]
    assert mix[0, 1].tolist() == [1, 2, 3, 4, 5, 0, 0, 0, 1, 2]
    assert not mix[1].any()


def test_limit_and_step():
    wave = torch.tensor([-3.0, -0.8, 0.0, 0.5, 0.8, 0.9, 2.0])
    out = soft_limit(wave[None, None].expand(1, 2, -1))[0, 0]
    assert torch.equal(out[1:5], wave[1:5])
    assert out.abs().max() <= 1
    assert 0.8 < out[5] < 0.9
    step = soften(torch.tensor([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 4.0]))
    assert step.tolist() == pytest.approx([0, 0, 0.15625, 0.5, 0.84375, 1, 1])


def test_noise_lies_in_its_band():
    noise = noise_band([generator(0, "a"), generator(0, "b")], 44_100, 1000.0, 4000.0)
    assert noise.square().mean(1).tolist() == pytest.approx([1, 1], rel=0.02)
    power = torch.fft.rfft(noise).abs().square().mean(0)
    assert power[800:5000].sum() > 0.95 * power.sum()
    assert torch.corrcoef(noise)[0, 1].abs() < 0.05


def test_wrong_batches_are_refused():
    check_batch(2, 2, 0)
    with pytest.raises(ValueError, match="a seed a clip"):
        check_batch(1, 2, 10)
    with pytest.raises(ValueError, match="at least 0"):
        check_batch(1, 1, -1)
