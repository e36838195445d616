import math

import pytest
import torch

from openreels.models.audio_vae import presets
from openreels.models.audio_vae.config import AudioVAEConfig
from openreels.models.audio_vae.layers import (
    Framing,
    Hearing,
    SpectralHead,
    bounded_gain,
    mel_matrix,
    split_matrix,
)
from openreels.models.audio_vae.model import AudioVAE


@pytest.fixture
def network() -> AudioVAE:
    torch.manual_seed(3)
    return AudioVAE(presets.tiny()).eval()


@pytest.mark.parametrize("hop", [32, 256])
@pytest.mark.parametrize("hops", [1, 2, 7])
def test_framing_is_undone_exactly(hop, hops):
    wave = torch.randn(2, 2, hop * hops)
    framing = Framing(hop)
    spectra = framing.analyse(wave)
    assert spectra.shape == (2, 2, hops, hop + 1)
    assert torch.allclose(framing.synthesise(spectra), wave, atol=1e-5)


def test_frames_are_centred_on_their_hops():
    framing = Framing(256)
    wave = torch.zeros(1, 2, 256 * 8)
    wave[..., 256 * 3 + 128] = 1
    power = framing.analyse(wave).abs().square().sum(-1)[0, 0]
    assert int(power.argmax()) == 3
    assert power[3] > 0.99 * power.sum()


def test_mel_bands_are_averages_of_bins():
    for bands, window in ((96, 2048), (80, 1024), (48, 512), (16, 128)):
        weights = mel_matrix(bands, window)
        assert torch.allclose(weights.sum(0), torch.ones(bands), atol=1e-5)
        assert (weights >= 0).all()
        assert (weights.argmax(0).diff() >= 0).all()


def test_hearing_is_zero_in_silence_and_logarithmic_in_level():
    hearing = Hearing(presets.tiny())
    assert not hearing(torch.zeros(1, 2, 4096)).any()
    wave = torch.randn(1, 2, 4096) * 0.1
    rise = hearing(10 * wave) - hearing(wave)
    pitch, pan = rise[..., :12], rise[..., 12:14]
    assert torch.allclose(pitch, torch.full_like(pitch, math.log(10)), atol=0.05)
    assert torch.allclose(pan, torch.zeros_like(pan), atol=0.05)


def test_hearing_tells_left_from_right_and_when():
    hearing = Hearing(presets.tiny())
    wave = torch.zeros(1, 2, 3072)
    wave[:, 0, 1024 + 512 + 256 : 2048] = torch.randn(256)
    features = hearing(wave)[0, 1]
    assert (features[12:14] > 1).all()
    mirrored = hearing(wave.flip(1))[0, 1]
    assert torch.allclose(mirrored[12:14], -features[12:14])
    assert torch.allclose(mirrored[:12], features[:12])
    rhythm = features[14:].reshape(4, 3)
    assert int(rhythm.sum(1).argmax()) == 3
    assert not rhythm[:2].any()


def test_bands_share_out_every_bin():
    split = split_matrix(8, 257)
    assert torch.allclose(split.sum(0), torch.ones(257), atol=1e-5)
    centres = split.argmax(1)
    assert (centres.diff() > 0).all()
    assert centres.diff()[0] < centres.diff()[-1]


def test_gains_are_exponential_inside_their_range_and_never_flat():
    x = torch.linspace(-40, 30, 200, requires_grad=True)
    gain = bounded_gain(x)
    inside = (x > -9) & (x < 6)
    assert torch.allclose(gain[inside], x[inside].exp())
    assert gain.max() < math.exp(6 + 0.05 * 25)
    assert (gain.log().diff() > 0).all()


def test_a_steady_bin_sounds_as_a_steady_tone():
    head = SpectralHead(presets.tiny())
    with torch.no_grad():
        for part in (head.level, head.turn, head.envelope):
            part.weight.zero_()
            part.bias.zero_()
        head.level.bias.fill_(-200)
        head.level.bias[101] = 1.0
        wave = head(torch.randn(1, 8, 8))[0]
    time = torch.arange(8 * 1024) / 2048
    tone = torch.stack((torch.cos(2 * math.pi * 101 * time), torch.sin(2 * math.pi * 101 * time)))
    inside = slice(1024, -1024)
    fit = torch.linalg.lstsq(tone[:, inside].T, wave[:, inside].T)
    left = wave[:, inside].T - tone[:, inside].T @ fit.solution
    assert left.abs().max() < 0.01 * wave.abs().max()
    assert torch.equal(wave[0], wave[1])


def test_the_envelope_places_sound_between_the_ears():
    head = SpectralHead(presets.tiny())
    with torch.no_grad():
        head.envelope.weight.zero_()
        head.envelope.bias[: len(head.envelope.bias) // 2] = math.log(3.0)
        left, right = head(torch.randn(1, 8, 8))[0]
    assert torch.allclose(left, 3 * right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("tokens", [1, 5, 43])
def test_a_token_is_1024_samples(network, tokens):
    wave = torch.randn(2, 2, 1024 * tokens) * 0.1
    latents = network.encode(wave)
    assert latents.shape == (2, 4, tokens)
    heard = network.decode(latents)
    assert heard.shape == wave.shape
    assert heard.abs().max() <= 1
    assert torch.isfinite(heard).all()


def test_encoding_is_deterministic_and_independent_of_the_batch(network):
    wave = torch.randn(3, 2, 4096) * 0.1
    latents = network.encode(wave)
    assert torch.equal(latents, network.encode(wave))
    assert torch.allclose(latents[1:2], network.encode(wave[1:2]), atol=1e-6)
    heard = network.decode(latents)
    assert torch.allclose(heard[2:], network.decode(latents[2:]), atol=1e-6)


def test_silence_is_the_same_latent_everywhere(network):
    latents = network.encode(torch.zeros(1, 2, 1024 * 20))
    assert torch.allclose(latents, latents[..., :1].expand_as(latents), atol=1e-6)


def test_far_sound_changes_nothing(network):
    wave = torch.randn(1, 2, 1024 * 40) * 0.1
    changed = wave.clone()
    changed[..., -1024:] = 0.5
    a, b = network.encode(wave), network.encode(changed)
    assert torch.allclose(a[..., :38], b[..., :38], atol=1e-6)
    assert not torch.equal(a[..., -1], b[..., -1])
    other = a.clone()
    other[..., -1] += 1
    c, d = network.decode(a), network.decode(other)
    assert torch.allclose(c[..., : 35 * 1024], d[..., : 35 * 1024], atol=1e-6)
    assert not torch.allclose(c[..., -1024:], d[..., -1024:], atol=1e-4)


def test_calibration_normalises_and_leaves_decoding_alone(network):
    wave = torch.randn(2, 2, 1024 * 50) * 0.1
    raw = network.encode(wave)
    heard = network.decode(raw)
    network.calibrate(raw.mean((0, 2)), raw.std((0, 2)))
    latents = network.encode(wave)
    assert torch.allclose(latents.mean((0, 2)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(latents.std((0, 2)), torch.ones(4), atol=1e-4)
    assert torch.allclose(network.decode(latents), heard, atol=1e-5)
    with pytest.raises(ValueError, match="positive"):
        network.calibrate(torch.zeros(4), torch.zeros(4))


def test_state_round_trip_carries_the_statistics(network):
    network.calibrate(torch.randn(4), torch.rand(4) + 0.5)
    other = AudioVAE(network.config)
    other.load_state_dict(network.state_dict(), strict=True)
    wave = torch.randn(1, 2, 4096)
    assert torch.equal(other.encode(wave), network.encode(wave))
    assert {"mean", "std"} < set(network.state_dict())
    assert not any("window" in name or "split" in name for name in network.state_dict())


@pytest.mark.parametrize("samples", [0, 1023, 1025])
def test_part_tokens_are_refused(network, samples):
    with pytest.raises(ValueError, match="multiple of 1024"):
        network.encode(torch.zeros(1, 2, samples))


def test_no_token_is_refused(network):
    with pytest.raises(ValueError, match="at least one token"):
        network.decode(torch.zeros(1, 4, 0))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"rhythm_steps": 3}, "rhythm_steps must divide 512"),
        ({"envelope_steps": 1024}, "envelope_steps must divide 512"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"channels": 0}, "channels must be at least 1"),
    ],
)
def test_impossible_sizes_are_refused(change, rule):
    sizes = {"channels": 4, "width": 8, "blocks": 1}
    with pytest.raises(ValueError, match=rule):
        AudioVAEConfig(**(sizes | change))


def test_the_shipped_size_is_small():
    network = AudioVAE(presets.stage())
    assert 1e6 < sum(p.numel() for p in network.parameters()) < 4e6
    assert network.config.channels == 32
