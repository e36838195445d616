"""Real networks at the smallest size, with random weights that do something."""

import pytest
import torch

from openreels.models.mmdit.config import MMDiTConfig
from openreels.models.mmdit.model import MMDiT
from openreels.nn.low_rank import LowRankConfig
from openreels.pipelines.components import Components
from openreels.weights.checkpoint import save_network


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
def write_changes(write_random_changes):
    """Write low-rank changes of a base with random numbers in all that they hold."""

    def write(path, base: MMDiTConfig, config: LowRankConfig) -> None:
        write_random_changes(path, MMDiT(base), config)

    return write
