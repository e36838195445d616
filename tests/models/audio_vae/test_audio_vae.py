import pytest
import torch

from openreels.models.audio_vae import presets
from openreels.models.audio_vae.config import AudioVAEConfig
from openreels.models.audio_vae.layers import Framing, SpectralHead, band_matrix, compress
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


def test_compression_keeps_phases_and_levels_magnitudes():
    spectra = torch.polar(torch.tensor([1e-2, 1.0, 4.0]), torch.tensor([0.3, -2.0, 1.0]))
    features = compress(spectra.expand(1, 2, 1, 3))
    pairs = torch.view_as_complex(features[0, 0].reshape(2, 3, 2))
    assert torch.allclose(pairs.angle(), spectra.angle().expand(2, 3), atol=1e-5)
    assert torch.allclose(pairs.abs(), spectra.abs().pow(0.3).expand(2, 3), rtol=1e-3)
    assert not compress(torch.zeros(1, 2, 1, 3, dtype=torch.complex64)).any()


def test_bands_share_out_every_bin():
    spread = band_matrix(8, 257)
    assert torch.allclose(spread.sum(0), torch.ones(257), atol=1e-5)
    centres = spread.argmax(1)
    assert (centres.diff() > 0).all()
    assert centres.diff()[0] < centres.diff()[-1]


def test_gain_of_the_head_is_logarithmic():
    head = SpectralHead(6, 17, 4)
    x = torch.randn(1, 3, 6)
    before = head(x)
    with torch.no_grad():
        head.gain.bias += torch.log(torch.tensor(2.0))
    assert torch.allclose(head(x), 2 * before, rtol=1e-4, atol=1e-6)


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


def test_silence_is_the_same_everywhere_inside_a_clip(network):
    latents = network.encode(torch.zeros(1, 2, 1024 * 20))
    middle = latents[..., 5:15]
    assert torch.allclose(middle, middle[..., :1].expand_as(middle), atol=1e-6)


def test_far_sound_changes_nothing(network):
    wave = torch.randn(1, 2, 1024 * 40) * 0.1
    changed = wave.clone()
    changed[..., -1024:] = 0.5
    a, b = network.encode(wave), network.encode(changed)
    assert torch.equal(a[..., :30], b[..., :30])
    assert not torch.equal(a[..., -1], b[..., -1])
    other = a.clone()
    other[..., -1] += 1
    c, d = network.decode(a), network.decode(other)
    assert torch.allclose(c[..., : 30 * 1024], d[..., : 30 * 1024], atol=1e-6)
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
    assert not any("window" in name for name in network.state_dict())


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
        ({"hop": 300}, "hop must divide 1024"),
        ({"encoder_kernel": 4}, "encoder_kernel must be odd"),
        ({"channels": 0}, "channels must be at least 1"),
    ],
)
def test_impossible_sizes_are_refused(change, rule):
    sizes = {
        "channels": 4,
        "token_width": 8,
        "frame_width": 8,
        "encoder_token_blocks": 1,
        "encoder_frame_blocks": 1,
        "decoder_token_blocks": 1,
        "decoder_frame_blocks": 1,
    }
    with pytest.raises(ValueError, match=rule):
        AudioVAEConfig(**(sizes | change))


def test_the_shipped_size_is_small():
    network = AudioVAE(presets.stage())
    assert 2e6 < sum(p.numel() for p in network.parameters()) < 4e6
    assert network.config.channels == 32
