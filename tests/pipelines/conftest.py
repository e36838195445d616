"""Real networks at the smallest size, with random weights that do something."""

import pytest
import torch

from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig, add_low_rank, low_rank_factors
from openreels.pipelines.components import Components
from openreels.weights.checkpoint import save_network
from openreels.weights.lora import save_lora


@pytest.fixture(scope="session")
def components(tiny_networks) -> Components:
    networks = tiny_networks()
    with torch.no_grad():
        for parameter in networks["mmdit"].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Components(**{
        name: network.eval().requires_grad_(False) for name, network in networks.items()
    })


@pytest.fixture
def model_folder(components, tmp_path):
    """The networks on disk, as a model's folder."""
    for name in ("mmdit", "video_vae", "audio_vae", "text_encoder"):
        save_network(tmp_path / f"{name}.safetensors", getattr(components, name))
    return tmp_path


@pytest.fixture
def write_changes():
    """Write low-rank changes of a base with random numbers in all that they hold."""

    def write(path, base: MMDiTConfig, config: LowRankConfig) -> None:
        network = MMDiT(base)
        add_low_rank(network, config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter) * parameter.requires_grad)
        save_lora(path, network, low_rank_factors(network.state_dict(), config.whole), config)

    return write
