import itertools
import math

import pytest
import torch
from torch import Tensor

from openreels.core.shapes import SAMPLE_RATE_HZ
from openreels.stage.acoustics import ear_gains, loudness
from openreels.stage.scene import MATERIALS, SHAPES, SIZES, Contact
from openreels.stage.sound import fundamental_hz, render_audio, ring_s

LENGTH = 66_150


def contact(time_s=0.1, **changes) -> Contact:
    values = {
        "time_s": time_s,
        "actor": 0,
        "surface": "floor",
        "speed": 0.8,
        "x": 0.0,
        "material": "metal",
        "size": "medium",
        "shape": "ball",
    } | changes
    return Contact(**values)


def render(*items: Contact, seed=0, length=LENGTH) -> Tensor:
    return render_audio([items], length, [seed])[0]


def strongest_hz(wave: Tensor) -> float:
    """Strongest partial of the ring, the first 5 ms (click, glide) left out."""
    mono = wave.sum(0)
    first = int(mono.ne(0).nonzero()[0, 0]) + round(0.005 * SAMPLE_RATE_HZ)
    spectrum = torch.fft.rfft(mono[first:], 2**17).abs()
    return float(spectrum.argmax()) * SAMPLE_RATE_HZ / 2**17


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("time_s", [0.0, 0.25, 0.733_331])
def test_sound_starts_at_the_contact_and_attacks_within_a_millisecond(material, time_s):
    wave = render(contact(time_s, material=material, speed=0.2))
    first = math.ceil(time_s * SAMPLE_RATE_HZ)
    assert not wave[:, :first].any()
    loud = wave.abs().amax(0)
    attack = loud[first : first + 44].max()
    assert attack > 0.1 * loud.max()
    assert loud.max() > 0.01


def test_the_onset_falls_between_two_samples():
    low = contact(0.1, material="rubber", actor=3)
    early = render(low)
    half = render(contact(0.1 + 0.5 / SAMPLE_RATE_HZ, material="rubber", actor=3))
    whole = render(contact(0.1 + 1.0 / SAMPLE_RATE_HZ, material="rubber", actor=3))
    ring = slice(4410 + 1400, 4410 + 4000)
    middle = (early[:, ring] + whole[:, ring]) / 2
    assert torch.allclose(half[:, ring], middle, atol=1e-5)
    assert not torch.allclose(early[:, ring], whole[:, ring], atol=1e-4)


@pytest.mark.parametrize("x", [-1.0, -0.6, 0.0, 0.3, 1.0])
def test_pan_keeps_power_and_follows_the_place(x):
    wave = render(contact(x=x, material="wood"))
    left, right = wave.square().sum(1).sqrt().tolist()
    gain_left, gain_right = ear_gains(x)
    assert gain_left**2 + gain_right**2 == pytest.approx(1)
    assert math.atan2(right, left) == pytest.approx(math.atan2(gain_right, gain_left), abs=0.01)
    centre = render(contact(x=0.0, material="wood")).square().sum()
    assert math.hypot(left, right) == pytest.approx(float(centre.sqrt()), rel=0.02)


def test_the_far_ear_hears_later():
    wave = render(contact(0.2, x=-0.9, material="glass"))
    left, right = (int(ear.ne(0).nonzero()[0, 0]) for ear in wave)
    assert 0 < (right - left) / SAMPLE_RATE_HZ <= 0.0004


@pytest.mark.parametrize("material", MATERIALS)
def test_small_is_high_and_large_is_low(material):
    heard = [
        strongest_hz(render(contact(material=material, size=size, shape=shape)))
        for size, shape in itertools.product(SIZES, ("ball", "ring"))
    ]
    small, medium, large = heard[:2], heard[2:4], heard[4:]
    assert min(small) > 1.25 * max(medium)
    assert min(medium) > 1.25 * max(large)
    assert fundamental_hz(material, "small") > fundamental_hz(material, "large")


def test_materials_ring_in_order():
    def half_energy_s(material):
        energy = render(contact(0.0, material=material)).square().sum(0).cumsum(0)
        return float((energy < 0.99 * energy[-1]).sum()) / SAMPLE_RATE_HZ

    times = [half_energy_s(material) for material in ("rubber", "wood", "glass", "metal")]
    assert times[1] < 0.12
    assert times[2] > times[1]
    assert times[3] > times[2]
    assert ring_s("metal", "medium") == pytest.approx(0.95)


@pytest.mark.parametrize("material", MATERIALS)
def test_faster_is_louder_and_brighter(material):
    waves = [
        render(contact(0.0, material=material, speed=s)) for s in (0.0, 0.1, 0.2, 0.5, 0.9, 1.0)
    ]
    level = [float(wave.square().sum().sqrt()) for wave in waves]
    assert level[0] == 0
    assert all(low < high for low, high in itertools.pairwise(level))
    assert level[2] > 0.15 * level[-1]
    assert loudness(0.2) < loudness(0.3)

    def centroid(wave):
        power = torch.fft.rfft(wave.sum(0)[:4096]).abs().square()
        return float((power * torch.arange(len(power))).sum() / power.sum())

    assert centroid(waves[-1]) > 1.02 * centroid(waves[1])


def test_impacts_add_up():
    first, second = contact(0.1, x=-0.5), contact(0.15, x=0.4, material="rubber", actor=1)
    both = render(first, second)
    assert torch.allclose(both, render(first) + render(second), atol=1e-6)
    assert torch.allclose(both, render(second, first), atol=1e-6)


def test_every_sound_ends_in_true_silence_and_below_full_scale():
    choices = itertools.product(MATERIALS, SIZES, SHAPES)
    loudest = [
        (contact(0.1, material=m, size=size, shape=shape, speed=1.0, x=1.0),)
        for m, size, shape in choices
    ]
    waves = render_audio(loudest, LENGTH, [0] * len(loudest))
    assert waves.abs().max() < 0.95
    assert not waves[..., -4410:].any()
    crowd = render(*[contact(0.1, material="metal", actor=i, speed=1.0) for i in range(12)])
    assert 0.8 < crowd.abs().max() <= 1


def test_clips_are_independent_and_deterministic():
    items = [[contact(0.1)], [], [contact(0.3, material="glass"), contact(1.49)]]
    batch = render_audio(items, LENGTH, [5, 6, 7])
    assert torch.equal(batch, render_audio(items, LENGTH, [5, 6, 7]))
    assert not batch[1].any()
    assert torch.allclose(batch[2], render(*items[2], seed=7), atol=1e-6)
    assert not torch.allclose(batch[0], render(*items[0], seed=6), atol=1e-4)
    assert torch.allclose(batch[2, :, :20_000], render(*items[2], seed=7, length=20_000), atol=1e-6)


def test_contacts_after_the_end_are_not_heard():
    assert not render(contact(1.5)).any()
    assert render_audio([], 10, []).shape == (0, 2, 10)


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="a seed a clip"):
        render_audio([[contact()]], 10, [])
    with pytest.raises(ValueError, match="at least 0"):
        render_audio([[contact()]], -1, [0])
