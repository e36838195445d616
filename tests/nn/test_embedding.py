import pytest
import torch

from openreels.nn.embedding import SigmaEmbedding, sinusoids


def test_sinusoids_are_cosines_then_sines():
    waves = sinusoids(torch.tensor([0.0, 2.0]), 8)
    assert torch.allclose(waves[0], torch.tensor([1.0] * 4 + [0.0] * 4))
    frequencies = 10_000.0 ** (-torch.arange(4) / 4)
    expected = torch.cat([torch.cos(2 * frequencies), torch.sin(2 * frequencies)])
    assert torch.allclose(waves[1], expected, atol=1e-6)


def test_an_odd_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="must be even"):
        sinusoids(torch.zeros(1), 7)


def test_noise_levels_are_told_apart():
    features = SigmaEmbedding(16)(torch.tensor([0.0, 0.01, 0.5, 1.0]))
    distances = torch.cdist(features, features) + torch.eye(4)
    assert distances.min() > 1e-3
